"""Whole channels dropped while training.

## What it does
Raises `model.spatial_dropout` to 0.1: in training a channel is zeroed over the whole map, with that probability, where
the map has been halved (of a net that halves none: after the last convolution).

## When it helps
weak-regularisation, where dropout before the last layer alone is too late: neighbouring pixels of a map are nearly
equal, so that single ones that are zeroed take nothing away, and a whole channel does (Tompson et al.).
It has not been shown to help here: 702 photographs of 21 species without augmentation (48 pixels, 16 epochs, two seeds)
reached a balanced validation accuracy of 47 and 47 % without it, 43 and 44 % with 0.1 and 34 % with 0.2 (one seed),
while training accuracy fell from 98 to 91 and 76 %: it pays in longer runs, if at all. dropout reached 46 and 41 %.

## What it costs
Training is slower to converge, as above, and there is no more to gain where it has not. It declines for timm models,
which have no such layers: take dropout there.

## References
Tompson, Goroshin, Jain, LeCun, Bregler 2015, Efficient object localization using convolutional networks,
https://arxiv.org/abs/1411.4280
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import is_own_net, remedy
from netvet.rules import Finding

RATE = 0.1


@remedy("spatial-dropout", changes="model", slow=True)
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None for timm models, and where as many channels are dropped already."""
    if not is_own_net(recipe) or recipe.model.spatial_dropout >= RATE:
        return None
    return recipe.change({"model.spatial_dropout": RATE})
