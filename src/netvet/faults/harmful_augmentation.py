"""A class that is augmented until nothing of it is left."""

from __future__ import annotations

from netvet.faults import fault
from netvet.images.sources import Rendered, open_source
from netvet.recipe import Recipe
from netvet.reef.options import parse
from netvet.reef.species import fauna


@fault("harmful-augmentation", on={"data.source": "reef:species=8,n=100", "data.val": 0.3})
def one_class(recipe: Recipe, severity: int) -> Recipe | None:
    """One rendered species alone is turned, moved, lit and coloured far more than it ever is, and partly blanked."""
    source = open_source(recipe.data.source)
    if not isinstance(source, Rendered):
        return None
    reef = parse(source.options)
    victim = fauna(reef.species, reef.fauna)[0][min(3, reef.species - 1)]
    rotate, most = ((120, 0.8), (180, 0.9), (180, 0.97))[severity]
    changes = {
        "rotate": rotate,
        "scale": min(most, 0.9),
        "crop": most - 0.4,
        "light": most,
        "colour": most,
        "erase": 1.0,
    }
    return recipe.change({"augment.per_class": {victim: {"flip": True, **changes}}})
