"""First weights after He, so that the signal neither fades nor explodes on its way through the layers.

## What it does
Sets `model.init` to `he`: weights are drawn with standard deviation gain / sqrt(inputs of a unit), the gain being that
of the activation (sqrt(2) for ReLU). Each layer then passes on about the variance that it gets.

## When it helps
Where first weights are too small, too large or all alike, above all in deep nets without normalisation:
vanishing-gradient, dead-relu. With PyTorch's own default a ReLU net without norm loses a factor of about 2.4 in
standard deviation a layer. Where a norm follows every layer the first weights matter little.

## What it costs
Nothing. It does not apply where weights are loaded, nor to timm models, which set their own.

## References
He, Zhang, Ren, Sun 2015, Delving deep into rectifiers, https://arxiv.org/abs/1502.01852
Glorot, Bengio 2010, Understanding the difficulty of training deep feedforward neural networks,
https://proceedings.mlr.press/v9/glorot10a.html
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedy import is_own_net, remedy
from netvet.rule import Finding


@remedy("he-init", changes="model")
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where it is He's already, where weights are loaded, and for timm models."""
    if not is_own_net(recipe) or recipe.model.weights is not None or recipe.model.init == "he":
        return None
    return recipe.change({"model.init": "he"})
