"""A network with hardly any room."""

from __future__ import annotations

from netvet.faults import fault
from netvet.recipe import Recipe


@fault("under-capacity")
def narrow(recipe: Recipe, severity: int) -> Recipe | None:
    """Two convolutions of three, two or one channel, where the channels do not grow for want of a pooling."""
    if recipe.model.name != "cnn":
        return None
    width = (3, 2, 1)[severity]
    return recipe.change({"model.width": width, "model.depth": 2, "model.pool_every": 2})
