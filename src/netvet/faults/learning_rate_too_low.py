"""Steps that are too short."""

from __future__ import annotations

from netvet.faults import fault
from netvet.recipe import Recipe

ADAM = {"optimizer.name": "adam", "optimizer.lr": 0.002}


@fault("learning-rate-too-low")
def scaled_down(recipe: Recipe, severity: int) -> Recipe:
    """A thirtieth, a hundredth or a thousandth of the learning rate."""
    return recipe.change({"optimizer.lr": recipe.optimizer.lr / (30, 100, 1000)[severity]})


@fault("learning-rate-too-low", on=ADAM)
def adam_scaled_down(recipe: Recipe, severity: int) -> Recipe:
    """Adam with a hundredth, a three-hundredth or a thousandth of its learning rate."""
    usual = recipe.optimizer.lr if recipe.optimizer.name != "sgd" else 0.002
    changes = {} if recipe.optimizer.name != "sgd" else {"optimizer.name": "adam"}
    return recipe.change({**changes, "optimizer.lr": usual / (100, 300, 1000)[severity]})
