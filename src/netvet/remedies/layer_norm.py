"""Layer norm in place of batch norm.

## What it does
Sets `model.norm` to `layer`: each image is normalised by itself, over all channels and positions of a map (group norm
with one group). In a timm model the operation `norm=layer` replaces each batch norm, gains and biases kept.

## When it helps
Where batch norm goes wrong (batch-norm-mismatch): batches of a few images, batches unlike the data, running
statistics that lag behind. Nothing depends on the batch any more, and training and validation compute the same
function.

## What it costs
Some time: two passes over each map that cannot be folded into a convolution. In convolutional nets it is mostly
behind group-norm (Wu & He: 74.7 % against 75.9 % of ImageNet at 32 images a device), since all channels share one
scale. Weights that were loaded with batch norm have to be trained further.

## References
Ba, Kiros, Hinton 2016, Layer normalization, https://arxiv.org/abs/1607.06450
Wu, He 2018, Group normalization, https://arxiv.org/abs/1803.08494
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import remedy
from netvet.remedies._net import renorm
from netvet.rules import Finding


@remedy("layer-norm", changes="model", also=["surgery"])
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where there is no batch norm."""
    return renorm(recipe, "layer")
