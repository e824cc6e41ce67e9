"""One class is not learnt while the others are.

## Symptom
Overall accuracy looks fine, but one species is missed again and again, and does not get better.

## Evidence
By class, one against the rest: `val_auc_high`, the upper end of the 95 % interval of ROC-AUC, and `val_recall` with
Wilson's interval. A class is stuck when its AUC surely lies more than `margin` below the median of the classes, or
its recall surely below `share` of the median recall, and the last third of the run did not raise it by `still` or
more. Intervals, because a class of three validation images scores anything by chance; they are widened for the number
of classes looked at (Bonferroni).

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

import numpy as np
from scipy.special import ndtri

from netvet.locale import _
from netvet.rule import Finding, rule
from netvet.rules._chance import interval
from netvet.rules._curve import last_third, quantile, rise
from netvet.trace import Trace


@rule("stuck-class", kind="symptom", needs=["val_auc", "val_auc_high", "val_images"])
def check(trace: Trace, *, margin: float = 0.1, share: float = 0.5, still: float = 0.05) -> Iterator[Finding]:
    """`margin`: AUC; `share`: of the median recall; `still`: AUC or recall; all 0..1."""
    names = trace.places("val_auc")
    if len(names) < 3:
        return
    z = float(-ndtri(0.025 / len(names)))
    aucs, recalls = _ends(trace, "val_auc", names), _ends(trace, "val_recall", names)
    usual_auc, usual_recall = quantile(aucs, 0.5), quantile(recalls, 0.5)
    stuck: list[tuple[float, str, Finding]] = []
    for name, auc, recall in zip(names, aucs, recalls, strict=True):
        n = trace.last("val_images", name)
        reach = auc + (trace.last("val_auc_high", name) - trace.last("val_auc", name)) * z / 1.96
        if min(reach, 1.0) < usual_auc - margin and rise(last_third(trace.series("val_auc", name))) < still:
            text = _(
                "{name} is not learnt: its validation AUC stays at {value:.2f}, where the median class has {usual:.2f}."
            )
            series, value, usual, limit = trace.series("val_auc", name), auc, usual_auc, usual_auc - margin
        elif (
            n > 0
            and interval(recall, n, z)[1] < share * usual_recall
            and rise(last_third(trace.series("val_recall", name))) < still
        ):
            text = _(
                "{name} is missed: {value:.0%} of its validation images are recognised, where the median class "
                "has {usual:.0%}."
            )
            series, value, usual, limit = trace.series("val_recall", name), recall, usual_recall, share * usual_recall
        else:
            continue
        finding = Finding(text.format(name=name, value=value, usual=usual), name, (series,), limit, 0.9)
        stuck.append((value / max(usual, 1e-9), name, finding))
    yield from (finding for _rank, _name, finding in sorted(stuck, key=lambda s: s[:2]))


def _ends(trace: Trace, name: str, places: list[str]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The mean over the last third of the run, by place; nan where it was not measured."""
    thirds = [last_third(trace.series(name, place)) for place in places]
    return np.array([float(np.mean(third)) if len(third) else np.nan for third in thirds])
