"""A lower learning rate.

## What it does
Sets `optimizer.lr`, the peak of the schedule. Where the learning rate range test has been taken, to the rate at which
the loss fell fastest in it, at most half of the highest that lowered it. Otherwise to the usual for the optimiser
(0.05 for SGD with momentum, 0.001 for Adam and AdamW) where the recipe's is more than twice that, else to a tenth;
never below a tenth of the usual.

## When it helps
The loss jumps or diverges (learning-rate-too-high), or units die in large steps (dead-relu).

## What it costs
Progress for each step gets smaller: below the right rate it costs epochs. A high rate also regularises (Li et al.), so
the lowest rate that trains is not the best.

## References
Smith 2017, Cyclical learning rates for training neural networks (the range test), https://arxiv.org/abs/1506.01186
Kingma, Ba 2015, Adam (the usual 0.001), https://arxiv.org/abs/1412.6980 Goyal et al. 2017, Accurate, large minibatch
SGD (0.1 for 256 images, in proportion to the batch), https://arxiv.org/abs/1706.02677 Li, Wei, Ma 2019, Towards
explaining the regularization effect of initial large learning rate, https://arxiv.org/abs/1907.04595
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import NEAR, USUAL_RATES, best_learning_rate, remedy
from netvet.rules import Finding


@remedy("lower-learning-rate", changes="optimizer")
def apply(recipe: Recipe, finding: Finding | None = None) -> Recipe | None:
    """None where the range test's best rate is no lower, or where the rate is a tenth of the usual already."""
    rate, usual = recipe.optimizer.lr, USUAL_RATES[recipe.optimizer.name]
    target = best_learning_rate(finding)
    if target is None:
        target = usual if rate > 2 * usual else max(rate / 10, usual / 10)
    if target * NEAR >= rate:
        return None
    return recipe.change({"optimizer.lr": float(f"{target:.2g}")})
