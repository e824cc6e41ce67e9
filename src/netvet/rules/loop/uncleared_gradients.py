"""Gradients are never cleared, so that each step follows the sum of all gradients so far.

## Symptom
The loss falls at first, then swings wildly or rises, at a learning rate that is right for others; training accuracy
never settles.

## Evidence
`kept_gradient` is the share of the last step's gradient that is still there when the next backward pass begins, by
layer; of several backward passes between two steps the smallest counts, so that accumulation on purpose has 0. Fires
when it stays above `limit` in at least `share` of the measurements of more than half of the layers, `measured` times at
least. Loops that clear have 0 exactly, wherever and however they do; loops that do not have 1 exactly, and so do loops
that clear another model's gradients. A `limit` and a
share of 0.5 stand in the middle, so that a loop that clears once an epoch is found too.
The runs behind these numbers: docs/evidence/uncleared-gradients.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> loop = altered(healthy_trace(recipe=None), {"kept_gradient@head": 0.0})
    >>> assert_fires("uncleared-gradients", altered(loop, {"kept_gradient@head": 1.0})).fix
    'optimizer.zero_grad()  # before loss.backward(), in every step'
    >>> assert_silent("uncleared-gradients", loop)

## Why it happens
PyTorch adds every gradient to what is there, so that one may accumulate; clearing is the loop's own business. It was
left out, or clears the parameters of another optimiser or model.

## Not to be confused with
Accumulation over several batches: cleared after each step. A learning-rate-too-high, which looks the same on the
curves: there the gradients are cleared. A second network whose loss goes through this one: cleared before its own pass.

## Remedies
None is a change of the recipe: the finding gives the line of code.

## References
PyTorch documentation, torch.optim.Optimizer.zero_grad, https://pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html
PyTorch tutorials, Zeroing out gradients in PyTorch, https://pytorch.org/tutorials/recipes/recipes/zeroing_out_gradients.html
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netvet.locale import _
from netvet.rules import Answer, Finding, rule
from netvet.rules._curve import middle
from netvet.trace import Series, Trace


@rule(
    "uncleared-gradients",
    needs=["kept_gradient"],
    applies_if_recorded="recipe",
    explains=[
        "divergence",
        "loss-plateau",
        "accuracy-plateau",
        "generalisation-gap",
        "stuck-class",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "exploding-gradient",
        "dead-relu",
        "late-stopping",
        "under-performance",
    ],
)
def check(trace: Trace, *, limit: float = 0.5, share: float = 0.5, measured: int = 3) -> Iterator[Answer]:
    """`limit`: of the last step's gradient, 0..1; `share`: of the measurements, 0..1; `measured`: measurements."""
    layers = [trace.series("kept_gradient", layer) for layer in trace.places("kept_gradient")]
    kept = [curve for curve in layers if _kept(curve, limit, share, measured)]
    if not kept or 2 * len(kept) <= len(layers):
        return
    worst = max(kept, key=len)
    text = _(
        "Gradients are not cleared: when a backward pass begins, {kept:.0%} of the last step's gradient is still in "
        "{layer}, in {n} of {all} measured steps."
    )
    above = int((worst.values > limit).sum())
    values = worst.values[np.isfinite(worst.values)]
    yield Finding(
        text.format(kept=float(np.median(values)), layer=worst.where, n=above, all=len(worst)),
        where=worst.where,
        evidence=(middle(worst),),
        limit=limit,
        confidence=0.98,
        fix="optimizer.zero_grad()  # " + _("before loss.backward(), in every step"),
        certain=True,
    )


def _kept(curve: Series, limit: float, share: float, measured: int) -> bool:
    """Whether a layer's gradient is kept in nearly every step that was measured."""
    values = curve.values[np.isfinite(curve.values)]
    return len(values) >= measured and float((values > limit).mean()) >= share
