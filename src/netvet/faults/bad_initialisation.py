"""First weights that let no signal through."""

from __future__ import annotations

from netvet.faults import fault
from netvet.recipe import Recipe


@fault("bad-initialisation")
def too_small(recipe: Recipe, severity: int) -> Recipe | None:
    """A tenth of He's weights in five, eight or twelve ReLU layers without a norm."""
    return _scaled(recipe, "small", (5, 8, 12)[severity])


@fault("bad-initialisation")
def too_large(recipe: Recipe, severity: int) -> Recipe | None:
    """Three times He's weights in four, five or eight ReLU layers without a norm, trained with SGD."""
    if recipe.optimizer.name != "sgd":
        return None  # Adam's steps do not grow with the loss: it recovers
    return _scaled(recipe, "large", (4, 5, 8)[severity])


@fault("bad-initialisation")
def wrong_gain(recipe: Recipe, severity: int) -> Recipe | None:
    """PyTorch's own weights in ten, sixteen or twenty ReLU layers without a norm."""
    return _scaled(recipe, "default", (10, 16, 20)[severity])


@fault("bad-initialisation")
def alike(recipe: Recipe, _severity: int) -> Recipe | None:
    """The same weight everywhere, so that all units of a layer stay alike."""
    if recipe.model.name not in ("cnn", "resnet", "preact-resnet") or recipe.model.weights is not None:
        return None
    return recipe.change({"model.init": "constant", "model.norm_after": "none"})


def _scaled(recipe: Recipe, init: str, depth: int) -> Recipe | None:
    model = recipe.model
    if model.name != "cnn" or model.shortcut != "none" or model.activation in ("tanh", "sigmoid"):
        return None
    return recipe.change({"model.init": init, "model.depth": depth, "model.norm_after": "none"})
