"""A narrower network.

## What it does
Sets `model.width` to 16 channels in the first layer, the width of the nets that He et al. trained on small images.
Parameters go with the square of the width: from 32 to 16 leaves a quarter.

## When it helps
The net is large for its images (over-capacity): it memorises them, and nothing is lost by taking room away.

## What it costs
It trains faster. A net that is too narrow for the number of species underfits. Nets often generalise in spite of their
size (Zhang et al.), so this helps less often than augment or weight-decay. Does not apply to timm models.

## References
He, Zhang, Ren, Sun 2016, Deep residual learning (section 4.2: 16, 32, 64 channels on 32-pixel images),
https://arxiv.org/abs/1512.03385 Zhang et al. 2017, Understanding deep learning requires rethinking generalization,
https://arxiv.org/abs/1611.03530
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import is_own_net, remedy
from netvet.rules import Finding

WIDTH = 16


@remedy("smaller-model", changes="model")
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where the net is as narrow already, where weights are loaded, and for timm models."""
    if not is_own_net(recipe) or recipe.model.weights is not None or recipe.model.width <= WIDTH:
        return None
    return recipe.change({"model.width": WIDTH})
