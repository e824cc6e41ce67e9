"""The loss blows up, and what was learnt is lost.

## Symptom
The loss becomes NaN or infinite, or rises far above where it began and stays there.

## Evidence
`loss` of every batch (nats), or the `batch_cross_entropy` beside it where a loop computes another loss. The rule fires
at once when a loss is not finite; `nonfinite` then names the layer and the first tensor to break, and the step.
Otherwise the median of the last twentieth of the run is held against `above` times the loss of guessing or, where the
run had come below half of that, the loss of guessing itself. The step named is the last from which it never came back.

Proof: the last twenty batches of healthy runs have at most 0.27 of the loss of guessing, plateaus at most 1.00, runs
that blew up 1,580 or nothing finite. `above` is 1.5.
The runs behind these numbers: docs/evidence/divergence.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> assert_fires("divergence", altered(healthy_trace(), {"loss": [2.1, 0.6, 40.0, 40.0]})).evidence[0].name
    'loss'
    >>> assert_silent("divergence", altered(healthy_trace(), {"loss": [2.1, 0.6, 40.0, 0.5, 0.4]}))  # it recovers

## Why it happens
A step so large that it lands where the gradient is larger still; an overflow in low precision; a broken image or
label.

## Not to be confused with
A spike from which the run recovers: one bad batch, or the top of a learning-rate cycle. A high first loss because of
a large initialisation, which then falls.

## Remedies
See the cause that explains it: learning-rate-too-high.

## References
Pascanu, Mikolov, Bengio 2013, On the difficulty of training recurrent neural networks, https://arxiv.org/abs/1211.5063
Gilmer et al. 2021, A loss curvature perspective on training instability in deep learning, https://arxiv.org/abs/2110.04369
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netvet.locale import _
from netvet.rules import Finding, rule
from netvet.rules._curve import read
from netvet.rules._loss import batch_loss
from netvet.trace import Trace


@rule("divergence", kind="symptom", needs=["loss"])
def check(trace: Trace, *, above: float = 1.5) -> Iterator[Finding]:
    """`above`: multiple of the loss of guessing."""
    loss, (own, chance) = trace.series("loss"), batch_loss(trace)
    broken = np.flatnonzero(~np.isfinite(loss.values))
    if len(broken):
        step, origin = int(loss.steps[broken[0]]), _origin(trace)
        text = _("The loss is not finite from step {step} on.")
        if origin is not None:
            text = _("The loss is not finite from step {step} on: {origin}.")
        where = origin[0] if origin is not None else ""
        said = origin[1] if origin is not None else ""
        yield Finding(text.format(step=step, origin=said), where, (loss,), confidence=1.0)
        return
    loss = own
    window = max(5, len(loss) // 20)
    if len(loss) < 2 * window:
        return
    blocks = np.array_split(np.arange(len(loss)), len(loss) // window)
    medians = np.array([np.median(loss.values[block]) for block in blocks])
    forgotten = medians.min() < 0.5 * chance and medians[-1] > 0.9 * chance
    limit = 0.9 * chance if forgotten else above * chance
    if medians[-1] <= limit or medians[-1] < 1.2 * medians.min():
        return
    first = int(np.flatnonzero(medians <= limit).max(initial=-1)) + 1
    end = int(blocks[first][-1])
    low = int(np.flatnonzero(loss.values[: end + 1] <= limit).max(initial=-1))
    step = int(loss.steps[min(low + 1, end)])
    yield Finding(
        _(
            "The loss rose around step {step} without recovering: by the median of {window} steps it ends at "
            "{last:.3g}, its lowest was {low:.3g}, and guessing gives {chance:.2f}."
        ).format(step=step, window=len(blocks[-1]), last=medians[-1], low=medians.min(), chance=chance),
        evidence=(read(loss, medians[-1], _("median at the end")),),
        limit=limit,
        confidence=0.95,
    )


def _origin(trace: Trace) -> tuple[str, str] | None:
    """The layer whose tensor was the first not to be finite, and a clause about it; None where it was not recorded."""
    curves = [trace.series("nonfinite", place) for place in trace.places("nonfinite")]
    first = min((curve for curve in curves if len(curve)), key=lambda curve: int(curve.steps[0]), default=None)
    if first is None:
        return None
    layer, _space, tensor = first.where.rpartition(" ")
    text = {
        "weight": _("the first to fail was the weight of {layer}, before step {step}"),
        "activation": _("the first to fail was the output of {layer}, at step {step}"),
        "gradient": _("the first to fail was the gradient of {layer}, at step {step}"),
    }[tensor]
    return layer, text.format(layer=layer, step=int(first.steps[0]))
