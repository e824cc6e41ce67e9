"""What the loss takes for logits has been squashed already: probabilities, or the output of an activation.

## Symptom
Training works, but slowly, and the loss stays high although most images are right.

## Evidence
The loss given to `vet.step` is recognised by its value, to a thousandth at every compared step: it is the cross-entropy
of the output as logits, and every output is probabilities (rows sum to 1), or sums to 1 over the batch; or it is the
cross-entropy of the softmax, sigmoid, tanh or ReLU of the output. An activation at the end of the model shows by bounds
that no sampled output passes: 0 with a tenth or more exact zeros, 0 and 1, or -1 and 1, nearly reached; it is reported
where training accuracy lies less than `learnt` of the way from guessing to always right. log_softmax before
cross_entropy changes nothing.
The runs behind these numbers: docs/evidence/probabilities-as-logits.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> loop = healthy_trace(recipe=None)
    >>> loop.meta["loss_form"] = {"name": "cross-entropy"}
    >>> seen = altered(loop, {"batch_cross_entropy": 0.4, "output_probabilities": 1.0, "output_columns": 0.0})
    >>> assert_fires("probabilities-as-logits", seen).confidence
    0.99
    >>> assert_silent("probabilities-as-logits", altered(seen, {"output_probabilities": 0.0}))

## Why it happens
cross_entropy takes the softmax by itself. Of probabilities, which lie within 1 of each other, a second softmax makes
hardly any difference between the classes: with ten of them the loss cannot fall below 1.46, and its gradient fades as
the network becomes sure.

## Not to be confused with
Label smoothing, which keeps the loss above a floor too and does no harm. A learning rate that is too low: there the
output is not squashed.

## Remedies
A line of code: return the logits from the model, and take the softmax only where probabilities are wanted.

## References
torch.nn.CrossEntropyLoss, https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
Goodfellow, Bengio, Courville 2016, Deep Learning, chapter 6.2.2, https://www.deeplearningbook.org/contents/mlp.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from netvet.locale import _
from netvet.rules import Finding, rule
from netvet.rules._chance import skill
from netvet.rules._curve import middle, quantile, running, training_accuracy
from netvet.rules.loop._form import LossForm, always, extremes, loss_form, shown
from netvet.trace import Trace

ZEROS = 0.1  # share of the outputs that a ReLU sets to 0; drawn logits are never exactly 0
NEARLY = 0.9  # of a bound: an output that has been trained against one comes nearer than that
WRAPPED = ("softmax", "softmax over the batch", "sigmoid", "tanh", "relu")


@rule(
    "probabilities-as-logits",
    needs=["batch_cross_entropy"],
    applies_if_recorded="loss",
    explains=[
        "loss-plateau",
        "accuracy-plateau",
        "stuck-class",
        "learning-rate-too-low",
        "vanishing-gradient",
        "under-performance",
    ],
    invalidates=True,
)
def check(trace: Trace, *, learnt: float = 0.8) -> Iterator[Finding]:
    """`learnt`: share of the way from guessing to always right."""
    form = loss_form(trace)
    for told in (_columns(trace, form), _probabilities(trace, form), _wrapped(form)):
        if told is not None:
            yield Finding(told[0], evidence=shown(trace), fix=told[1], confidence=0.99)
            return
    reached = training_accuracy(trace)
    bounded = _bounded(trace, form)
    if bounded and len(reached) and skill(reached.last, trace) < learnt:
        text = _("{text} Training accuracy is {accuracy:.1%}.")
        if running(trace, reached):
            text = _(
                "{text} Training accuracy, taken from the batches while the network trained on them, is {accuracy:.1%}."
            )
        text = text.format(text=bounded, accuracy=reached.last)
        outputs = (trace.series("output_high"), trace.series("output_low"), middle(trace.series("output_zeros")))
        shown_outputs = tuple(series for series in outputs if len(series))
        fix = _("leave out the activation after the last layer")
        yield Finding(text, evidence=(*shown_outputs, *shown(trace), reached), fix=fix, confidence=0.93)


def _columns(trace: Trace, form: LossForm) -> tuple[str, str] | None:
    if not always(trace, "output_columns") or always(trace, "output_probabilities"):
        return None
    if not (form.cross_entropy or form.name.startswith("log-likelihood of the output")):
        return None
    text = _(
        "The model's output sums to 1 over the images of a batch, not over the classes: its softmax runs over axis 0."
    )
    return text, "softmax(dim=1)"


def _probabilities(trace: Trace, form: LossForm) -> tuple[str, str] | None:
    if always(trace, "output_probabilities") and form.cross_entropy:
        count = len(trace.meta.get("classes", ()))
        text = _("The model returns probabilities, and the loss takes another softmax of them")
        if count > 1 and form.scale == 1 and not form.summed and not form.smoothing and math.isfinite(_ends(trace)):
            floor = math.log(1 + (count - 1) / math.e)
            more = _("{text}: it cannot fall below {floor:.2f}, and ends at {loss:.2f} where it began at {first:.2f}.")
            loss = trace.series("loss")
            text = more.format(text=text, floor=floor, loss=_ends(trace), first=loss.first)
        return text, _("leave the softmax out of the model: cross_entropy takes logits")
    return None


def _wrapped(form: LossForm) -> tuple[str, str] | None:
    """The cross-entropy of something that was made of the output."""
    names = {f"cross-entropy of {inner}": inner for inner in WRAPPED}
    names |= {
        "binary cross-entropy of sigmoid": "sigmoid",
        "log-likelihood of softmax over the batch": "softmax over the batch",
    }
    inner = names.get(form.name)
    if inner is None or form.scale < 0:
        return None
    if inner == "softmax over the batch":
        text = _("The loss is computed of a softmax that runs over the images of the batch, not over the classes.")
        return text, "cross_entropy(output, labels)"
    text = _("The loss is computed of the {inner} of the output, where it expects the output itself.")
    return text.format(inner=inner), "cross_entropy(output, labels)"


def _bounded(trace: Trace, form: LossForm) -> str:
    """A sentence on an activation after the last layer; "" where there is none."""
    low, high = extremes(trace)
    if form.name == "binary cross-entropy with logits" and low >= 0 and NEARLY < high <= 1:
        return _("Every output of the model lies from 0 to 1, and the loss takes a sigmoid of it.")
    if not form.cross_entropy or always(trace, "output_probabilities"):
        return ""
    zeros = quantile(trace.series("output_zeros").values, 0.5)
    if low >= 0 and zeros >= ZEROS:
        text = _("No output of the model is below 0, and {zeros:.0%} are exactly 0: a ReLU follows the last layer.")
    elif low >= 0 and NEARLY < high <= 1:
        text = _("Every output of the model lies from 0 to 1, and the loss takes them for logits.")
    elif -1 <= low < -NEARLY and NEARLY < high <= 1:
        text = _("Every output of the model lies from -1 to 1, and the loss takes them for logits.")
    else:
        return ""
    return text.format(zeros=zeros)


def _ends(trace: Trace) -> float:
    """What the loss ends at; nan where the first or the last is no number."""
    loss = trace.series("loss")
    return shown(trace)[0].telling if math.isfinite(loss.first) else math.nan
