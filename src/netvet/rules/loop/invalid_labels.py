"""Labels that are of no class, so that images are left out or counted as something else without a word.

## Symptom
One class is never named, or its number of images is not what it should be; the loss looks fine.

## Evidence
Labels are counted as the loop gives them: one-hot rows without a one, numbers beyond the output's columns, numbers
below 0 (as -100, which cross_entropy leaves out). Fires where a class has no labelled training image while others lack
labels; where rows without a one are more than `part` of what an even class would have; where numbers lie beyond the
columns and the loss is not one that leaves them out. It fires too where a class weighs nothing in the loss, by the
gradient at the output (`loss_weight` 0), as with an ignore_index that is a class. Images without a label, spread over
the classes, are no fault.
The runs behind these numbers: docs/evidence/invalid-labels.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> rows = {"labels_seen": 960.0, "labels_none": 0.0, "labels_without_a_one": 120.0, "labels_beyond": 0.0}
    >>> counted = altered(healthy_trace(recipe=None), rows)
    >>> assert_fires("invalid-labels", altered(counted, {"class_images@species 0": 0.0})).evidence[0].last
    120.0
    >>> assert_silent("invalid-labels", altered(counted, {"labels_without_a_one": 0.0, "labels_none": 60.0}))

## Why it happens
Class numbers begin at 1 and the one-hot rows have one column too few; a table lacks the classes that were added later;
a mark for "unlabelled" or "background" is the number of a class.

## Not to be confused with
A class that has few images: it is rare, and its labels are there. label-noise: the labels are of a class, the wrong
one.

## Remedies
A line of code: number the classes from 0 to one less than the output's columns, and give the loss an ignore_index that
is no class.

## References
torch.nn.CrossEntropyLoss, ignore_index, https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
torch.nn.functional.one_hot, https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.one_hot.html
"""

from __future__ import annotations

from collections.abc import Iterator

from netvet.base.words import listed
from netvet.locale import _
from netvet.rules import Finding, rule
from netvet.rules.loop._form import loss_form
from netvet.trace import Trace

SEEN = 3.0  # images of a class, at which its weight in the loss is sure


@rule(
    "invalid-labels",
    needs=["labels_seen"],
    applies_if_recorded="loss",
    explains=[
        "stuck-class",
        "accuracy-plateau",
        "loss-plateau",
        "class-imbalance",
        "generalisation-gap",
        "under-performance",
    ],
    invalidates=True,
)
def check(trace: Trace, *, part: float = 0.5) -> Iterator[Finding]:
    """`part`: of the images of an even class, 0..1."""
    for told in (_without_a_one(trace, part), _beyond(trace), _none(trace), _ignored(trace)):
        if told is not None:
            yield told
            return


def _without_a_one(trace: Trace, part: float) -> Finding | None:
    for split, name in (("", _("training")), ("val_", _("validation"))):
        rows, seen = trace.series(f"{split}labels_without_a_one"), trace.series(f"{split}labels_seen")
        empty = _empty(trace, "class_images" if not split else "val_images")
        even = seen.last / max(1, len(trace.places("class_images")))
        if not rows.last > 0 or not (empty or rows.last > part * even):
            continue
        text = _("{n:.0f} of the {seen:.0f} one-hot labels of {split} are rows without a one, so of no class")
        message = text.format(n=rows.last, seen=seen.last, split=name)
        if empty:
            message += _(", and {names} has no image").format(names=listed(empty))
        fix = "labels = F.one_hot(numbers_from_0, {columns})".format(columns=len(trace.places("class_images")))
        limit = 0.0 if empty else part * even
        return Finding(message + ".", evidence=(rows, seen), limit=limit, fix=fix, confidence=0.98)
    return None


def _beyond(trace: Trace) -> Finding | None:
    beyond, seen = trace.series("labels_beyond"), trace.series("labels_seen")
    if not beyond.last > 0 or loss_form(trace).cross_entropy or trace.places("loss_weight"):
        return None  # cross_entropy stops at such a number, unless it is its ignore_index
    text = _("{n:.0f} of the {seen:.0f} training labels are numbers beyond the model's {columns} columns.")
    message = text.format(n=beyond.last, seen=seen.last, columns=len(trace.meta.get("classes", ())))
    return Finding(message, evidence=(beyond, seen), limit=0.0, fix=_("number the classes from 0"), confidence=0.95)


def _none(trace: Trace) -> Finding | None:
    """A class none of whose training images has a label, though validation has it."""
    none, seen = trace.series("labels_none"), trace.series("labels_seen")
    empty = [name for name in _empty(trace, "class_images") if trace.last("val_images", name) > 0]
    if not none.last > 0 or not empty:
        return None
    text = _(
        "No training image is labelled {names}, and {n:.0f} of the {seen:.0f} labels are below 0, as -100, which the "
        "loss leaves out."
    )
    message = text.format(names=listed(empty), n=none.last, seen=seen.last)
    return Finding(message, empty[0], (none, seen), limit=0.0, fix=_("give these images the number of their class"))


def _ignored(trace: Trace) -> Finding | None:
    """A class whose images weigh nothing in the loss."""
    places = trace.places("loss_weight")
    sure = [name for name in places if trace.last("loss_weight_images", name) >= SEEN]
    nothing = [name for name in sure if trace.last("loss_weight", name) < 1e-3]
    if not nothing or len(nothing) == len(sure):
        return None
    text = _(
        "The loss leaves out every image of {names}: their gradient is 0 at the output (an ignore_index, or a weight "
        "of 0)."
    )
    curve = trace.series("loss_weight", nothing[0])
    recall = trace.series("val_recall", nothing[0])
    evidence = (recall, curve) if len(recall) else (curve,)
    fix = _("give the loss an ignore_index that is no class")
    return Finding(text.format(names=listed(nothing)), nothing[0], evidence, fix=fix, confidence=0.98)


def _empty(trace: Trace, name: str) -> list[str]:
    """Classes that have no image in a split."""
    return [place for place in trace.places(name) if trace.last(name, place) == 0]
