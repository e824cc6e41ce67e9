"""Many labels are wrong, of one class or all over the training images.

## Symptom
One species is missed again and again, in training too, and what it is taken for changes from image to image. Or all
of them: accuracy is lower on the images that the network trains on than on new ones, or the gap is wide.
Or none: the labels contradict the images, or those of one group one another, whatever is measured.

## Evidence
Of a stuck class: `label_error_share`, by confident learning the share of its labels surely of another class (exam
`label-audit`), is at least `errors` and `above` times the other classes' median; at most `together` of them are of one
class; `image_rest_auc` lies below `rest`. Below `doubtful` it yields to scattered-class.

Of the run: the audit counts at least `noisy` of all labels (`label_noise_low`); validation accuracy is surely `lower`
above training accuracy in evaluation mode; or colours and edges gain less than `told` of what they gain on validation
labels when asked for those they were learnt from (`augmented` where images do not come again as they were), by more
than `spread` standard deviations.
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
swapped only with each other are reported as look-alikes. shuffled-labels: there
no label says anything. Wrong labels in validation too: of a watched loop no sign shows them, `netvet inspect` does.

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
from netvet.rules import Finding, Stuck, rule
from netvet.rules._marked import mislabelled
from netvet.rules._nearness import at_least, at_most, below
from netvet.rules.classes._audit import audited
from netvet.rules.classes._contradicted import contradicted
from netvet.rules.classes._training_noise import EFFECTS, in_training
from netvet.trace import Trace


@rule(
    "label-noise",
    about="both",
    needs=["train_accuracy", "val_accuracy"],
    exams=["label-audit"],
    explains=["stuck-class", *EFFECTS],
    remedies=["clean-labels", "early-stopping"],
    yields_to=["harmful-augmentation", "low-quality-images"],
    may_yield_to=["scattered-class"],
    always=["label-audit"],
)
def check(
    trace: Trace,
    stuck: Stuck | None,
    *,
    errors: float = 0.15,
    above: float = 2.0,
    together: float = 0.6,
    rest: float = 0.9,
    doubtful: float = 0.3,
    told: float = 0.85,
    augmented: float = 0.5,
    spread: float = 5.0,
    lower: float = 0.05,
    noisy: float = 0.1,
) -> Iterator[Finding]:
    """`errors`, `together`, `doubtful`, `told`, `augmented`, `noisy`: shares, 0..1; `above`: times the other classes'
    median; `rest`: AUC; `spread`: standard deviations; `lower`: accuracy, 0..1.
    """
    if stuck is None:
        yield from in_training(trace, told=told, augmented=augmented, spread=spread, lower=lower, noisy=noisy)
        return
    if stuck in mislabelled(trace):
        yield contradicted(trace, stuck)
        return
    place, share = stuck.place, trace.series("label_error_share", stuck.place)
    others = [trace.last("label_error_share", name) for name in trace.places("label_error_share") if name != place]
    usual, rest_auc = float(np.median(others)) if others else 0.0, trace.series("image_rest_auc", place)
    nearness = min(
        audited(trace, stuck),
        at_least(share.last, errors, slack=errors / 2),
        at_least(share.last, above * usual, slack=above * usual / 4),
        at_most(trace.last("label_error_together", place), together, slack=0.2),
        below(rest_auc.last, rest, slack=0.05),
    )
    if not nearness:
        return
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
        text.format(share=share.last, name=place, usual=usual),
        where=place,
        evidence=(share, rest_auc, stuck.curve),
        limit=max(errors, above * usual),
        confidence=0.85,
        explains=("stuck-class",),
        nearness=nearness,
        needed=needed.format(wrong=share.last * count, count=count, name=place),
        yields_to=("scattered-class",) if share.last < doubtful else (),
    )
