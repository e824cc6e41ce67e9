"""Bounded activations at their bounds."""

from __future__ import annotations

from netvet.faults import fault
from netvet.recipe import Recipe


@fault("saturated-activation", on={"data.source": "reef:species=8,n=60"})
def large_weights(recipe: Recipe, severity: int) -> Recipe | None:
    """Six, eight or twelve tanh layers with three times the usual weights and no norm."""
    if recipe.model.name != "cnn":
        return None
    changes = {"model.activation": "tanh", "model.init": "large", "model.norm_after": "none", "model.shortcut": "none"}
    return recipe.change({**changes, "model.depth": (6, 8, 12)[severity]})


@fault("saturated-activation")
def biases(recipe: Recipe, severity: int) -> Recipe | None:
    """Tanh layers whose biases start at 2.5, 3 or 4, and no norm."""
    if recipe.model.name != "cnn":
        return None
    changes = {"model.activation": "tanh", "model.init": "he", "model.norm_after": "none", "model.shortcut": "none"}
    return recipe.change({**changes, "model.bias": (2.5, 3.0, 4.0)[severity]})
