"""Which classes are stuck, and what they are taken for: a view that the symptom and the causes that explain it share,
so that they mean the same class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from netvet.confusion import most_confused_with
from netvet.locale import _
from netvet.rules._chance import independent, interval
from netvet.rules._curve import last_third, quantile, read, rise
from netvet.rules._views import view
from netvet.trace import Series, Trace

MARGIN, SHARE, STILL, AUC, RECALL = 0.1, 0.6, 0.05, 0.85, 0.7  # explained on the page of stuck-class


@dataclass(frozen=True)
class Stuck:
    """A class that stays behind.

    `place`: its name. `curve`: the validation AUC, the validation recall or the training recall that shows it, read as
    `value`, its median over the last third. `usual`: what other classes reach. `limit`: it surely lies below this.
    `partner`: the class that it is taken for most, "" where none is known; `taken`: the share of its missed validation
    images that are taken for it.
    """

    place: str
    curve: Series
    value: float
    usual: float
    limit: float
    partner: str = ""
    taken: float = 0.0


@view(of="stuck-class")
def stuck(
    trace: Trace,
    *,
    margin: float = MARGIN,
    share: float = SHARE,
    still: float = STILL,
    auc: float = AUC,
    recall: float = RECALL,
) -> tuple[Stuck, ...]:
    """The stuck classes, the worst first. The limits are explained on the page of stuck-class."""
    names = trace.places("val_auc")
    if len(names) < 3:
        return ()
    z = float(-ndtri(0.05 / len(names)))
    found: dict[str, Stuck] = {}
    for name in ("val_auc", "val_recall", "train_recall"):
        curves = [trace.series(name, place) for place in names]
        ends = np.array([np.median(last_third(curve)) if len(curve) else np.nan for curve in curves])
        usual = quantile(ends, 0.5 if name == "val_auc" else 0.75)
        limit = usual - margin if name == "val_auc" else share * usual
        if not usual >= (auc if name == "val_auc" else recall):
            continue
        for place, curve, value in zip(names, curves, ends.tolist(), strict=True):
            highest, gain = _reach(trace, name, place, value, z), rise(last_third(curve))
            if place in found or not highest < limit or (gain >= still and value + 2 * gain >= limit):
                continue
            told = read(curve, value, _("median of the last third"))
            found[place] = Stuck(place, told, value, usual, limit, *partner(trace, place))
    return tuple(sorted(found.values(), key=lambda each: (each.value / each.usual, each.place)))


def _reach(trace: Trace, name: str, place: str, value: float, z: float) -> float:
    """Upper end of the interval, z standard errors wide; nan where there is nothing to judge by."""
    if name == "val_auc":
        return value + (trace.last("val_auc_high", place) - trace.last("val_auc", place)) * z / 1.96
    split = "val" if name == "val_recall" else "train"
    n = independent(trace, trace.last("val_images" if split == "val" else "class_images", place), split, place)
    return interval(value, n, z)[1] if n > 0 and 0 <= value <= 1 else float("nan")


def partner(trace: Trace, place: str) -> tuple[str, float]:
    """The class that the exams held this one against, and the share of its missed validation images that are taken for
    it; "" and 0 where none is missed.
    """
    classes, confusion = trace.meta.get("classes", ()), trace.array("val_confusion")
    if confusion is None or place not in classes or len(confusion) != len(classes):
        return "", 0.0
    k, recorded = classes.index(place), trace.last("partner_class", place)
    row = np.array(confusion[k], np.float64)
    row[k] = 0
    if not row.any():
        return "", 0.0
    other = int(recorded) if 0 <= recorded < len(classes) else most_confused_with(confusion)[k]
    return classes[other], float(row[other] / row.sum())
