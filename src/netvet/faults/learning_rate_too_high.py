"""Steps that overshoot."""

from __future__ import annotations

from netvet.fault import fault
from netvet.recipe import Recipe


@fault("learning-rate-too-high")
def scaled_up(recipe: Recipe, severity: int) -> Recipe:
    """Twenty, thirty or a hundred times the learning rate, without norms."""
    rate = recipe.optimizer.lr * (20, 30, 100)[severity]
    return recipe.change({"optimizer.lr": rate, "model.norm_after": "none"})
