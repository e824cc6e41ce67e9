"""Many labels of one class are wrong.

## Symptom
One species is missed again and again, in training too, and what it is taken for changes from image to image.

## Evidence
A class that is stuck, and the `label-audit` exam, whose features owe nothing to the run. `label_error_share` is, by
confident learning, the share of the images with this label that look like another class as surely as that class's own
images do. The rule fires when it is at least `errors` and at least `above` times the median of the other classes, when
no more than `together` of these images belong to any one other class, and when the audit cannot tell the class from the
rest even with the class that it is most confused with left out (`image_rest_auc` below `rest`). Where the median
`image_auc` of the other classes is below 0.9, the audit's features are too weak to blame anything.

Proof: with 45 to 60 % of one class's labels swapped the share was 0.24 to 0.34 in that class and at most 0.13 in the
others; in look-alike pairs 0.99 or more of the likely errors went to one class. The audit sees about half of the
errors, so the truth is worse than it says.
The runs behind these numbers: docs/evidence/label-noise.md.

## Example
    >>> from netvet.testing import assert_fires, assert_silent, stuck_trace
    >>> wrong = {"label_error_share": 0.3, "image_rest_auc": 0.72}
    >>> assert_fires("label-noise", stuck_trace(**wrong, label_error_together=0.25)).where
    'species 3'
    >>> assert_silent("label-noise", stuck_trace(**wrong, label_error_together=0.9))  # one class: look-alikes

## Why it happens
Labels were guessed, taken from the name of a folder or a search, or given by a model; or a whole track was labelled by
its first frame.

## Not to be confused with
look-alike-classes: there the errors go to one class, and relabelling does not help. Two classes whose labels are
swapped only with each other are reported as look-alikes. Wrong labels spread evenly over all classes: they cost
accuracy, and no class is stuck.

## Remedies
clean-labels (corrects the likely errors among the training labels, at most half of any class), early-stopping (wrong
labels are learnt last). A person sees more: `netvet inspect` lists the likely errors with what they should be, and
`data.relabel` takes that list, for validation labels too.

## References
Northcutt, Jiang, Chuang 2021, Confident learning, https://doi.org/10.1613/jair.1.12125
Arpit et al. 2017, A closer look at memorization in deep networks, https://arxiv.org/abs/1706.05394
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netvet.locale import _
from netvet.rules import Finding, rule
from netvet.rules.classes._class import Limits, case
from netvet.trace import Trace


@rule(
    "label-noise",
    needs=["val_auc", "val_auc_high", "val_images"],
    exams=["image-quality", "label-audit"],
    explains=["stuck-class"],
    remedies=["clean-labels", "early-stopping"],
)
def check(
    trace: Trace, *, errors: float = 0.15, above: float = 2.0, together: float = 0.6, rest: float = 0.9
) -> Iterator[Finding]:
    """`errors`, `together`: shares, 0..1; `above`: times the other classes' median; `rest`: AUC."""
    found = case(trace, Limits(errors=errors, above=above, spread=together, unlike=rest), "labels")
    if found is None:
        return
    place = found.stuck.place
    share = trace.series("label_error_share", place)
    others = [trace.last("label_error_share", name) for name in trace.places("label_error_share") if name != place]
    text = _(
        "At least {share:.0%} of the labels {name} are likely wrong (median of the other classes: {usual:.0%}): these "
        "images resemble other classes as clearly as those classes' own images do."
    )
    needed = _(
        "{name} needs its labels corrected: at least {wrong:.0f} of the {count:.0f} training images labelled {name} "
        "likely belong to other classes, and images of it carry other labels. netvet inspect lists them for a person "
        "to check, and data.relabel takes the list."
    )
    count = trace.last("class_images", place)
    yield Finding(
        text.format(share=share.last, name=place, usual=float(np.median(others))),
        where=place,
        evidence=(share, trace.series("image_rest_auc", place), found.stuck.curve),
        limit=errors,
        confidence=0.85 * found.weight,
        suspected=not found.sure,
        needed=needed.format(wrong=share.last * count, count=count, name=place),
    )
