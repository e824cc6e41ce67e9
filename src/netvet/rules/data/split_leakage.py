"""Validation or test images have twins in training, so the measured accuracy is not true.

## Symptom
Validation accuracy is excellent and nearly equal to training accuracy; on new fish the network is far worse.

## Evidence
`leaked_share` (0..1), by split: images that share a known group (a trajectory, an animal) with a training image,
`leaked_by_group`, or are near-duplicates of one, `leaked_by_look`. Fires when more than `group` of a split is leaked
by group, or surely (Wilson's interval) more than `look` by look. Some fish do look alike without being the same: of
4,179 photographs of 1,348 tracked fish, split by track, 2.5 % of the validation images have a near-duplicate in
training, split at random 17 % (and 82 % a frame of the same track); of painted fish, at most 3 % where all are
different, and 10 to 18 % where 30 % were copied and encoded anew; of 28-pixel pictures of clothes (Fashion-MNIST),
where one pair of trousers looks like another, 5 %, of shirts alone 9 %.

## Why it happens
Frames of one video, photographs of one animal or copies of one file were split at random, one into training and its
neighbour into validation.

## Not to be confused with
An easy data set: there the twins are missing. It needs no symptom: leakage hides the symptoms.

## Remedies
group-split (keep every group in one split). The accuracy will fall, to what it always was.

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


@rule("split-leakage", needs=["leaked_share"], remedies=["group-split"], invalidates=True)
def check(trace: Trace, *, group: float = 0.01, look: float = 0.06) -> Iterator[Finding]:
    """`group`, `look`: shares of a split's images, 0..1."""
    splits = trace.places("leaked_share")
    leaked = [s for s in splits if trace.last("leaked_by_group", s) > group or _surely(trace, s) > look]
    if not leaked:
        return
    worst = max(leaked, key=lambda s: trace.last("leaked_share", s))
    by_group = trace.last("leaked_by_group", worst) > group
    text = _("{share:.0%} of the {split} images have a twin in training ({how}), so the measured accuracy is too high")
    how = _("the same group, such as one fish's video") if by_group else _("nearly the same picture")
    named = {"val": _("validation"), "test": _("test")}
    pairs = len(trace.meta.get("examples", {}).get("leaked", ()))
    end = _("; the report shows {pairs} pairs.").format(pairs=pairs) if pairs else "."
    yield Finding(
        text.format(share=trace.last("leaked_share", worst), split=named.get(worst, worst), how=how) + end,
        where=worst,
        evidence=tuple(trace.series("leaked_share", s) for s in [worst, *(s for s in leaked if s != worst)]),
        limit=group if by_group else look,
        confidence=0.97 if by_group else 0.85,
    )


def _surely(trace: Trace, split: str) -> float:
    """Lower end of the interval of a split's share of near-duplicates; nan where they were not looked for."""
    share = trace.last("leaked_by_look", split)
    images = sum(trace.last(f"{split}_images", name) for name in trace.places(f"{split}_images"))
    return interval(share, images or math.inf)[0] if 0 <= share <= 1 else math.nan
