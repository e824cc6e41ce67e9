"""Leaky ReLU in place of ReLU, so that no unit can die.

## What it does
Sets `model.activation` from `relu`, `tanh` or `sigmoid` to `leaky-relu`: below 0 the output is 0.01 times the input.
A unit that is negative on every image still passes a gradient, and can come back. A first bias below 0 (`model.bias`)
is set to 0: from far below, at a hundredth of the gradient, the way back is too long. In a timm model the ReLU layers
are replaced by the operation `activation=leaky-relu`.

## When it helps
Where many units are dead (dead-relu) or at their bounds (saturated-activation), and where gradients fade on their way
to the early layers because each dead or saturated unit blocks them (vanishing-gradient). On a healthy net it changes
little: with so small a slope Xu et al. find it no better than ReLU.

It is no cure for depth: a plain net of 20 sigmoid layers without norm, on eight rendered species, stayed at guessing
(12.5 %) over 14 epochs with leaky ReLU alone, with early-batch-norm alone and with residual alone.

## What it costs
No measurable time.

## References
Maas, Hannun, Ng 2013, Rectifier nonlinearities improve neural network acoustic models (the slope 0.01),
https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf
Xu et al. 2015, Empirical evaluation of rectified activations in convolutional network,
https://arxiv.org/abs/1505.00853
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import remedy
from netvet.remedies._net import activate
from netvet.rules import Finding


@remedy("leaky-relu", changes="model", also=["surgery"])
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where the activation is none of ReLU, tanh and sigmoid."""
    return activate(recipe, "leaky-relu", instead_of=("relu", "tanh", "sigmoid"))
