"""The initial weights are too small, too large, or all the same, so that no signal gets through.

## Symptom
From the first step on, the loss stays at that of guessing, whatever the learning rate; or it starts ten or a hundred
times higher and units die at once.

## Evidence
Fires on units that are the same (`unit_spread` of a layer below 0.01 at first and 0.1 at the end), and on weights of
the wrong size: `weight_gain` is a third off the usual (1.414; 1 before bounded activations), and over the depth of the
net the signal changes by a factor above 300, or the first loss exceeds 3 times that of guessing. The `initial-signal`
exam, if taken, decides: with He's weights the signal must get through. Why 300: nets that lose a factor of 5 learn,
those that lose 750 or more stay at guessing, one that loses 110 learns very slowly. Silent on 100 other runs.
The runs behind these numbers: docs/evidence/bad-initialisation.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> net = altered(healthy_trace(), {"weight_gain@head": 1.4, "activation_std@head": 1.0})
    >>> assert_fires("bad-initialisation", altered(net, {"unit_spread@features.1.conv": 0.0})).where
    'features.1.conv'
    >>> assert_silent("bad-initialisation", altered(net, {"unit_spread@features.1.conv": [0.0, 0.6]}))

## Why it happens
Every layer multiplies the signal by its gain. A scheme for drawing weights suits one activation: Glorot's a linear one,
PyTorch's default (0.577) none; after a ReLU, which halves the power of the signal, only 1.414 preserves it. Units that
start out identical get identical gradients and stay identical: such a layer is one unit wide.

## Not to be confused with
A vanishing-gradient caused by the activation (sigmoid): He's weights do not help there. An input that is too large
(unnormalised-input). Negative initial biases (dead-relu). Bounded activations at their bounds (saturated-activation).

## Remedies
he-init (the gain that preserves the signal), early-batch-norm, layer-norm and group-norm (make the size of the weights
harmless), residual (shortcuts carry the signal past the weights).

## References
Glorot, Bengio 2010, Understanding the difficulty of training deep feedforward neural networks, https://proceedings.mlr.press/v9/glorot10a.html
He et al. 2015, Delving deep into rectifiers, https://arxiv.org/abs/1502.01852
Mishkin, Matas 2016, All you need is a good init, https://arxiv.org/abs/1511.06422
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from netvet.locale import _, ngettext
from netvet.rules import Answer, Finding, RuledOut, rule
from netvet.rules._curve import at_first, read
from netvet.rules.signal._birth import ALIKE, OFF, Birth, birth, per_layer
from netvet.trace import Trace


@rule(
    "bad-initialisation",
    needs=["weight_gain", "grad_rms", "activation_std"],
    exams=["initial-signal"],
    explains=[
        "loss-plateau",
        "accuracy-plateau",
        "stuck-class",
        "divergence",
        "dead-relu",
        "vanishing-gradient",
        "exploding-gradient",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "under-performance",
    ],
    remedies=["he-init", "early-batch-norm", "layer-norm", "group-norm", "residual"],
    may_yield_to=["unnormalised-input", "saturated-activation"],
)
def check(trace: Trace) -> Iterator[Answer]:
    """Its limits are shared by the family: see `_birth`."""
    found = birth(trace)
    if found.alike:
        yield _same(trace, found)
    elif found.scaled:
        yield _wrong_size(trace, found)
    elif found.cure == "own":
        text = _(
            "The initial weights are not at fault: the signal is multiplied by {forward:.2g} per layer on its way "
            "forward, the gradient by {back:.2g} on its way back."
        )
        forward, back = trace.last("initial_activation_slope", "own"), -trace.last("initial_grad_slope", "own")
        if not math.isfinite(forward + back):  # too few layers for a slope
            text = _("The initial weights are not at fault: the signal gets through, forward and back.")
        slopes = tuple(trace.series(name, "own") for name in ("initial_activation_slope", "initial_grad_slope"))
        yield RuledOut(text.format(forward=per_layer(forward, 1), back=per_layer(back, 1)), slopes)


def _same(trace: Trace, found: Birth) -> Finding:
    layer, more = found.alike[0], len(found.alike) - 1
    text = _(
        "All units of {layer} start with the same weights (a spread of {first:.2g}, where drawn weights have about 1), "
        "and hardly differ at the end ({last:.2g})"
    )
    rest = ngettext("; {n} more layer is affected.", "; {n} more layers are affected.", more) if more else "."
    spread = trace.series("unit_spread", layer)
    message = text.format(layer=layer, first=spread.first, last=spread.last) + rest.format(n=more)
    return Finding(message, where=layer, evidence=(at_first(spread), spread), limit=ALIKE, confidence=0.97)


def _wrong_size(trace: Trace, found: Birth) -> Finding:
    layer = found.layers[0]
    low, high = OFF * found.usual, found.usual / OFF
    text = _(
        "The initial weights are too small: their median gain is {gain:.2g}, where {usual:.2g} preserves the signal."
    )
    if found.gain > high:
        text = _(
            "The initial weights are too large: their median gain is {gain:.2g}, where {usual:.2g} preserves the "
            "signal."
        )
    elif not found.gain < low:  # their size is right on the whole, and the exam says that they are at fault
        text = _("The initial weights are at fault; their median gain is {gain:.2g}, where {usual:.2g} is usual.")
    message = text.format(gain=found.gain, usual=found.usual)
    if math.isfinite(found.forward):
        more = _("Over {layers} layers the signal is multiplied by {factor:.2g} per layer.")
        layers = len(found.layers)
        message += " " + more.format(layers=layers, factor=per_layer(found.forward, layers))
    if found.gain > high and math.isfinite(found.loss):
        message += " " + _("The initial loss is {loss:.2g} times that of guessing.").format(loss=found.loss)
    if found.cure == "he":
        message += " " + _("With He initialisation the signal gets through.")
    gain = read(trace.series("weight_gain", layer), found.gain, _("median of the layers, at first"))
    curves = (gain, *(at_first(trace.series("activation_std", x)) for x in found.layers[::3][:3]))
    return Finding(
        message,
        where=layer,
        evidence=curves,
        limit=low if found.gain < low else high if found.gain > high else None,
        confidence=0.97 if found.cure == "he" else 0.9,
        yields_to=("unnormalised-input", "saturated-activation"),
    )
