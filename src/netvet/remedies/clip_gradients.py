"""Gradients clipped to a largest norm.

## What it does
Sets `optimizer.clip` to 1: where the L2 norm of the whole gradient is more, it is scaled down to 1, its direction
kept.

## When it helps
Single steps that throw the weights far away: exploding-gradient, divergence, a learning rate that is too high for a
few batches (learning-rate-too-high).

## What it costs
One pass over the gradients. Where every gradient is longer than the bound, it is the length of steps that is set, not
the bound of them: lower-learning-rate or he-init mend the cause. With Adam, which divides by the gradient's size, it
acts on outliers alone.

## References
Pascanu, Mikolov, Bengio 2013, On the difficulty of training recurrent neural networks,
https://proceedings.mlr.press/v28/pascanu13.html
Zhang, He, Sra, Jadbabaie 2020, Why gradient clipping accelerates training, https://arxiv.org/abs/1905.11881
Liu et al. 2021, Swin Transformer (a bound of 1), https://arxiv.org/abs/2103.14030
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import remedy
from netvet.rules import Finding

BOUND = 1.0


@remedy("clip-gradients", changes="optimizer")
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where gradients are bounded by as little already."""
    now = recipe.optimizer.clip
    return recipe.change({"optimizer.clip": BOUND}) if now is None or now > BOUND else None
