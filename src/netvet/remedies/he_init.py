"""He initialisation, so that the signal neither fades nor explodes on its way through the layers.

## What it does
Sets `model.init` to `he`: weights are drawn with standard deviation gain / sqrt(inputs of a unit), the gain being
that of the activation (sqrt(2) for ReLU). Each layer then passes on about the variance that it gets. First biases
(`model.bias`) are set to 0. In a timm model the operation `init=he` draws weights and resets norms.

## When it helps
Where initial weights are too small, too large or all alike, or biases keep units from firing, above all in deep nets
without normalisation: bad-initialisation, vanishing-gradient, exploding-gradient, dead-relu. With PyTorch's own
default a ReLU net without norm loses a factor of about 2.4 in standard deviation a layer. Where a norm follows every
layer the initial weights matter little.

## What it costs
Nothing. It does not apply where weights are loaded: these would be lost.

## References
He, Zhang, Ren, Sun 2015, Delving deep into rectifiers, https://arxiv.org/abs/1502.01852
Glorot, Bengio 2010, Understanding the difficulty of training deep feedforward neural networks,
https://proceedings.mlr.press/v9/glorot10a.html
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import is_own_net, remedy
from netvet.remedies._net import with_surgery
from netvet.rules import Finding


@remedy("he-init", changes="model", also=["surgery"], example={"model.init": "small"})
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where it is He's already and biases start at 0, and where weights are loaded."""
    if recipe.model.weights is not None:
        return None
    if not is_own_net(recipe):
        return with_surgery(recipe, "init=he")
    if recipe.model.init == "he" and recipe.model.bias == 0:
        return None
    return recipe.change({"model.init": "he", "model.bias": 0.0})
