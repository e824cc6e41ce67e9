"""Running statistics of batch norms recomputed after every epoch.

## What it does
Sets `model.recalibrate`: at the end of each epoch, before it is judged, mean and variance of every batch norm are
computed over about 1,000 clean training images with the weights as they then are. Sets `model.norm_momentum` to 0.1
where it is less, so that the statistics between are of the last tens of steps.

## When it helps
Where validation by running statistics is worse than by those of the batch (batch-norm-mismatch): an average that
moves too slowly, small batches, weights that change fast, strong augmentation. It alters no step of the training.

## What it costs
One pass over about 1,000 images an epoch, without gradients. Where batches of a few images make the training itself
noisy it does not help: larger-batch or group-norm do.

## References
Wu, Johnson 2021, Rethinking batch in BatchNorm (precise batch norm; 1,000 to 10,000 images are enough),
https://arxiv.org/abs/2105.07576
Izmailov et al. 2018, Averaging weights leads to wider optima (statistics recomputed for new weights),
https://arxiv.org/abs/1803.05407
"""

from __future__ import annotations

from typing import Any

from netvet.recipe import Recipe
from netvet.remedies import is_own_net, remedy
from netvet.remedies._net import has_batch_norm
from netvet.rules import Finding

MOMENTUM = 0.1  # torch's own


@remedy("recalibrate-batch-norm", changes="model")
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where there is no batch norm, or where it is done already."""
    if recipe.model.recalibrate or not has_batch_norm(recipe):
        return None
    changes: dict[str, Any] = {"model.recalibrate": True}
    if is_own_net(recipe) and recipe.model.norm_momentum < MOMENTUM:
        changes["model.norm_momentum"] = MOMENTUM
    return recipe.change(changes)
