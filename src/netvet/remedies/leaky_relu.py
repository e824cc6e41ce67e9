"""Leaky ReLU in place of ReLU, so that no unit can die.

## What it does
Sets `model.activation` from `relu` to `leaky-relu`: below 0 the output is 0.01 times the input, not 0. A unit that is
negative on every image still passes a gradient, and can come back.

## When it helps
Where many units are dead (dead-relu), and where gradients fade on their way to the early layers because each dead unit
blocks them. On a healthy net it changes little: with so small a slope Xu et al. find it no better than ReLU.

## What it costs
No measurable time. It applies to netvet's own nets with ReLU; the activations of a timm model are its own.

## References
Maas, Hannun, Ng 2013, Rectifier nonlinearities improve neural network acoustic models (the slope 0.01),
https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf
Xu et al. 2015, Empirical evaluation of rectified activations in convolutional network, https://arxiv.org/abs/1505.00853
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedy import is_own_net, remedy
from netvet.rule import Finding


@remedy("leaky-relu", changes="model")
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where the activation is not ReLU, or not the recipe's to choose."""
    if not is_own_net(recipe) or recipe.model.activation != "relu":
        return None
    return recipe.change({"model.activation": "leaky-relu"})
