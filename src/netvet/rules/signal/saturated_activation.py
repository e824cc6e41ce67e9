"""Bounded activations (sigmoid, tanh) lie at their bounds, where hardly any gradient gets through.

## Symptom
The network learns slowly or not at all, though the gradient in its last layer is fine.

## Evidence
`saturated_fraction` (0..1) is the share of a layer's outputs within 2 % of its range of a bound. Fires when it stays
above `limit` for `patience` measurements, provided that most of the net's activations have two bounds (the gates of
squeeze and excitation are few) and the layer is not the model's output. Saturation that sets in during training is not
blamed if no gradient got through from the start. Why 0.5: healthy tanh nets have 0.02 to 0.23, sigmoid nets 0.01; with
three times He's weights it is 0.60 to 0.66, with biases of 3 or 5 0.77 to 0.94. The `initial-signal` exam tells what
would help.
The runs behind these numbers: docs/evidence/saturated-activation.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> tanh = altered(healthy_trace(), {"activation_std@features.2.act": 0.7, "activation_std@head": 1.0})
    >>> assert_fires("saturated-activation", altered(tanh, {"saturated_fraction@features.2.act": 0.9})).where
    'features.2.act'
    >>> assert_silent("saturated-activation", altered(tanh, {"saturated_fraction@features.2.act": 0.4}))

## Why it happens
Weights or biases that are too large push the sums far out, where tanh and sigmoid are flat: at 2 % from a bound their
slopes are 0.08 and 0.02. Every such layer multiplies the gradient by that.

## Not to be confused with
An input that is too large, which saturates the first layer (unnormalised-input). A sigmoid net whose gradient vanishes
although its outputs lie in the middle: the slope is 0.25 at best (vanishing-gradient). Gates, and a sigmoid after the
last layer: these may lie at a bound and be right.

## Remedies
he-init (weights and biases that keep the sums in the steep part), early-batch-norm (centres and scales them),
leaky-relu (has no bounds), layer-norm and group-norm (as batch norm, for small batches), lower-learning-rate (if
training did it).

## References
Glorot, Bengio 2010, Understanding the difficulty of training deep feedforward neural networks, https://proceedings.mlr.press/v9/glorot10a.html
LeCun, Bottou, Orr, Müller 1998, Efficient BackProp, https://doi.org/10.1007/978-3-642-35289-8_3
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from netvet.base.words import share
from netvet.locale import _, ngettext
from netvet.rules import Answer, Finding, RuledOut, rule
from netvet.rules._curve import current, read
from netvet.rules.signal._birth import LOST, birth
from netvet.trace import Series, Trace


@rule(
    "saturated-activation",
    needs=["saturated_fraction", "grad_rms"],
    applies_if_recorded="activation_std",
    exams=["initial-signal"],
    explains=[
        "loss-plateau",
        "accuracy-plateau",
        "stuck-class",
        "vanishing-gradient",
        "exploding-gradient",
        "learning-rate-too-low",
        "under-performance",
    ],
    remedies=["he-init", "early-batch-norm", "leaky-relu", "layer-norm", "group-norm", "lower-learning-rate"],
)
def check(trace: Trace, *, limit: float = 0.5, patience: int = 3) -> Iterator[Answer]:
    """`limit`: share of a layer's outputs, 0..1; `patience`: measurements."""
    found = birth(trace)
    if not found.bounded:
        return
    order = trace.places("activation_std")
    last = order.index(trace.places("grad_rms")[-1])
    curves = [curve for curve in current(trace, "saturated_fraction") if curve.where in order[:last]]
    curves = [curve for curve in curves if len(curve) >= patience]
    full = sorted((c for c in curves if c.values[-patience:].min() > limit), key=lambda c: -c.last)
    if not full:
        most = max((float(c.values[-patience:].max()) for c in curves), default=1.0)
        if most < limit / 2:
            text = _(
                "No layer is saturated at the end: in none are more than {most:.0%} of the outputs at a bound of the "
                "activation."
            )
            recent = (read(c, c.values[-patience:].max(), _("highest at the end")) for c in curves)
            yield RuledOut(text.format(most=math.ceil(100 * most) / 100), tuple(recent))
        return
    curve, step = full[0], _since(full[0], limit)
    born = step == curve.steps[0]
    if not born and (found.kept_back or found.back < -LOST):
        return  # no gradient came through from the start, and the layers drifted to their bounds: vanishing-gradient
    text = _("{share:.0%} of the outputs of {layer} are at a bound of the activation")
    since = _(" (above {limit} from the first step on)") if born else _(" (above {limit} since step {step})")
    since = since.format(limit=share(limit), step=step)
    more = len(full) - 1
    rest = ngettext("; {n} more layer is affected.", "; {n} more layers are affected.", more) if more else "."
    message = text.format(share=curve.last, layer=curve.where) + since + rest.format(n=more)
    cures = {
        "unbiased": _("With biases of 0 the signal gets through."),
        "he": _("With He initialisation the signal gets through."),
        "relu": _("With ReLU the signal gets through."),
    }
    if found.filled and found.cure in cures:
        message += " " + cures[found.cure]
    confidence = min(0.95, 0.85 + 0.2 * (curve.last - limit)) if born else 0.65
    if found.filled and found.cure:
        confidence = max(confidence, 0.95)
    yield Finding(message, where=curve.where, evidence=tuple(full[:4]), limit=limit, confidence=confidence)


def _since(curve: Series, limit: float) -> int:
    """The step from which on the curve stays above the limit."""
    return int(curve.steps[np.flatnonzero(~(curve.values > limit)).max(initial=-1) + 1])
