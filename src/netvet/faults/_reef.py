"""Options of the rendered reef, changed in a recipe: shared by the faults that lie in the images."""

from __future__ import annotations

from netvet.images.sources import Rendered, open_source
from netvet.recipe import Recipe


def rendered(recipe: Recipe, **options: float) -> Recipe | None:
    """The recipe with these options of its reef put in the place of those it has; None where it paints no reef.

    >>> rendered(Recipe().change({"data.source": "reef:species=6,n=90"}), n=120, mix=0.5).data.source
    'reef:species=6,n=120,mix=0.5'
    """
    source = open_source(recipe.data.source)
    return recipe.change({"data.source": source.changed(**options)}) if isinstance(source, Rendered) else None
