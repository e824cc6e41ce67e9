"""Momentum: steps that add up along a ravine and cancel across it.

## What it does
Sets `optimizer.momentum` to 0.9 with SGD. In the long run a step is then ten times as long as with none, so
`optimizer.lr` is divided by that where it is more than twice what is usual with momentum (0.05), though not to less
than the usual: such a rate was chosen for no momentum. Where the rate is about the usual or less it stays.

## When it helps
no-momentum: gradients alternate in steep directions, which bound the rate, and creep in flat ones, where the way
leads. Momentum takes about the square root of the steps (Goh), and is stable at nearly twice the rate.

## What it costs
One number more a weight, and no time. Adam and AdamW have a momentum of their own, so it declines there.

## References
Polyak 1964, Some methods of speeding up the convergence of iteration methods,
https://doi.org/10.1016/0041-5553(64)90137-5
Sutskever, Martens, Dahl, Hinton 2013, On the importance of initialization and momentum in deep learning,
https://proceedings.mlr.press/v28/sutskever13.html
Goh 2017, Why momentum really works, https://doi.org/10.23915/distill.00006
"""

from __future__ import annotations

from typing import Any

from netvet.recipe import Recipe
from netvet.remedies import USUAL_RATES, remedy
from netvet.rules import Finding

MOMENTUM = 0.9
ENOUGH = 0.8  # a step adds up to five times its length, half of what 0.9 gives


@remedy("momentum", changes="optimizer", example={"optimizer.momentum": 0.0})
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None with Adam and AdamW, and where the momentum is 0.8 or more."""
    now, usual = recipe.optimizer, USUAL_RATES["sgd"]
    if now.name != "sgd" or now.momentum >= ENOUGH:
        return None
    changes: dict[str, Any] = {"optimizer.momentum": MOMENTUM}
    if now.lr > 2 * usual:
        longer = (1 - now.momentum) / (1 - MOMENTUM)
        changes["optimizer.lr"] = float(f"{max(now.lr / longer, usual):.2g}")
    return recipe.change(changes)
