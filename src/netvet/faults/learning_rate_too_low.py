"""Steps that are too short."""

from __future__ import annotations

from netvet.fault import fault
from netvet.recipe import Recipe


@fault("learning-rate-too-low")
def scaled_down(recipe: Recipe, severity: int) -> Recipe:
    """A thirtieth, a hundredth or a thousandth of the learning rate."""
    return recipe.change({"optimizer.lr": recipe.optimizer.lr / (30, 100, 1000)[severity]})
