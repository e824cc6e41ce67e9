"""Units that never fire."""

from __future__ import annotations

from netvet.fault import fault
from netvet.recipe import Recipe


@fault("dead-relu")
def large_weights(recipe: Recipe, _severity: int) -> Recipe:
    """Weights three times too large, and no norm: the first steps kill most units."""
    return recipe.change({"model.init": "large", "model.norm_after": "none"})
