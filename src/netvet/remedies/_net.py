"""What remedies of the network share: which net it is, and the same change as a field of the recipe or as surgery."""

from __future__ import annotations

import math
from collections.abc import Sequence

from netvet.recipe import Model, Recipe, parse_operation
from netvet.remedies import is_own_net

WITHOUT_NORM = ("vgg11", "vgg13", "vgg16", "vgg19")
"""timm's plain nets: no norm, no shortcut."""


def is_plain_timm(recipe: Recipe) -> bool:
    """Whether it is a timm model without norms and shortcuts; its `_bn` twins have norms."""
    return recipe.model.name.partition(".")[0] in WITHOUT_NORM


def with_surgery(recipe: Recipe, operation: str) -> Recipe | None:
    """The recipe with one operation more, in place of another of its name; None where it is there."""
    if operation in recipe.surgery:
        return None
    name, _value = parse_operation(operation)
    others = [text for text in recipe.surgery if parse_operation(text)[0] != name]
    return recipe.change({"surgery": [*others, operation]})


def normed_layers(model: Model) -> set[int]:
    """The convolutions of an own net, counted from 1, that a norm follows."""
    half = math.ceil(model.depth / 2)
    match model.norm_after:
        case "all":
            return set(range(1, model.depth + 1))
        case "none":
            return set()
        case "early":
            return set(range(1, half + 1))
        case "late":
            return set(range(half + 1, model.depth + 1))
        case numbers:
            return {number for number in numbers if number <= model.depth}


def has_batch_norm(recipe: Recipe) -> bool:
    """Whether the net has batch norms; of most timm models it is assumed."""
    if not is_own_net(recipe):
        normed = not is_plain_timm(recipe) or "early-batch-norm" in recipe.surgery  # a `vgg11_bn` is not plain
        return normed and not any(text.startswith("norm=") for text in recipe.surgery)
    return recipe.model.norm == "batch" and bool(normed_layers(recipe.model))


def activate(recipe: Recipe, kind: str, *, instead_of: Sequence[str]) -> Recipe | None:
    """The recipe with another activation, and first biases not below 0; None where its own is not one of
    `instead_of`.
    """
    if not is_own_net(recipe):
        return with_surgery(recipe, f"activation={kind}")
    if recipe.model.activation not in instead_of:
        return None
    return recipe.change({"model.activation": kind, "model.bias": max(0.0, recipe.model.bias)})


def renorm(recipe: Recipe, kind: str) -> Recipe | None:
    """The recipe with another norm in place of batch norm; None where it has no batch norm."""
    if not has_batch_norm(recipe):
        return None
    return recipe.change({"model.norm": kind}) if is_own_net(recipe) else with_surgery(recipe, f"norm={kind}")
