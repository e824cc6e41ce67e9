"""No batch norm in the second half of the layers.

## What it does
Takes the batch norms of the second half of the convolutions out: `model.norm_after` becomes `early`, or what was in
the first half alone. In a timm model the operation `drop-deep-batch-norm` folds each into the convolution before it,
so that loaded weights compute what they did.

## When it helps
Where validation goes by running statistics that are not those of the batches (batch-norm-mismatch): the maps of deep
layers are small, so that a small batch has few values to a channel, and their statistics drift most, since every
layer below has a part in them.

## What it costs
The deep layers lose what norm gives them: lower the learning rate if the loss gets jumpy. Try recalibrate-batch-norm
and group-norm first; they keep the layers' scale in hand.

## References
Ioffe, Szegedy 2015, Batch normalization, https://arxiv.org/abs/1502.03167
Wu, Johnson 2021, Rethinking batch in BatchNorm, https://arxiv.org/abs/2105.07576
Jacob et al. 2018, Quantization and training of neural networks (folding a norm into a convolution),
https://arxiv.org/abs/1712.05877
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import is_own_net, remedy
from netvet.remedies._net import has_batch_norm, normed_layers, with_surgery
from netvet.rules import Finding


@remedy("drop-deep-batch-norm", changes="model", also=["surgery"])
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where no batch norm follows a convolution of the second half."""
    if not has_batch_norm(recipe):
        return None
    if not is_own_net(recipe):
        return with_surgery(recipe, "drop-deep-batch-norm")
    normed = normed_layers(recipe.model)
    early = normed_layers(recipe.model.model_copy(update={"norm_after": "early"}))
    if normed <= early:
        return None
    left = normed & early
    return recipe.change({"model.norm_after": "early" if left == early else sorted(left) or "none"})
