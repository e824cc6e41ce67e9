"""A ravine, and no momentum to cross it."""

from __future__ import annotations

from netvet.faults import fault
from netvet.recipe import Recipe


@fault("no-momentum", on={"data.source": "reef:species=8,n=60", "model.depth": 7, "model.norm_after": "none"})
def plain(recipe: Recipe, severity: int) -> Recipe | None:
    """SGD without momentum at its usual rate, at 0.6 or at 0.4 of it, in a net that has no norms and learns with it."""
    if recipe.optimizer.name != "sgd" or recipe.model.norm_after != "none":
        return None
    rate = float(f"{recipe.optimizer.lr * (1, 0.6, 0.4)[severity]:.3g}")
    return recipe.change({"optimizer.momentum": 0.0, "optimizer.nesterov": False, "optimizer.lr": rate})
