"""The gradient grows from layer to layer on its way back, and wrecks the first layers.

## Symptom
A deep net without shortcuts stays at the loss of guessing, or its loss jumps; removing layers makes it better.

## Evidence
Fires when, at the first step, `grad_rms` grows by a factor above 300 from the last layer to the first, and by at least
1.08 a layer, in a net of 10 layers or more, and neither the first weights nor the input explain it. Why 300: healthy
nets of 10 to 53 layers grow by 1 to 60; batch norm without shortcuts grows by 60 over 30 layers, and learns, by 850
over 50, and does not. The `initial-signal` exam shows whether this blocks the signal. At low confidence, fires when
`grad_norm` exceeds `spike` times its median after step 5: healthy runs stay below 4 times, ten times the usual learning
rate reached 204.
The runs behind these numbers: docs/evidence/exploding-gradient.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> deep = altered(healthy_trace(layers=12), {"grad_norm": 1.0})
    >>> growing = {f"grad_rms@features.{i}.conv": 1.7**-i for i in range(12)}
    >>> assert_fires("exploding-gradient", altered(deep, growing)).where
    'features.0.conv'
    >>> assert_silent("exploding-gradient", deep)

## Why it happens
On the way back, every batch norm divides by the spread of its input, and the half of a signal that a ReLU lets through
has less spread than power: the factor exceeds 1 in every layer, whatever the weights, and only shortcuts keep it from
compounding. Without norms, weights that are too large have the same effect.

## Not to be confused with
Weights that are too large (bad-initialisation): then the activations grow too. A learning rate that is too high: the
gradient grows during training, and in all layers alike; learning-rate-too-high comes first where it fires. An input
that is too large (unnormalised-input).

## Remedies
residual (a way around each block, along which the gradient is not multiplied), pre-activation (a clean shortcut),
clip-gradients (bounds each step), group-norm, lower-learning-rate.

## References
Yang et al. 2019, A mean field theory of batch normalization, https://arxiv.org/abs/1902.08129
Pascanu, Mikolov, Bengio 2013, On the difficulty of training recurrent neural networks, https://arxiv.org/abs/1211.5063
He et al. 2016, Deep residual learning for image recognition, https://arxiv.org/abs/1512.03385
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from netvet.locale import _
from netvet.rules import Answer, Finding, RuledOut, rule
from netvet.rules._curve import at_first, read
from netvet.rules.signal._birth import FAINT, GROWN, LONG, STEEP, birth, per_layer
from netvet.trace import Trace


@rule(
    "exploding-gradient",
    needs=["grad_rms", "grad_norm"],
    exams=["initial-signal"],
    explains=["divergence", "loss-plateau", "accuracy-plateau", "under-performance"],
    remedies=["residual", "pre-activation", "clip-gradients", "group-norm", "lower-learning-rate"],
    yields_to=["bad-initialisation", "unnormalised-input", "saturated-activation"],
)
def check(trace: Trace, *, spike: float = 100.0) -> Iterator[Answer]:
    """`spike`: largest over median of the model's gradient norm."""
    found, norm = birth(trace), trace.series("grad_norm")
    late = norm.values[norm.steps > 5]
    finite = late[np.isfinite(late)]
    middle = float(np.median(finite)) if len(finite) else math.nan
    if found.grows:
        layer = found.layers[0]
        text = _(
            "At the first step the gradient grows by a factor of {factor:.2g} per layer on its way back through "
            "{layers} layers: in {layer} it is {total:.3g} times that in {last}."
        )
        curves = tuple(at_first(trace.series("grad_rms", place)) for place in (layer, found.layers[-1]))
        message = text.format(
            factor=per_layer(found.back, len(found.layers)),
            layers=len(found.layers),
            layer=layer,
            total=curves[0].first / max(curves[1].first, FAINT),
            last=found.layers[-1],
        )
        if found.cure == "residual" and math.isfinite(trace.last("initial_grad_slope", "residual")):
            message += " " + _("With shortcuts it would grow by {factor:.2g} per layer.").format(
                factor=math.exp(-trace.last("initial_grad_slope", "residual"))
            )
        confidence = 0.95 if found.cure else 0.9
        measured = found.open or found.cure == "own"  # else the exam decided, by what mends it
        limit = math.exp(max(GROWN, STEEP * len(found.layers))) * curves[-1].first if measured else None
        yield Finding(message, where=layer, evidence=curves, limit=limit, confidence=confidence)
    elif middle > 0 and finite.max() > spike * middle:
        step = int(norm.steps[norm.steps > 5][np.nanargmax(np.where(np.isfinite(late), late, np.nan))])
        text = _("At step {step} the gradient norm was {times:.0f} times its median.")
        message = text.format(step=step, times=finite.max() / middle)
        yield Finding(
            message,
            evidence=(read(norm, finite.max(), _("highest after step 5")),),
            limit=spike * middle,
            confidence=0.5,
        )
    elif len(found.layers) >= LONG and abs(found.back) < GROWN / 2 and (found.open or found.cure == "own"):
        text = _("The gradient does not explode: it is multiplied by {factor:.2g} per layer on its way back.")
        seen = tuple(at_first(trace.series("grad_rms", place)) for place in found.layers)
        yield RuledOut(text.format(factor=per_layer(found.back, len(found.layers))), seen)
