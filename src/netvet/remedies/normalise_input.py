"""Pixels with mean 0 and standard deviation 1.

## What it does
Sets `data.normalise` to `auto`: each colour channel is shifted and scaled by the statistics that loaded weights were
made with, else by those of the training images. In a loop of your own the operation
`normalise-input=MEANS/DEVIATIONS` of `netvet.nets.surgery` puts such a layer before the model.

## When it helps
unnormalised-input: pixels that are all positive push the weights of a first-layer unit all one way (LeCun et al.),
and pixels in 0..255 make first activations and gradients hundreds of times too large. Loaded weights expect the
pixels that they were made with.

## What it costs
Nothing that can be measured.

## References
LeCun, Bottou, Orr, Müller 1998, Efficient backprop (section 4.3), https://doi.org/10.1007/3-540-49430-8_2
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import remedy
from netvet.rules import Finding


@remedy("normalise-input", changes="data", example={"data.normalise": "none"})
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where pixels are normalised already."""
    return None if recipe.data.normalise == "auto" else recipe.change({"data.normalise": "auto"})
