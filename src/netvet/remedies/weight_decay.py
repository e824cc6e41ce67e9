"""Stronger weight decay.

## What it does
Raises `optimizer.weight_decay` to 0.005 with SGD, 0.001 with Adam (where it is part of the gradient and scaled with it)
and 0.05 with AdamW (where it is decoupled from it).

## When it helps
The net memorises its images: weak-regularisation, over-capacity, late-stopping. The 0.0005 that is usual with SGD
was set on more than a million images; small sets and shallow nets want more (Smith, Brigato et al.), so this is a step
of ten.

## What it costs
Nothing in time. Too much of it and the net no longer fits its training images; it acts in proportion to the learning
rate, so a change of one asks for the other.

## References
Krizhevsky, Sutskever, Hinton 2012, ImageNet classification with deep convolutional neural networks (0.0005),
https://papers.nips.cc/paper/4824
Smith 2018, A disciplined approach to neural network hyper-parameters (section 4.4), https://arxiv.org/abs/1803.09820
Brigato, Barz, Iocchi, Denzler 2021, Tune it or don't use it: benchmarking data-efficient image classification,
https://arxiv.org/abs/2108.13122
Loshchilov, Hutter 2019, Decoupled weight decay regularization, https://arxiv.org/abs/1711.05101
Liu et al. 2022, A ConvNet for the 2020s (AdamW with 0.05), https://arxiv.org/abs/2201.03545
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import remedy
from netvet.rules import Finding

AT_LEAST = {"sgd": 0.005, "adam": 0.001, "adamw": 0.05}


@remedy("weight-decay", changes="optimizer")
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where there is as much weight decay already."""
    least = AT_LEAST[recipe.optimizer.name]
    return recipe.change({"optimizer.weight_decay": least}) if recipe.optimizer.weight_decay < least else None
