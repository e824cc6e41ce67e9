"""Stop when validation no longer improves, and keep the best epoch.

## What it does
Sets `stop.early_stopping` to 5 epochs (at most a third of the run): training ends after so many epochs without a better
`stop.metric`, and the run yields the model of its best epoch instead of the last.

## When it helps
Validation gets worse while training goes on getting better: late-stopping. With label-noise too, since wrong labels are
learnt last (Arpit et al.; how much it gains was not measured here).

## What it costs
It saves time. The best epoch is picked on the validation images, so the accuracy on them is a little too good: judge by
the test split. With a schedule that ends low (one-cycle, cosine) the last epochs are mostly the best, and there is
little to gain.

## References
Prechelt 1998, Early stopping - but when? (strips of 5 epochs; slower criteria gain about 4 % and cost four times as
long),
https://doi.org/10.1007/3-540-49430-8_3
Arpit et al. 2017, A closer look at memorization in deep networks, https://arxiv.org/abs/1706.05394
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import remedy
from netvet.rules import Finding

PATIENCE = 5


@remedy("early-stopping", changes="stop")
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where it is on already, or where a run is too short (under 3 epochs) for it to act."""
    patience = min(PATIENCE, recipe.stop.epochs // 3)
    if recipe.stop.early_stopping is not None or patience < 1:
        return None
    return recipe.change({"stop.early_stopping": patience})
