"""The loss does not suit the model's output, or what is wanted of it.

## Symptom
The loss falls, or is 0 from the start, or falls below 0 without end, and accuracy does not follow.

## Evidence
The loss given to `vet.step` is recognised by its value, to a thousandth at every compared step: a minus, the
likelihood of raw outputs or probabilities, one column where classes are wanted, squared and absolute errors, a sum over
the batch where steps grow with it. Its gradient shows what images weigh (`loss_weight`): fires where a class weighs
`favour` times another though it has as many times its images; where it pushes the label's class down on a share of
`away` of the wrong images (`label_pushed`; sound: 0), or the class named instead on at most `idle` (`answer_pushed`;
sound: most). Or the optimiser maximises it, an output is always 1, or the first loss is not finite.
The runs behind these numbers: docs/evidence/unsuited-loss.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> loop = altered(healthy_trace(recipe=None), {"batch_cross_entropy": 0.4})
    >>> loop.meta["loss_form"] = {"name": "cross-entropy", "scale": -1.0}
    >>> assert_fires("unsuited-loss", loop).fix
    'cross_entropy(output, labels)'
    >>> loop.meta["loss_form"] = {"name": "binary cross-entropy with logits"}
    >>> assert_silent("unsuited-loss", loop)

## Why it happens
Each loss expects one form of output: logits, log-probabilities, or one number. Most accept another without a word.
Squared and absolute errors of one-hot rows pass on little gradient where the network is wrong and sure, and 0
everywhere is a good answer to them.

## Not to be confused with
Label smoothing, class weights against the shares, focal loss, hinge and one-against-the-rest losses, which suit. A
learning rate that does not suit the loss's scale.

## Remedies
A line of code: cross_entropy of the logits. class-weights where the weights were given the wrong way round.

## References
Janocha, Czarnecki 2017, On loss functions for deep neural networks in classification, https://arxiv.org/abs/1702.05659
Hui, Belkin 2021, Evaluation of neural architectures trained with square loss vs cross-entropy in classification tasks,
https://arxiv.org/abs/2006.07322
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from netvet.base.words import loss_words
from netvet.locale import _
from netvet.rules import Finding, rule
from netvet.rules._curve import at_first, quantile
from netvet.rules.loop._form import LossForm, always, loss_form, shown
from netvet.trace import Trace

PLAIN = "cross_entropy(output, labels)"
ERRORS = ("squared error", "absolute error", "smooth absolute error")
FEWEST = 20  # images that are wrong, from which their share says something
SCALED = ("SGD", "ASGD", "Rprop", "LBFGS")  # optimisers whose steps grow with the loss


EFFECTS = (
    "loss-plateau",
    "accuracy-plateau",
    "stuck-class",
    "divergence",
    "learning-rate-too-high",
    "learning-rate-too-low",
    "class-imbalance",
    "exploding-gradient",
    "vanishing-gradient",
    "dead-relu",
    "under-performance",
)


@rule(
    "unsuited-loss",
    needs=["batch_cross_entropy"],
    applies_if_recorded="loss",
    explains=[*EFFECTS, "unchanged-weights"],
    remedies=["class-weights"],
)
def check(trace: Trace, *, favour: float = 1.5, away: float = 0.95, idle: float = 0.05) -> Iterator[Finding]:
    """`favour`: ratio of weights, and of images; `away`, `idle`: share of the images that are wrong, 0..1."""
    constant = _constant(trace)
    if constant is not None:
        yield constant
        return
    for told in _found(trace, favour, away, idle):
        yield replace(told, explains=EFFECTS)


def _found(trace: Trace, favour: float, away: float, idle: float) -> Iterator[Finding]:
    form = loss_form(trace)
    climbs = bool(trace.meta.get("maximize"))
    turned = (_climbs(trace, away),) if climbs else (_minus(trace, form), _away(trace, away))
    idles = None if climbs else _idle(trace, idle)  # to climb turns every gradient round
    for told in (_unbegun(trace), *turned, _likelihood(trace, form), _column(trace, form), idles):
        if told is not None:
            yield told
            return
    weighed = _weighed(trace, favour)
    if weighed is not None:
        yield weighed
    for told in (_error(trace, form), _summed(trace, form)):
        if told is not None:
            yield told


def _constant(trace: Trace) -> Finding | None:
    """A softmax over a single column, which is 1 whatever the image: no weight gets a gradient."""
    low, high = trace.series("output_low"), trace.series("output_high")
    if not len(low) or not (np.all(low.values == 1) and np.all(high.values == 1)):
        return None
    text = _("The model's output is {value:g} for every image: a softmax over a single column is always 1.")
    fix = "binary_cross_entropy_with_logits(output[:, 0], labels.float())  # without softmax"
    return Finding(text.format(value=high.last), evidence=(high, low), fix=fix, confidence=0.99)


def _unbegun(trace: Trace) -> Finding | None:
    """The first loss is no number, and the output is."""
    loss, low, high = trace.series("loss"), trace.series("output_low"), trace.series("output_high")
    if not len(loss) or math.isfinite(loss.first) or not len(low) or low.steps[0] != loss.steps[0]:
        return None
    if not (math.isfinite(low.first) and math.isfinite(high.first)):
        return None
    text = _(
        "The loss is no finite number at the first step, before any weight has changed, although every output of the "
        "model is one, from {low:.3g} to {high:.3g}: what the loss computes of them is at fault."
    )
    message = text.format(low=low.first, high=high.first)
    return Finding(message, evidence=(loss, at_first(low), at_first(high)), fix=PLAIN, confidence=0.97)


def _minus(trace: Trace, form: LossForm) -> Finding | None:
    if not form.name or form.scale > 0:
        return None
    text = _("The loss is minus the {name}: each step makes the network worse; it ends at {loss}.")
    message = text.format(name=form.name, loss=_end(trace))
    return Finding(message, evidence=shown(trace), fix=PLAIN, confidence=0.99)


def _away(trace: Trace, away: float) -> Finding | None:
    """A loss, whatever it is, that trains away from the labels."""
    pushed = trace.series("label_pushed")
    if not pushed.first >= away:
        return None
    text = _(
        "The loss trains away from the labels: on {share:.0%} of the images that the network gets wrong, its gradient "
        "makes the class of the label less likely."
    )
    message = text.format(share=pushed.first)
    return Finding(message, evidence=(at_first(pushed), *shown(trace)), limit=away, fix=PLAIN, confidence=0.97)


def _climbs(trace: Trace, away: float) -> Finding | None:
    """An optimiser that maximises a loss which ought to fall."""
    pushed = trace.series("label_pushed")
    if not pushed.first <= 1 - away:
        return None
    text = _("The optimiser has maximize=True: each step makes the loss larger; it ends at {loss}.")
    message = text.format(loss=_end(trace))
    return Finding(message, evidence=(*shown(trace), pushed), fix="maximize=False", confidence=0.98)


def _idle(trace: Trace, idle: float) -> Finding | None:
    """A loss of raw outputs in which the classes do not compete."""
    pushed, images = trace.series("answer_pushed"), trace.series("pushed_images")
    shares = always(trace, "output_probabilities") or always(trace, "output_log_probabilities")
    if shares or not (pushed.first <= idle and images.first >= FEWEST):
        return None
    text = _(
        "The loss does not make classes compete: on {share:.0%} of the images that the network gets wrong does its "
        "gradient make the class that is named less likely. Raw outputs are given to a loss that expects probabilities "
        "or their logarithms."
    )
    evidence = (pushed, images, *shown(trace))
    return Finding(text.format(share=pushed.first), evidence=evidence, limit=idle, fix=PLAIN, confidence=0.96)


def _likelihood(trace: Trace, form: LossForm) -> Finding | None:
    """nll_loss of what is no log-probability."""
    if always(trace, "output_columns") and not always(trace, "output_probabilities"):
        return None
    shares = form.name == "log-likelihood of softmax" or (
        form.name == "log-likelihood of the output" and always(trace, "output_probabilities")
    )
    if shares:
        text = _("nll_loss is given probabilities, where it expects their logarithms; it ends at {loss}.")
    elif form.name == "log-likelihood of the output" and not always(trace, "output_log_probabilities"):
        text = _(
            "nll_loss is given raw outputs, where it expects log-probabilities: it can fall without end, and is "
            "{loss} at the end."
        )
    else:
        return None
    return Finding(text.format(loss=_end(trace)), evidence=shown(trace), fix=PLAIN, confidence=0.98, certain=True)


def _column(trace: Trace, form: LossForm) -> Finding | None:
    """One number where several are wanted, or the other way round."""
    fix = "binary_cross_entropy_with_logits(output[:, 0], labels.float())"
    if form.name == "cross-entropy of one column":
        text = _(
            "cross_entropy is given a single column, whose softmax is always 1: the loss is 0 and nothing is learnt."
        )
    elif form.name == "squared error of every image to every label":
        text = _(
            "The outputs (batch, 1) and the labels (batch,) are spread out to (batch, batch): each output is held "
            "against every label."
        )
        fix = "output[:, 0]"
    elif form.name.startswith("binary cross-entropy of column"):
        text = _(
            "The model has two columns, and the loss looks at one of them alone: the class with the larger one is not "
            "what it learns."
        )
        fix = PLAIN
    else:
        return None
    return Finding(text, evidence=shown(trace), fix=fix, confidence=0.97)


def _error(trace: Trace, form: LossForm) -> Finding | None:
    kind = next((kind for kind in ERRORS[::-1] if form.name.startswith(kind)), None)
    if kind is None:
        return None
    number = form.name.endswith("class number")
    text = _(
        "The loss is the {name} to one-hot rows, which passes on little gradient where the network is wrong and sure."
    )
    if number:
        text = _("The loss is the {name}: classes are learnt as quantities, as if class 2 lay between 1 and 3.")
    return Finding(text.format(name=form.name), evidence=shown(trace), fix=PLAIN, confidence=0.97 if number else 0.85)


def _summed(trace: Trace, form: LossForm) -> Finding | None:
    """A sum is as many times steeper as the batch has images; a note, or the root of steps that are too long."""
    if not form.summed or trace.meta.get("optimizer_class", "SGD") not in SCALED:
        return None
    text = _(
        "The loss is summed over the batch, not averaged: it ends at {loss} where the mean cross-entropy is "
        "{mean:.3g}, and each step is as many times longer as the batch has images."
    )
    mean = quantile(trace.series("batch_cross_entropy").values[-5:], 0.5)
    if not math.isfinite(mean):
        text = _(
            "The loss is summed over the batch, not averaged: it ends at {loss}, and each step is as many times longer "
            "as the batch has images."
        )
    message = text.format(loss=_end(trace), mean=mean)
    return Finding(message, evidence=shown(trace), fix='reduction="mean"', confidence=0.8)


def _weighed(trace: Trace, favour: float) -> Finding | None:
    """A class that weighs more than one that has fewer images."""
    names = [name for name in trace.places("loss_weight") if trace.last("class_images", name) > 0]
    weight = {name: trace.last("loss_weight", name) for name in names}
    count = {name: trace.last("class_images", name) for name in names}
    pairs = [
        (min(weight[a] / weight[b], count[a] / count[b]), a, b)
        for a in names
        for b in names
        if weight[b] > 0 and weight[a] >= favour * weight[b] and count[a] >= favour * count[b]
    ]
    if not pairs:
        return None
    _strength, large, small = max(pairs)
    text = _(
        "The weights of the loss favour the large class: an image of {large} counts {times:.3g} times as much as one "
        "of {small}, though it has {most:.0f} training images and {small} {few:.0f}"
    )
    message = text.format(
        large=large, small=small, times=weight[large] / weight[small], most=count[large], few=count[small]
    )
    recall = trace.series("val_recall", small)
    if len(recall):
        more = _("{message}; {recall:.0%} of the validation images of {small} are recognised.")
        message = more.format(message=message, recall=recall.last, small=small)
    shown_weights = [trace.series(name, of) for name in ("loss_weight", "class_images") for of in (large, small)]
    evidence = (*((recall,) if len(recall) else ()), *shown_weights)
    return Finding(
        message,
        small,
        evidence,
        fix="weight = len(y) / (classes * torch.bincount(y))",
        confidence=0.96,
        remedies=("class-weights",),
    )


def _end(trace: Trace) -> str:
    """The median of the last twenty losses, in words."""
    return loss_words(quantile(trace.series("loss").values[-20:], 0.5), ".3g")
