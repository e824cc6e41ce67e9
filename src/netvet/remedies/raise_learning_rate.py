"""A higher learning rate.

## What it does
Sets `optimizer.lr`, the peak of the schedule. Where the learning rate range test has been taken, to the rate at which
the loss fell fastest in it, at most half of the highest that lowered it. Otherwise to the usual for the optimiser
(0.05 for SGD with momentum, 0.001 for Adam and AdamW) where the recipe's is less than half of that, else to ten times;
never above ten times the usual.

## When it helps
The loss falls smoothly and far too slowly (learning-rate-too-low).

## What it costs
Nothing in time. Above the range in which the loss falls, training diverges.

## References
Smith 2017, Cyclical learning rates for training neural networks (the range test), https://arxiv.org/abs/1506.01186
Kingma, Ba 2015, Adam (the usual 0.001), https://arxiv.org/abs/1412.6980 Goyal et al. 2017, Accurate, large minibatch
SGD (0.1 for 256 images, in proportion to the batch), https://arxiv.org/abs/1706.02677
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import NEAR, USUAL_RATES, best_learning_rate, remedy
from netvet.rules import Finding


@remedy("raise-learning-rate", changes="optimizer")
def apply(recipe: Recipe, finding: Finding | None = None) -> Recipe | None:
    """None where the range test's best rate is no higher, or where the rate is ten times the usual already."""
    rate, usual = recipe.optimizer.lr, USUAL_RATES[recipe.optimizer.name]
    target = best_learning_rate(finding)
    if target is None:
        target = usual if rate < usual / 2 else min(rate * 10, usual * 10)
    if target <= rate * NEAR:
        return None
    return recipe.change({"optimizer.lr": float(f"{target:.2g}")})
