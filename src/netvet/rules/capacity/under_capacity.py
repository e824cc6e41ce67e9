"""The network is too small for its task.

## Symptom
Training and validation accuracy stall together, far from right, or some classes are never named, whatever the learning
rate; a wider or deeper network does better at once.

## Evidence
With the `overfit-batch` exam: fires when the reference (Adam at its best rate, no dropout, no weight decay) gets less
than `able` of 32 images right, or of a tenth of the training images. If it gets them, capacity is ruled out: the
optimiser (its own `overfit_batch_accuracy` is low), the regularisation or the data is at fault. Without the exam, at
low confidence: fewer `parameters` than `few` per class. Silent where units are dead, no gradient arrives, or all
weights started alike. Why 0.9: nets of 16 channels got 100 % of a batch right, one of 206 weights 72 %. Why 60: that
net had 26 weights per class, healthy nets 30,000 and more.
The runs behind these numbers: docs/evidence/under-capacity.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> assert_fires("under-capacity", altered(healthy_trace(classes=8), {"parameters": 400.0})).limit
    480.0
    >>> assert_silent("under-capacity", altered(healthy_trace(classes=8), {"parameters": 600.0}))

## Why it happens
A layer of one or two channels passes on one or two pictures of the image, whatever comes after it: what the first
layers merge, no later one can tell apart.

## Not to be confused with
Regularisation that is too strong (dropout of 0.9, weight decay of 0.1): the network has the capacity but cannot use it;
the reference runs without. A wrong learning rate: the reference learns. Dead units, a vanishing gradient.

## Remedies
larger-model (more capacity, to be proven by a trial), more-pooling (where few poolings leave a large last map).

## References
Goodfellow, Bengio, Courville 2016, Deep Learning, chapter 5.2, https://www.deeplearningbook.org/contents/ml.html
Zhang et al. 2017, Understanding deep learning requires rethinking generalization (networks that are large enough learn
any labels by heart), https://arxiv.org/abs/1611.03530
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from netvet.locale import _
from netvet.rules import Answer, Finding, RuledOut, rule
from netvet.rules._rate import gradient_arrives
from netvet.trace import Trace


@rule(
    "under-capacity",
    needs=["parameters", "train_accuracy"],
    exams=["overfit-batch"],
    explains=["loss-plateau", "accuracy-plateau", "stuck-class", "under-performance"],
    remedies=["larger-model", "more-pooling"],
)
def check(trace: Trace, *, able: float = 0.9, few: float = 60.0) -> Iterator[Answer]:
    """`able`: accuracy, 0..1; `few`: trainable weights for each class."""
    alike = trace.recipe is not None and trace.recipe.model.init == "constant"
    if alike or not gradient_arrives(trace):
        return
    reference, own = (trace.last("overfit_batch_accuracy", place) for place in ("reference", "own"))
    tenth, weights = trace.last("overfit_tenth_accuracy"), trace.last("parameters")
    classes = len(trace.places("class_images")) or len(trace.meta.get("classes", ()))
    seen = tuple(trace.series("overfit_batch_accuracy", place) for place in ("reference", "own"))
    least = min(reference, tenth) if math.isfinite(tenth) else reference
    if math.isfinite(least) and least >= able:
        text = _(
            "The network is not too small: it can memorise a batch ({reference:.0%} right with Adam at its best "
            "learning rate)."
        )
        if own < able:
            text = _(
                "The network is not too small: trained on one batch alone, it gets {reference:.0%} of it right with "
                "Adam at its best learning rate, {own:.0%} with the run's own optimiser."
            )
        yield RuledOut(text.format(reference=reference, own=own), seen)
    elif math.isfinite(least):
        text = _(
            "With {weights:,.0f} weights the network cannot memorise a few images: trained on nothing else, with Adam "
            "at its best learning rate, it gets {least:.0%} of them right."
        )
        confidence = min(0.95, 0.75 + 0.5 * (able - least))
        worst = seen[0] if least == reference else trace.series("overfit_tenth_accuracy")
        evidence = (worst, *(each for each in seen if each is not worst), trace.series("parameters"))
        yield Finding(text.format(weights=weights, least=least), evidence=evidence, limit=able, confidence=confidence)
    elif classes and weights < few * classes:
        text = _("The network has {weights:,.0f} weights for {classes} classes: {each:.0f} per class.")
        yield Finding(
            text.format(weights=weights, classes=classes, each=weights / classes),
            evidence=(trace.series("parameters"), trace.series("train_accuracy")),
            limit=few * classes,
            confidence=0.6,
        )
