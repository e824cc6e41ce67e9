"""Norm and activation before each convolution of a residual net, not after it.

## What it does
Sets `model.name` to `preact-resnet`, where it is `resnet` or a `cnn` with shortcuts. Nothing but sums lies on the way
from the last layer's gradient to the first layer then: the shortcut is never rectified.

## When it helps
vanishing-gradient and dead-relu in deep residual nets; the deeper, the more: He et al. find 0.2 points of error less
on CIFAR-10 with 110 layers, 2.7 points with 1,001.

## What it costs
No time. The order of layers is another, so that weights of the other kind do not fit: it declines where weights are
loaded, and for timm models, whose order is their own.

## References
He, Zhang, Ren, Sun 2016, Identity mappings in deep residual networks (CIFAR-10, 110 layers: 6.61
and 6.37 % error, 1,001 layers: 7.61 and 4.92 %), https://arxiv.org/abs/1603.05027
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import remedy
from netvet.rules import Finding


@remedy("pre-activation", changes="model", example={"model.name": "resnet"})
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None for nets without shortcuts, for timm models, and where weights are loaded."""
    model = recipe.model
    bridged = model.name == "resnet" or (model.name == "cnn" and model.shortcut == "residual")
    if not bridged or model.weights is not None:
        return None
    return recipe.change({"model.name": "preact-resnet", "model.shortcut": "none"})
