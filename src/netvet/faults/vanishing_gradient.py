"""Gradients that die on their way back."""

from __future__ import annotations

from netvet.faults import fault
from netvet.recipe import Recipe


@fault("vanishing-gradient", on={"stop.epochs": 6})
def sigmoids(recipe: Recipe, severity: int) -> Recipe | None:
    """Twelve, twenty or thirty sigmoid layers without a norm."""
    if recipe.model.name != "cnn":
        return None
    depth = (12, 20, 30)[severity]
    return recipe.change({"model.depth": depth, "model.activation": "sigmoid", "model.norm_after": "none"})
