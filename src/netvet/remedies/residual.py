"""Shortcuts past pairs of layers.

## What it does
Sets `model.shortcut` to `residual` in a plain net of at least 3 convolutions: what goes into two convolutions is
added to what comes out (into one where a pooling lies between two), with a 1x1 projection where shapes differ. In
timm's VGG nets the operation `residual` adds the input to each pair of convolutions whose output has its shape.

## When it helps
Where gradients fade or explode on their way through many layers (vanishing-gradient, exploding-gradient): a shortcut
has the derivative 1. In nets of a few layers it changes little.

## What it costs
A projection where shapes differ, a ninth of a convolution's parameters. Nets that have shortcuts already are left
alone.

## References
He, Zhang, Ren, Sun 2016, Deep residual learning (18 layers: 27.94 % error plain, 27.88 % residual; 34 layers: 28.54
and
25.03 %), https://arxiv.org/abs/1512.03385
Balduzzi et al. 2017, The shattered gradients problem, https://arxiv.org/abs/1702.08591
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import remedy
from netvet.remedies._net import is_plain_timm, with_surgery
from netvet.rules import Finding

LEAST_DEPTH = 3  # none spans the first convolution, so that two are left for a pair


@remedy("residual", changes="model", also=["surgery"])
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where the net has shortcuts, fewer than 3 convolutions, or loaded weights."""
    model = recipe.model
    if model.weights is not None:
        return None
    if is_plain_timm(recipe):
        return with_surgery(recipe, "residual")
    if model.name != "cnn" or model.shortcut == "residual" or model.depth < LEAST_DEPTH:
        return None
    return recipe.change({"model.shortcut": "residual"})
