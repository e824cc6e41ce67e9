"""Images and labels were put in another order apart from one another, so that a label says nothing of its image.

## Symptom
Training accuracy stays at guessing, or rises only as the network learns each image by heart; validation stays there.

## Evidence
Colours and edges of thumbnails (`label_information`: balanced accuracy within one split, each image left out in turn)
are held against the same with the labels shuffled (`label_chance`, `label_chance_spread`). Fires where the labels of
one split are less than `none` standard deviations above chance, those of the other more than `sure`, and those of
validation by what training says less than `none`: the images can be told apart, and these labels do not say which is
which. The split has to be large enough to show `part` of what the other has at `sure`. Where both are at chance nothing
is concluded: the classes may be beyond simple features. Where both are told, shuffling is ruled out.
The runs behind these numbers: docs/evidence/shuffled-labels.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> told = {"label_information@validation": 0.5, "label_chance@validation": 0.125, "label_chance@training": 0.125,
    ...     "label_chance_spread@validation": 0.02, "label_chance_spread@training": 0.01,
    ...     "label_information@across": 0.12, "label_chance@across": 0.125, "label_chance_spread@across": 0.02}
    >>> loop = altered(healthy_trace(recipe=None), told)
    >>> assert_fires("shuffled-labels", altered(loop, {"label_information@training": 0.13})).where
    'training'
    >>> assert_silent("shuffled-labels", altered(loop, {"label_information@training": 0.3}))

## Why it happens
Images and labels lie in two arrays, two files or two loaders, and one of them is shuffled, sorted or filtered alone.

## Not to be confused with
label-noise: many labels are wrong, but not all, so that features still tell something. mismatched-classes: labels of
both splits can be told, by other numbers. Hard classes, which no simple features tell in either split.

## Remedies
A line of code: shuffle images and labels by one permutation.

## References
Zhang et al. 2017, Understanding deep learning requires rethinking generalization, https://arxiv.org/abs/1611.03530
Ojala, Garriga 2010, Permutation tests for studying classifier performance, https://jmlr.org/papers/v11/ojala10a.html
"""

from __future__ import annotations

from collections.abc import Iterator

from netvet.locale import _
from netvet.rules import Answer, Finding, RuledOut, rule
from netvet.trace import Trace

FIX = "order = torch.randperm(len(x)); x, y = x[order], y[order]"


@rule(
    "shuffled-labels",
    needs=["label_information"],
    applies_if_recorded="loss",
    explains=[
        "loss-plateau",
        "accuracy-plateau",
        "generalisation-gap",
        "label-noise",
        "late-stopping",
        "under-performance",
    ],
    invalidates=True,
)
def check(trace: Trace, *, none: float = 2.5, sure: float = 5.0, part: float = 0.5) -> Iterator[Answer]:
    """`none`, `sure`: standard deviations above chance; `part`: of the other split's gain, 0..1."""
    above = {split: _above(trace, split) for split in ("training", "validation")}
    named = {"training": _("training"), "validation": _("validation")}
    for split, other in (("training", "validation"), ("validation", "training")):
        enough = part * _gain(trace, other) > sure * _spread(trace, split)
        if above[split] < none and above[other] > sure and _above(trace, "across") < none and enough:
            text = _(
                "The labels of {split} say nothing of its images: by colours and edges {own:.1%} of them are right, as "
                "with shuffled labels ({chance:.1%}), in {other} {told:.1%}."
            )
            message = text.format(
                split=named[split],
                other=named[other],
                own=trace.last("label_information", split),
                chance=trace.last("label_chance", split),
                told=trace.last("label_information", other),
            )
            places = [("label_information", split), ("label_information", other), ("label_chance", split)]
            evidence = tuple(trace.series(name, of) for name, of in places)
            limit = trace.last("label_chance", split) + none * _spread(trace, split)
            yield Finding(message, split, evidence, limit, 0.96, fix=FIX)
            return
    if min(above.values()) > sure:
        text = _(
            "Labels belong to their images: by colours and edges {train:.1%} are right in training, {val:.1%} in "
            "validation."
        )
        curves = [trace.series("label_information", split) for split in above]
        yield RuledOut(text.format(train=curves[0].last, val=curves[1].last), tuple(curves))


def _above(trace: Trace, split: str) -> float:
    """Standard deviations by which features are better than chance; nan where that was not measured."""
    return _gain(trace, split) / _spread(trace, split)


def _gain(trace: Trace, split: str) -> float:
    return trace.last("label_information", split) - trace.last("label_chance", split)


def _spread(trace: Trace, split: str) -> float:
    return max(trace.last("label_chance_spread", split), 1e-3)
