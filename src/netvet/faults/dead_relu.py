"""Units that never fire."""

from __future__ import annotations

from netvet.faults import fault
from netvet.recipe import Recipe


@fault("dead-relu", on={"model.depth": 8})
def biases(recipe: Recipe, severity: int) -> Recipe | None:
    """First biases of -1, -2 or -3 and no norm: most units are negative on every image, or soon will be.

    With Adam, which revives a net that has some units left, -2.5, -3 or -4.
    """
    model = recipe.model
    if model.name != "cnn" or model.shortcut != "none" or model.activation != "relu":
        return None
    strengths = (-1.0, -2.0, -3.0) if recipe.optimizer.name == "sgd" else (-2.5, -3.0, -4.0)
    return recipe.change({"model.bias": strengths[severity], "model.norm_after": "none"})
