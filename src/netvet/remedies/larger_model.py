"""A wider and deeper network.

## What it does
Raises `model.width` to 32 channels and `model.depth` to 5 convolutions where they are less, the size at which the
default recipe learns tens of fish species; elsewhere doubles the width, up to 128.

## When it helps
under-capacity: the net cannot even memorise its training images, and it is neither the learning rate nor the
signal.
Also weak-features, where the layers see too little of the image at once; how much it gains there was not
measured.

## What it costs
Time and memory: twice the width is four times the parameters and nearly four times the work. Does not apply to timm
models (choose a larger one) nor where weights are loaded.

## References
Tan, Le 2019, EfficientNet (wider and deeper together), https://arxiv.org/abs/1905.11946
Zagoruyko, Komodakis 2016, Wide residual networks, https://arxiv.org/abs/1605.07146
"""

from __future__ import annotations

from netvet.recipe import Model, Recipe
from netvet.remedies import is_own_net, remedy
from netvet.rules import Finding

MOST_WIDTH = 128


@remedy("larger-model", changes="model")
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where the width is 128 already, where weights are loaded, and for timm models."""
    model, usual = recipe.model, Model()
    if not is_own_net(recipe) or model.weights is not None:
        return None
    if model.width < usual.width or model.depth < usual.depth:
        return recipe.change(
            {"model.width": max(model.width, usual.width), "model.depth": max(model.depth, usual.depth)}
        )
    wider = min(2 * model.width, MOST_WIDTH)
    return recipe.change({"model.width": wider}) if wider > model.width else None
