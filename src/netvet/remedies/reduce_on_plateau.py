"""A learning rate that is cut when validation stops improving.

## What it does
Sets `schedule.name` to `plateau`: the rate is divided by 10 after a tenth of the run's epochs, at least 2, without a
better validation loss.

## When it helps
A constant rate that brings the loss down to a plateau and is too high to go on from there (learning-rate-too-high,
loss-plateau), in runs whose length is not known in advance.

## What it costs
Nothing in time. The validation loss steers the training, so that validation is a little too good: judge by the test
split. A noisy validation loss cuts too early.

## References
He, Zhang, Ren, Sun 2016, Deep residual learning (divided by 10 when the error plateaus),
https://arxiv.org/abs/1512.03385
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import remedy
from netvet.rules import Finding

FACTOR = 0.1


@remedy("reduce-on-plateau", changes="schedule", example={"schedule.name": "constant"})
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where the rate falls already, by plan or on plateaus."""
    if recipe.schedule.name not in ("constant", "cyclic"):
        return None
    patience = max(2, recipe.stop.epochs // 10)
    return recipe.change({"schedule.name": "plateau", "schedule.gamma": FACTOR, "schedule.patience": patience})
