"""Classes whose images are too dark to read."""

from __future__ import annotations

from netvet.faults import fault
from netvet.faults._reef import rendered
from netvet.recipe import Recipe


@fault("low-quality-images", on={"data.source": "reef:species=8", "data.val": 0.3})
def night(recipe: Recipe, severity: int) -> Recipe | None:
    """Of five rendered species, the two with the fewest images have a ninth, a tenth or a twelfth of the light.

    One dark class alone is told by its darkness, and learnt best of all.
    """
    return rendered(recipe, species=5, n=300, imbalance=4.8, victim=3, victims=2, dark=(0.96, 0.98, 1.0)[severity])
