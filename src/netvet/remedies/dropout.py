"""Dropout before the last layer.

## What it does
Raises `model.dropout` to 0.5: in training, every input of the last layer is zeroed half the time, so that no single
feature can be relied upon. Of a timm model it is the `drop_rate`, raised to 0.2.

## When it helps
The net memorises its images (weak-regularisation, over-capacity), above all with a wide last layer and few
images.

## What it costs
Training is slower to converge. Together with strong augmentation or weight decay it can be too much.

## References
Srivastava et al. 2014, Dropout (0.5 for hidden units), https://jmlr.org/papers/v15/srivastava14a.html
Tan, Le 2019, EfficientNet (0.2 for the smallest net to 0.5 for the largest), https://arxiv.org/abs/1905.11946
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import is_own_net, remedy
from netvet.rules import Finding


@remedy("dropout", changes="model", slow=True)
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where there is as much dropout already."""
    rate = 0.5 if is_own_net(recipe) else 0.2
    return recipe.change({"model.dropout": rate}) if recipe.model.dropout < rate else None
