"""Gradients that grow on their way back."""

from __future__ import annotations

from netvet.faults import fault
from netvet.recipe import Recipe


@fault("exploding-gradient", on={"data.source": "reef:species=8,n=60", "stop.epochs": 6})
def deep_batch_norm(recipe: Recipe, severity: int) -> Recipe | None:
    """Fifty, sixty or eighty narrow layers with batch norm and without shortcuts."""
    if recipe.model.name != "cnn" or recipe.model.activation != "relu":
        return None
    changes = {"model.norm": "batch", "model.norm_after": "all", "model.shortcut": "none", "model.width": 8}
    return recipe.change({**changes, "model.depth": (50, 60, 80)[severity]})
