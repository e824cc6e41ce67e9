"""Larger batches, with the learning rate raised to match.

## What it does
Sets `batch_size` to 64. The epochs stay, so there are fewer steps, and each has to be longer: `optimizer.lr` is
raised in proportion to the batch with SGD, and with its square root with Adam and AdamW, but not above what is usual
at 64 images (0.05 for SGD, 0.001 for Adam) where it was below that.

## When it helps
Where batch norm has too few images to take statistics of (batch-norm-mismatch), and where steps are mostly noise. Wu
and He find batch norm at its best from 16 images on.

## What it costs
Memory. The noise of small batches also regularises: the gap to validation can widen (Keskar et al.).

## References
Goyal et al. 2017, Accurate, large minibatch SGD (in proportion), https://arxiv.org/abs/1706.02677
Malladi et al. 2022, On the SDEs and scaling rules for adaptive gradient algorithms (the square root),
https://arxiv.org/abs/2205.10287
Wu, He 2018, Group normalization, https://arxiv.org/abs/1803.08494
Keskar et al. 2017, On large-batch training for deep learning, https://arxiv.org/abs/1609.04836
"""

from __future__ import annotations

import math
from typing import Any

from netvet.recipe import Recipe
from netvet.remedies import USUAL_RATES, remedy
from netvet.rules import Finding

BATCH = 64


@remedy("larger-batch", changes="batch_size", also=["optimizer"], example={"batch_size": 2})
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where a batch has 64 images already."""
    if recipe.batch_size >= BATCH:
        return None
    ratio, rate = BATCH / recipe.batch_size, recipe.optimizer.lr
    scaled = rate * (ratio if recipe.optimizer.name == "sgd" else math.sqrt(ratio))
    target = max(rate, min(scaled, USUAL_RATES[recipe.optimizer.name]))
    changes: dict[str, Any] = {"batch_size": BATCH}
    if target > rate:
        changes["optimizer.lr"] = float(f"{target:.2g}")
    return recipe.change(changes)
