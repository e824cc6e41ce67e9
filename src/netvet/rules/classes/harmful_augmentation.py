"""Augmentation shows the network a class in a form that its images never have.

## Symptom
One species is missed in validation, and on its own training images too as soon as they are not augmented, while the
training loss looks fine.

## Evidence
A class that is stuck, and the `augmentation-effect` exam: the network recognises its validation images when they are
changed as the recipe changes its training images (`augment.per_class`, where that names the class), and does not
recognise them as they are. The rule fires when `recall_augmented` is surely (by Newcombe's interval) at least `gain`
above `recall_plain`. A transform that hides what tells all classes apart is not found: it harms every class alike.

Proof: one of eight rendered species, the only one to be augmented, was recognised in 0 of 30 images as they are and in
93 % of them augmented; for the other seven augmentation added at most 26 points, and `gain` lies between.
The runs behind these numbers: docs/evidence/harmful-augmentation.md.

## Example
    >>> from netvet.testing import assert_fires, assert_silent, stuck_trace
    >>> assert_fires("harmful-augmentation", stuck_trace(recall_plain=0.05, recall_augmented=0.9)).where
    'species 3'
    >>> assert_silent("harmful-augmentation", stuck_trace(recall_plain=0.05, recall_augmented=0.3))

## Why it happens
A rare or hard class was given stronger changes than the others, to make more of it. The changes themselves then tell it
from the others, and the network learns them instead of the species.

## Not to be confused with
A class that the network recognises in neither form: then it does not know the class by the changes.

## Remedies
even-augment (the same changes for every class) raised the AUC of that rendered species from 0.67 to 0.97. Give a rare
class more draws (oversample), or changes that the others get too.

## References
Balestriero, Bottou, LeCun 2022, The effects of regularization and data augmentation are class dependent,
https://arxiv.org/abs/2204.03632
Geirhos et al. 2020, Shortcut learning in deep neural networks, https://arxiv.org/abs/2004.07780
"""

from __future__ import annotations

from collections.abc import Iterator

from netvet.locale import _
from netvet.rules import Finding, Stuck, rule
from netvet.rules._chance import independent, surely_more
from netvet.rules._nearness import at_least
from netvet.trace import Trace

FIELDS = ("flip", "rotate", "scale", "crop", "light", "colour", "erase")


@rule(
    "harmful-augmentation",
    about="class",
    needs=["val_auc", "val_auc_high", "val_images"],
    exams=["image-quality", "augmentation-effect"],
    explains=["stuck-class"],
    remedies=["even-augment"],
)
def check(trace: Trace, stuck: Stuck, *, gain: float = 0.3) -> Iterator[Finding]:
    """`gain`: recall, 0..1."""
    place = stuck.place
    n = independent(trace, trace.last("val_images", place), "val", place)
    plain, changed = trace.series("recall_plain", place), trace.series("recall_augmented", place)
    nearness = at_least(surely_more(changed.last, n, plain.last, n), gain, slack=gain / 2) if n > 0 else 0.0
    if not nearness:
        return
    text = _(
        "{name} is recognised by its augmentation: recall on its validation images is {changed:.0%} when they are "
        "augmented as in training, and {plain:.0%} when they are not."
    )
    message = text.format(name=place, changed=changed.last, plain=plain.last)
    alone = {field: trace.last(f"recall_{field}", place) for field in FIELDS if trace.places(f"recall_{field}")}
    most = max(alone, key=lambda field: alone[field], default="")
    if most and alone[most] > plain.last:
        more = _("{message} Of the single changes, {change} alone does most ({share:.0%}).")
        message = more.format(message=message, change=_words(most), share=alone[most])
    if trace.recipe is not None and place in trace.recipe.augment.per_class:
        more = _("{message} The recipe has an augmentation of its own for this class.")
        message = more.format(message=message)
    yield Finding(
        message,
        where=place,
        evidence=(plain, changed, stuck.curve),
        limit=changed.last - gain,
        confidence=0.9,
        nearness=nearness,
    )


def _words(field: str) -> str:
    """What a change is called."""
    return {
        "flip": _("flipping"),
        "rotate": _("rotation"),
        "scale": _("scaling"),
        "crop": _("shifting"),
        "light": _("light"),
        "colour": _("colour"),
        "erase": _("erasing"),
    }[field]
