"""The gradient grows from layer to layer on its way back, and tears the first layers apart.

## Symptom
A deep net without shortcuts stays at what guessing costs, or its loss jumps; taking layers away makes it better.

## Evidence
At the first step: over the depth of the net, from the last layer to the first, `grad_rms` grows by more than a factor
of 300 (the slope of its logarithm over the weight layers by Theil and Sen, in nets of 10 layers or more), and by
1.08 a layer at least, and neither the size of the first weights nor the input accounts for it. Healthy nets of 10
to 53 layers grow by 1 to 60, with norms or without; batch norm without shortcuts multiplies it by 1.14 a layer
(measured at 8 channels, 32 px; 1.21 in the limit of wide layers): at 30 layers by 60, and the net learns (38 % right
after 8 epochs, 12 % being guesses), at 50 by 850 and at 100 by 8e5, and it does not. With the `initial-signal` exam:
the growth is what keeps the signal from getting through, and shortcuts or other norms mend it. In training, at low
confidence: the gradient's norm (`grad_norm` of the whole model) jumps above `spike` times its median after step 5;
healthy runs stay below 4 times, with ten times the usual rate 204; learning-rate-too-high comes first where that rule
finds its cause, too.

## Why it happens
Going back, every batch norm divides by the spread of its input, and ReLU's halved signal has less spread than power:
the factor is above 1 in every layer, whatever the weights, and only shortcuts keep it from multiplying. Without norms
the same comes from weights that are too large.

## Not to be confused with
Weights that are too large (bad-initialisation): then activations grow, too. A learning rate that is too high: the
gradient grows in training, and in all layers alike. An input that is too large (unnormalised-input).

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
from netvet.rules.signal._birth import GROWN, LONG, birth, per_layer
from netvet.trace import Trace


@rule(
    "exploding-gradient",
    needs=["grad_rms", "grad_norm"],
    exams=["initial-signal"],
    explains=["divergence", "loss-plateau", "accuracy-plateau"],
    remedies=["residual", "pre-activation", "clip-gradients", "group-norm", "lower-learning-rate"],
)
def check(trace: Trace, *, spike: float = 100.0) -> Iterator[Answer]:
    """`spike`: largest over median of the model's gradient norm."""
    found, norm = birth(trace), trace.series("grad_norm")
    late = norm.values[norm.steps > 5]
    finite = late[np.isfinite(late)]
    middle = float(np.median(finite)) if len(finite) else math.nan
    if found.fault == "growth":
        layer = found.layers[0]
        text = _(
            "At the first step the gradient grows by {factor:.2g} in each of {layers} layers on its way back: {layer} "
            "gets {total:.0f} times what the last layers get."
        )
        message = text.format(
            factor=per_layer(found.back, len(found.layers)),
            layers=len(found.layers),
            layer=layer,
            total=math.exp(min(found.back, 60.0)),
        )
        if found.cure == "residual":
            message += " " + _("With shortcuts it would be {factor:.2g} a layer.").format(
                factor=math.exp(-trace.last("initial_grad_slope", "residual"))
            )
        curves = tuple(trace.series("grad_rms", place) for place in (layer, found.layers[-1]))
        confidence = 0.95 if found.cure else 0.9
        limit = math.exp(GROWN) * curves[-1].first
        yield Finding(message, where=layer, evidence=curves, limit=limit, confidence=confidence)
    elif middle > 0 and finite.max() > spike * middle:
        step = int(norm.steps[norm.steps > 5][np.nanargmax(np.where(np.isfinite(late), late, np.nan))])
        text = _("At step {step} the gradient was {times:.0f} times as large as usual.")
        message = text.format(step=step, times=finite.max() / middle)
        yield Finding(message, evidence=(norm,), limit=spike * middle, confidence=0.5)
    elif len(found.layers) >= LONG and abs(found.back) < GROWN / 2 and found.fault == "":
        text = _("The gradient does not explode: it is multiplied by {factor:.2g} per layer on its way back.")
        yield RuledOut(text.format(factor=per_layer(found.back, len(found.layers))))
