"""Exponential linear units: smooth, and never quite dead.

## What it does
Sets `model.activation` to `elu`: x above 0, exp(x) - 1 below, so that the mean of what a unit puts out is nearer to 0
and its gradient fades only far below 0. A first bias below 0 (`model.bias`) is set to 0. In a timm model the ReLU
layers are replaced by the operation `activation=elu`.

## When it helps
Where many units are dead (dead-relu) or saturated (saturated-activation), and where gradients fade in a deep net
without norm (vanishing-gradient).

## What it costs
An exponential for each unit. With batch norm it gains little over ReLU (Clevert et al. find that norm adds nothing to
ELU nets). It declines where the activation is none of ReLU, leaky ReLU, tanh and sigmoid.

## References
Clevert, Unterthiner, Hochreiter 2016, Fast and accurate deep network learning by exponential linear units,
https://arxiv.org/abs/1511.07289
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import remedy
from netvet.remedies._net import activate
from netvet.rules import Finding


@remedy("elu", changes="model", also=["surgery"])
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where the activation is ELU already, or one that neither dies nor saturates."""
    return activate(recipe, "elu", instead_of=("relu", "leaky-relu", "tanh", "sigmoid"))
