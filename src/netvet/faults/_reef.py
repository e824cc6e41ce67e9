"""Options of the rendered reef, changed in a recipe: shared by the faults that lie in the images."""

from __future__ import annotations

from netvet.recipe import Recipe


def rendered(recipe: Recipe, **options: float) -> Recipe | None:
    """The recipe with these options of its reef put in the place of those it has; None where it paints no reef.

    >>> rendered(Recipe().change({"data.source": "reef:species=6,n=90"}), n=120, mix=0.5).data.source
    'reef:species=6,n=120,mix=0.5'
    """
    name, _colon, text = recipe.data.source.partition(":")
    if name != "reef":
        return None
    known = dict(part.split("=", 1) for part in text.split(",")) if text else {}
    known |= {option: f"{value:g}" for option, value in options.items()}
    source = "reef:" + ",".join(f"{option}={value}" for option, value in known.items())
    return recipe.change({"data.source": source})
