"""Groups in more than one split."""

from __future__ import annotations

from netvet.faults import fault
from netvet.recipe import Recipe


@fault("split-leakage", on={"data.source": "reef:species=6,n=60,groups=6", "stop.epochs": 4})
def torn_groups(recipe: Recipe, _severity: int) -> Recipe:
    """Groups torn apart by a random split."""
    return recipe.change({"data.group": "none"})
