"""Steps that overshoot."""

from __future__ import annotations

from netvet.faults import fault
from netvet.recipe import Recipe

ADAM = {"optimizer.name": "adam", "optimizer.lr": 0.002}


@fault("learning-rate-too-high")
def scaled_up(recipe: Recipe, severity: int) -> Recipe:
    """Twenty, thirty or a hundred times the learning rate, without norms."""
    rate = recipe.optimizer.lr * (20, 30, 100)[severity]
    return recipe.change({"optimizer.lr": rate, "model.norm_after": "none"})


@fault("learning-rate-too-high", on=ADAM)
def adam_scaled_up(recipe: Recipe, severity: int) -> Recipe:
    """Adam with fifty, a hundred or three hundred times its learning rate, without norms."""
    usual = recipe.optimizer.lr if recipe.optimizer.name != "sgd" else 0.002
    changes = {} if recipe.optimizer.name != "sgd" else {"optimizer.name": "adam"}
    rate = usual * (50, 100, 300)[severity]
    return recipe.change({**changes, "optimizer.lr": rate, "model.norm_after": "none"})
