"""Batch norm from the first layer on.

## What it does
Sets `model.norm` to `batch` and `model.norm_after` to `all`, where the first half of the layers is not normalised
yet. Batch norm gives every channel mean 0 and standard deviation 1 over the batch, so that the signal keeps its size
on the way forward and the gradient on the way back. In timm's VGG nets without norm the operation `early-batch-norm`
puts one behind each convolution of the first half. In netvet's own nets it is all layers, not the early ones alone:
the gradient reaches an early layer through all later ones, and each of them can shrink it. A plain net of 16
convolutions with PyTorch's initial weights, on six rendered species, stayed at guessing (17 %) without norm and with
norm in the first half alone, and reached 40 % within six epochs with norm everywhere (mean of two seeds).

## When it helps
vanishing-gradient and dead-relu in deep nets without norm, or with norm in the late layers alone; a learning rate
that is too high for a net without norm, which norm makes safe.

## What it costs
A few per cent of the time of a step. With batches of fewer than about 16 images its statistics are noisy (Wu & He
2018).

## References
Ioffe, Szegedy 2015, Batch normalization, https://arxiv.org/abs/1502.03167
Santurkar et al. 2018, How does batch normalization help optimization?, https://arxiv.org/abs/1805.11604
Wu, He 2018, Group normalization, https://arxiv.org/abs/1803.08494
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import is_own_net, remedy
from netvet.remedies._net import is_plain_timm, normed_layers, with_surgery
from netvet.rules import Finding


@remedy("early-batch-norm", changes="model", also=["surgery"], example={"model.norm_after": "none"})
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where the first half of the layers is normalised, by whatever kind of norm."""
    if is_plain_timm(recipe):
        return with_surgery(recipe, "early-batch-norm")
    early = normed_layers(recipe.model.model_copy(update={"norm_after": "early"}))
    if not is_own_net(recipe) or early <= normed_layers(recipe.model):
        return None
    return recipe.change({"model.norm": "batch", "model.norm_after": "all"})
