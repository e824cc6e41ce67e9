"""One class is not learnt while the others are.

## Symptom
Overall accuracy looks fine, but one species is missed again and again, and does not get better.

## Evidence
By class, one against the rest: `val_auc` with its 95 % interval, and `val_recall` and `train_recall` with Wilson's. A
class is stuck when, over the last third of the run, its AUC surely lies more than `margin` below the median of the
classes, or its recall surely below `share` of what a quarter of the classes reach, and that third did not raise it by
`still` or more. Intervals, because a class of three validation images scores anything by chance; they are widened for
the number of classes looked at (Bonferroni). Training recall, because a class that is too small to judge on
validation may still show that it is not even learnt. Where the others are not learnt either (AUC below `auc`, recall
below `recall`), no class is called stuck. Healthy runs on 23 species stay silent though the worst recognises 0 of 5
validation images; painted species with a fortieth of the largest one's images had a training recall of 0.00 and fire.

## Why it happens
Too few images of it, images that do not look alike, another class that looks the same, wrong labels, or photographs
too poor to show what matters.

## Not to be confused with
A run in which nothing is learnt: then all classes are low together. A small class whose score is merely uncertain.

## Remedies
See the cause that explains it: class-imbalance.

## References
Hanley, McNeil 1982, The meaning and use of the area under a ROC curve, https://doi.org/10.1148/radiology.143.1.7063747
Fawcett 2006, An introduction to ROC analysis, https://doi.org/10.1016/j.patrec.2005.10.010
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.special import ndtri

from netvet.locale import _
from netvet.rule import Finding, rule
from netvet.rules._chance import interval
from netvet.rules._curve import last_third, quantile, rise
from netvet.trace import Trace


@rule("stuck-class", kind="symptom", needs=["val_auc", "val_auc_high", "val_images"])
def check(
    trace: Trace,
    *,
    margin: float = 0.1,
    share: float = 0.4,
    still: float = 0.05,
    auc: float = 0.85,
    recall: float = 0.7,
) -> Iterator[Finding]:
    """`margin`, `auc`: AUC; `share`: of the usual recall; `recall`: recall; `still`: AUC or recall; all 0..1."""
    names = trace.places("val_auc")
    if len(names) < 3:
        return
    z = float(-ndtri(0.025 / len(names)))
    stuck: dict[str, tuple[float, Finding]] = {}
    for name in ("val_auc", "val_recall", "train_recall"):
        curves = [trace.series(name, place) for place in names]
        ends = np.array([last_third(curve).mean() if len(curve) else np.nan for curve in curves])
        usual = quantile(ends, 0.5 if name == "val_auc" else 0.75)
        limit = usual - margin if name == "val_auc" else share * usual
        if not usual >= (auc if name == "val_auc" else recall):
            continue
        for place, curve, value in zip(names, curves, ends, strict=True):
            if place in stuck or not _reach(trace, name, place, value, z) < limit or rise(last_third(curve)) >= still:
                continue
            message = _sentence(name).format(name=place, value=value, usual=usual)
            stuck[place] = value / usual, Finding(message, place, (curve,), limit, 0.9)
    if not stuck:
        return
    first, *others = (finding for _rank, finding in sorted(stuck.values(), key=lambda pair: (pair[0], pair[1].where)))
    if others:
        more = _("{message} The same goes for {names}.")
        listed = ", ".join(finding.where for finding in others)
        first = replace(first, message=more.format(message=first.message, names=listed))
    yield replace(first, evidence=first.evidence + tuple(finding.evidence[0] for finding in others))


def _reach(trace: Trace, name: str, place: str, value: float, z: float) -> float:
    """Upper end of the interval, z standard errors wide; nan where there is nothing to judge by."""
    if name == "val_auc":
        return value + (trace.last("val_auc_high", place) - trace.last("val_auc", place)) * z / 1.96
    n = trace.last("val_images" if name == "val_recall" else "class_images", place)
    return interval(value, n, z)[1] if n > 0 and 0 <= value <= 1 else float("nan")


def _sentence(name: str) -> str:
    if name == "val_auc":
        return _(
            "{name} is not learnt: its validation AUC stays at {value:.2f}, where the median class has {usual:.2f}."
        )
    if name == "val_recall":
        return _(
            "{name} is missed: {value:.0%} of its validation images are recognised; of the better classes, {usual:.0%}."
        )
    return _(
        "{name} is not learnt: {value:.0%} of its training images are recognised; of the better classes, {usual:.0%}."
    )
