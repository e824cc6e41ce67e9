"""Validation numbers its classes otherwise than training, or lacks one.

## Symptom
Training accuracy is high, validation accuracy near or below guessing, and no regularisation helps.

## Evidence
The best renumbering of the validation confusion (`val_confusion`; linear assignment) is held against the numbers as
they are. Fires where the images of the renumbered classes, taken together, are right surely more than `gain` (0..1,
Newcombe's 95 % bound) more often under their new numbers, each of these classes more often than before, and on
average in at least `reached` of their images. A network that only guesses has no such numbering: what it names most
can be one class alone. Fires too where a class with training images has none in validation though by its share more
than `expected` were due, or validation has images of a class that training has not.
The runs behind these numbers: docs/evidence/mismatched-classes.md.

## Example
    >>> import numpy as np
    >>> from netvet.testing import healthy_trace, assert_fires, assert_silent
    >>> from netvet.trace import Trace
    >>> def validated(confusion): return Trace(healthy_trace(recipe=None).observations(),
    ...     arrays={("val_confusion", ""): confusion}, meta={"classes": [f"species {i}" for i in range(8)]})
    >>> assert_fires("mismatched-classes", validated(np.roll(20 * np.eye(8, dtype=int), 1, axis=1))).limit
    0.3
    >>> assert_silent("mismatched-classes", validated(20 * np.eye(8, dtype=int)))

## Why it happens
Classes are numbered in the order in which folders are listed, which differs from disk to disk; a folder is missing in
one split, so that those after it move up; one file counts from 0 and another from 1.

## Not to be confused with
generalisation-gap: there the missed images go to many classes, not each class to one other. look-alike-classes: two
classes are taken for one another, both ways and in part.

## Remedies
A line of code: one table of class names, made from training, and used for both splits.

## References
Crouse 2016, On implementing 2D rectangular assignment algorithms, https://doi.org/10.1109/TAES.2016.140952
torchvision.datasets.ImageFolder, https://docs.pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from netvet.base.observed import Observed
from netvet.locale import _, later
from netvet.rules import Finding, rule
from netvet.rules._chance import surely_more
from netvet.rules._curve import read, single, training_accuracy
from netvet.trace import Trace

HALF = 0.5  # of the accuracy by the new numbers, that training has to have by its own
TOLD = 3  # pairs of names in a sentence


@rule(
    "mismatched-classes",
    needs=["val_accuracy", "val_images"],
    explains=["generalisation-gap", "accuracy-plateau", "stuck-class", "under-performance"],
    invalidates=True,
)
def check(trace: Trace, *, gain: float = 0.3, reached: float = 0.5, expected: float = 8.0) -> Iterator[Finding]:
    """`gain`, `reached`: shares of the images, 0..1; `expected`: images."""
    confusion, names = trace.array("val_confusion"), list(trace.meta.get("classes", ()))
    if confusion is None or len(confusion) != len(names) or len(names) < 2:
        return
    found = _renumbered(trace, np.asarray(confusion), names, gain, reached)
    if found is not None:
        yield found
        return
    if trace.recipe is None and len(trace.places("class_images")) == len(names):
        yield from _missing(trace, names, expected)


def _renumbered(
    trace: Trace, confusion: NDArray[np.int64], names: list[str], gain: float, reached: float
) -> Finding | None:
    """The renumbering that makes the most images right, where it is proven."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(-confusion)
    support = confusion.sum(1)
    moved = [k for k in rows if columns[k] != k and support[k] > 0]
    if len(moved) < 2 - bool((support == 0).any()):
        return None
    before = np.array([confusion[k, k] for k in moved])
    after = np.array([confusion[k, columns[k]] for k in moved])
    images = support[moved]
    total = float(images.sum())
    surely = surely_more(after.sum() / total, total, before.sum() / total, total)
    if surely <= gain or (after <= before).any() or (after / images).mean() < reached:
        return None
    own = float(confusion.trace() / support.sum())
    better = float(confusion[rows, columns].sum() / support.sum())
    train = training_accuracy(trace)
    if len(train) and not train.last > max(own, HALF * better):
        return None  # training is no better: what the numbers of the columns mean was not learnt there
    if (
        max((trace.last("reading_accuracy", place) for place in trace.places("reading_accuracy")), default=0.0)
        >= better
    ):
        return None  # the classes agree once the pixels are read otherwise: mismatched-input
    pairs = ", ".join(f"{names[k]} → {names[columns[k]]}" for k in moved[:TOLD])
    text = _(
        "Validation numbers its classes otherwise than training: {own:.1%} of its images are right as they are "
        "numbered, and {better:.1%} with {n} classes renumbered ({pairs}{more})."
    )
    more = ", ..." if len(moved) > TOLD else ""
    message = text.format(own=own, better=better, n=len(moved), pairs=pairs, more=more)
    accuracy = trace.series("val_accuracy")
    fix = _("number the classes of both splits by one list, such as sorted(class_names)")
    told = Observed(later("Surely gained by the new numbers"), "0..1", "share")
    evidence = (
        single("renumbering_gain", surely, told),
        single("renumbered_accuracy", better, Observed(later("Accuracy by the new numbers"), "0..1", "share")),
        read(accuracy, own),
        train,
    )
    return Finding(message, evidence=evidence, limit=gain, fix=fix, confidence=0.98)


def _missing(trace: Trace, names: list[str], expected: float) -> Iterator[Finding]:
    """Classes that only one of the splits has."""
    train = {name: trace.last("class_images", name) for name in names}
    val = {name: trace.last("val_images", name) for name in names}
    all_train, all_val = sum(train.values()), sum(val.values())
    for name in names:
        due = train[name] / max(all_train, 1) * all_val
        evidence = (trace.series("val_images", name), trace.series("class_images", name))
        if train[name] > 0 and val[name] == 0 and due > expected:
            text = _(
                "{name} has {train:.0f} training images and no validation image, where {due:.0f} were due: nothing "
                "says how well it is learnt."
            )
            message = text.format(name=name, train=train[name], due=due)
            fix = _("split by class, so that each class is in validation")
            yield Finding(message, name, evidence, confidence=0.85, fix=fix)
            return
        if train[name] == 0 and val[name] > 0 and not trace.last("labels_none") > 0:
            text = _("Validation has {val:.0f} images of {name}, and training has none.")
            fix = _("number the classes of both splits by one list, such as sorted(class_names)")
            yield Finding(text.format(name=name, val=val[name]), name, evidence, limit=0.0, confidence=0.85, fix=fix)
            return
