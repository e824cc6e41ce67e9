"""Two classes that look the same."""

from __future__ import annotations

from netvet.faults import fault
from netvet.faults._reef import rendered
from netvet.recipe import Recipe


@fault("look-alike-classes", on={"data.source": "reef:species=8", "data.val": 0.3})
def twins(recipe: Recipe, severity: int) -> Recipe | None:
    """Of five rendered species, the second largest is at 4, 2 or 0 % of its distance from the largest, which has half
    as many images again.

    With as many images of either the network names both by turns, and no class is stuck.
    """
    return rendered(recipe, species=5, n=300, imbalance=4.8, lookalike=(0.04, 0.02, 0.0)[severity])
