"""Images in a range that the first weights are not made for."""

from __future__ import annotations

from netvet.faults import fault
from netvet.recipe import Recipe


@fault("unnormalised-input", on={"data.source": "reef:species=8,n=60"})
def in_bytes(recipe: Recipe, _severity: int) -> Recipe | None:
    """Pixels in 0..255, no norm, and SGD, whose steps grow with the input."""
    model = recipe.model
    if model.name != "cnn" or model.activation in ("tanh", "sigmoid") or recipe.optimizer.name != "sgd":
        return None
    return recipe.change({"data.normalise": "bytes", "model.norm_after": "none"})


@fault("unnormalised-input", on={"data.source": "reef:species=8,n=60"})
def in_bytes_bounded(recipe: Recipe, _severity: int) -> Recipe | None:
    """Pixels in 0..255 before tanh, and no norm: the first layer lies at its bounds."""
    if recipe.model.name != "cnn":
        return None
    return recipe.change({"data.normalise": "bytes", "model.norm_after": "none", "model.activation": "tanh"})
