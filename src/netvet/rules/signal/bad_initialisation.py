"""The first weights are too small, too large, or all the same, so that no signal gets through.

## Symptom
The loss stays at what guessing costs from the first step on, whatever the learning rate; or it starts ten or a hundred
times higher and the units die at once.

## Evidence
Units that are the same: `unit_spread` of a layer below 0.01 at first and below 0.1 at the end (drawn weights have 0.75
to 1.00). Weights of the wrong size: over the depth of the net, at the first step, activations shrink or grow by more
than a factor of 300 (`activation_std`, slope by Theil and Sen; or the gradient shrinks so), or the first loss is more
than 3 times that of guessing; and `weight_gain` is off the usual one (1.414, and 1 before bounded activations) by a
third, and accounts for at least half of it. Where norms follow, activations do not shrink, and the size of the weights
is nobody's illness. With the `initial-signal` exam: the signal does not get through, and with He's weights it does;
where it does without, the rule says so. 300: trained at 32 px for 14 epochs, nets that lose 5 (Glorot's weights, 5
layers) learn; nets that lose 750 (a tenth of He's, 3 layers), 2,400 (Glorot's, 16 layers), 2e4 (PyTorch's own, 10
layers) or 1e7 (PyTorch's own, 16 layers) stay at guessing, with SGD and with Adam; PyTorch's own in 5 layers loses 110
and learns very slowly: silent. Three times He's weights in 5 layers start at 136 times the loss of guessing; SGD does
not survive that, Adam does (50 % right): a note. On 100 other runs, healthy or ill of something else: silent.

## Why it happens
Every layer multiplies the signal by its gain. Rules are made for one activation: Glorot's for a straight line,
PyTorch's own (0.577) for none; behind ReLU, which halves the power, only 1.414 keeps it. Units that start the same get
the same gradient and stay the same: a layer of them is one unit wide.

## Not to be confused with
A vanishing-gradient of the activation's making (sigmoid): there He's weights do not help. An input that is too large
(unnormalised-input). Negative first biases (dead-relu). Bounded activations at their bounds (saturated-activation).

## Remedies
he-init (the gain that keeps the signal), early-batch-norm, layer-norm and group-norm (make the size of the weights
harmless), residual (shortcuts carry the signal past the weights).

## References
Glorot, Bengio 2010, Understanding the difficulty of training deep feedforward neural networks, https://proceedings.mlr.press/v9/glorot10a.html
He et al. 2015, Delving deep into rectifiers, https://arxiv.org/abs/1502.01852
Mishkin, Matas 2016, All you need is a good init, https://arxiv.org/abs/1511.06422
"""

from __future__ import annotations

from collections.abc import Iterator

from netvet.locale import _, ngettext
from netvet.rules import Answer, Finding, RuledOut, rule
from netvet.rules.signal._birth import Birth, birth, per_layer
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
    ],
    remedies=["he-init", "early-batch-norm", "layer-norm", "group-norm", "residual"],
)
def check(trace: Trace) -> Iterator[Answer]:
    """Its limits are shared by the family: see `_birth`."""
    found = birth(trace)
    if found.fault == "alike":
        yield _same(trace, found)
    elif found.fault == "weights":
        yield _wrong_size(trace, found)
    elif found.cure == "own":
        text = _(
            "The first weights are not at fault: the signal is multiplied by {forward:.2g} per layer on its way "
            "forward, the gradient by {back:.2g} on its way back."
        )
        forward, back = trace.last("initial_activation_slope", "own"), -trace.last("initial_grad_slope", "own")
        yield RuledOut(text.format(forward=per_layer(forward, 1), back=per_layer(back, 1)))


def _same(trace: Trace, found: Birth) -> Finding:
    layer, more = found.alike[0], len(found.alike) - 1
    text = _("All units of {layer} have the same weights, at the first step and at the last")
    rest = ngettext("; {n} more layer is like it.", "; {n} more layers are like it.", more) if more else "."
    spread = trace.series("unit_spread", layer)
    return Finding(
        text.format(layer=layer) + rest.format(n=more), where=layer, evidence=(spread,), limit=0.01, confidence=0.97
    )


def _wrong_size(trace: Trace, found: Birth) -> Finding:
    layer = found.layers[0]
    text = _(
        "The first weights are too small: their gain is {gain:.2g}, where {usual:.2g} keeps the signal, which is "
        "multiplied by {factor:.2g} in each of {layers} layers."
    )
    if found.gain > found.usual:
        text = _(
            "The first weights are too large: their gain is {gain:.2g}, where {usual:.2g} keeps the signal, which is "
            "multiplied by {factor:.2g} in each of {layers} layers; the first loss is {loss:.2g} times that of "
            "guessing."
        )
    message = text.format(
        gain=found.gain,
        usual=found.usual,
        factor=per_layer(found.forward, len(found.layers)),
        layers=len(found.layers),
        loss=found.loss,
    )
    if found.cure == "he":
        message += " " + _("With He's weights it gets through.")
    curves = (trace.series("weight_gain", layer), *(trace.series("activation_std", x) for x in found.layers[::3][:3]))
    return Finding(
        message, where=layer, evidence=curves, limit=found.usual, confidence=0.97 if found.cure == "he" else 0.9
    )
