"""Validation or test images have twins in training, so the measured accuracy is too high.

## Symptom
Validation accuracy is excellent and nearly equal to training accuracy; on new fish the network is far worse.

## Evidence
`leaked_share` (0..1) of a split counts images that share a known group (a trajectory, an animal) with a training image,
`leaked_by_group`, or are near-duplicates of one, `leaked_by_look`. Fires when more than `group` of a split is leaked by
group, or more than `look` by look (the lower end of Wilson's interval). Some fish look alike without being the same: of
4,179 photographs split by track, 2.5 % of the validation images have a near-duplicate in training, split at random 17
%; of rendered fish at most 3 % where all are different, and 10 to 18 % where 30 % were copied and re-encoded. In a
watched loop exact copies count alone, by thumbnails.
The runs behind these numbers: docs/evidence/split-leakage.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> torn, alike = {"leaked_by_group@val": 0.9}, {"leaked_by_look@val": 0.025}
    >>> assert_fires("split-leakage", altered(healthy_trace(), {"leaked_share@val": 0.9, **torn})).where
    'val'
    >>> assert_silent("split-leakage", altered(healthy_trace(), {"leaked_share@val": 0.025, **alike}))

## Why it happens
Frames of one video, photographs of one animal or copies of one file were split at random, so that one went into
training and its neighbour into validation.

## Not to be confused with
An easy data set: it has no such twins. The rule needs no symptom: leakage hides the symptoms.

## Remedies
group-split (keeps every group in one split). The accuracy will fall, to what it always was.

## References
Kapoor, Narayanan 2023, Leakage and the reproducibility crisis in machine-learning-based science,
https://doi.org/10.1016/j.patter.2023.100804
Barz, Denzler 2020, Do we train on test data? Purging CIFAR of near-duplicates, https://arxiv.org/abs/1902.00423
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from netvet.locale import _
from netvet.rules import Finding, rule
from netvet.rules._chance import interval
from netvet.trace import Trace

FIX = "train, val = split(images)  # first of all; then copy, oversample or augment train alone"


@rule("split-leakage", needs=["leaked_share"], remedies=["group-split"], invalidates=True)
def check(trace: Trace, *, group: float = 0.01, look: float = 0.06) -> Iterator[Finding]:
    """`group`, `look`: shares of a split's images, 0..1."""
    splits = trace.places("leaked_share")
    leaked = [s for s in splits if trace.last("leaked_by_group", s) > group or _surely(trace, s) > look]
    if not leaked:
        return
    worst = max(leaked, key=lambda s: trace.last("leaked_share", s))
    by_group = trace.last("leaked_by_group", worst) > group
    told = trace.series("leaked_by_group" if by_group else "leaked_by_look", worst)
    text = _("{share:.0%} of the {split} images have a twin in training ({how}), so the measured accuracy is too high")
    how = _("the same group, such as one fish's video") if by_group else _("a near-duplicate")
    if trace.recipe is None:
        how = _("the same picture")
    named = {"val": _("validation"), "test": _("test")}
    pairs = len(trace.meta.get("examples", {}).get("leaked", ()))
    end = _("; the report shows {pairs} pairs.").format(pairs=pairs) if pairs else "."
    yield Finding(
        text.format(share=told.last, split=named.get(worst, worst), how=how) + end,
        where=worst,
        evidence=(told, *(trace.series(told.name, s) for s in leaked if s != worst)),
        limit=group if by_group else look,
        confidence=0.97 if by_group or trace.recipe is None else 0.85,
        fix="" if trace.recipe is not None else FIX,
    )


def _surely(trace: Trace, split: str) -> float:
    """Lower end of the interval of a split's share of near-duplicates; nan where they were not looked for."""
    share = trace.last("leaked_by_look", split)
    images = sum(trace.last(f"{split}_images", name) for name in trace.places(f"{split}_images"))
    return interval(share, images or math.inf)[0] if 0 <= share <= 1 else math.nan
