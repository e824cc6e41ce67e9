"""A class that differs from another in a detail which is lost when the images are made small."""

from __future__ import annotations

from netvet.faults import fault
from netvet.faults._reef import rendered
from netvet.recipe import Recipe

LARGEST = 64  # pixels a side: twice that is the most at which the audit's features look


@fault("weak-features", on={"data.source": "reef:species=8", "data.val": 0.3})
def lost_detail(recipe: Recipe, severity: int) -> Recipe | None:
    """Of five rendered species, the second largest differs from the largest, which has half as many images again, in
    faint bars along its body alone: 8, 11 or 13 where an image has 32 pixels a side, more where it has more.
    """
    size = recipe.data.image_size
    if size > LARGEST:
        return None
    bars = round(size / (4, 3, 2.5)[severity], 1)
    return rendered(recipe, species=5, n=300, imbalance=4.8, lookalike=0, fine=bars)
