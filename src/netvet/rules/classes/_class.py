"""Why a class is stuck, if its images or labels are why: one judgement for the rules of this family, so that two of
them never blame the same class for different things.

The exams decide: `image-quality` and `label-audit` look at the data with features that owe nothing to the run,
`class-features` and `augmentation-effect` at what the network makes of them. In this order, the first that holds is
the root: images too poor to show what they are (which makes classes look alike), an augmentation that the network knows
the class by, wrong labels (which make a class look like all others), features that lack what the images or their files
hold (`_features`), another class that looks the same, forms with little in common. Without the exams nothing is
blamed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from netvet.partner import partners
from netvet.rules._chance import surely_more
from netvet.rules._stuck import Stuck, stuck
from netvet.rules.classes._features import lack
from netvet.trace import Trace

Why = Literal["", "quality", "augmentation", "labels", "features", "alike", "forms"]

KINDS = ("blur", "dark", "flat", "glare", "tiny")
SOUND = 0.9  # median AUC of the other classes in the audit: below it the audit's features say nothing of one class


@dataclass(frozen=True)
class Limits:
    """What a class is judged by. `effect`: Cliff's delta. `errors`: share of its labels; `above`: times the median of
    the others. `together`: share of the missed images, or of the likely errors, that goes to one class. `pair`, `rest`:
    AUC against that class and against all but it. `gain`: recall by which the augmentation surely raises it. `gap`: AUC
    by which the network's features surely lack what the images hold, and `poor`: below which they do. `few`: share of
    the images of the largest class. `distance`: of two forms, as a multiple of the distance to the second nearest other
    class; `beyond`: times the median of that over the other classes; `chance`: share of single clouds that can be
    parted as well; `doubtful`: share of its labels up to which forms may pass for wrong ones.
    """

    effect: float = 0.8
    errors: float = 0.15
    above: float = 2.0
    together: float = 0.6
    pair: float = 0.85
    rest: float = 0.9
    gain: float = 0.3
    gap: float = 0.1
    poor: float = 0.7
    few: float = 0.2
    distance: float = 1.0
    beyond: float = 1.65
    chance: float = 0.05
    doubtful: float = 0.3


@dataclass(frozen=True)
class Case:
    """The worst stuck class, and why it is stuck.

    `partner`: the class that it is taken for most, "" where none is known; `taken`: the share of its missed validation
    images that are taken for it. `kinds`: in what its images are poorer than the others'.
    """

    stuck: Stuck
    why: Why
    partner: str
    taken: float
    kinds: tuple[str, ...]


def case(trace: Trace, limits: Limits) -> Case | None:
    """The worst stuck class; None where no class is stuck."""
    found = stuck(trace)
    if not found:
        return None
    worst = found[0]
    partner, taken = _partner(trace, worst.place)
    kinds = tuple(kind for kind in KINDS if trace.last(f"quality_{kind}", worst.place) >= limits.effect)
    poor = bool(kinds) and trace.last("quality_surely", worst.place) >= limits.effect - 0.2
    why: Why = "quality" if poor else _why(trace, worst.place, partner, taken, limits)
    return Case(worst, why, partner, taken, kinds)


def _why(trace: Trace, place: str, partner: str, taken: float, limits: Limits) -> Why:
    """Why images of sound quality are not learnt."""

    def measured(name: str) -> float:
        return trace.last(name, place)

    n = measured("val_images")
    if n > 0 and surely_more(measured("recall_augmented"), n, measured("recall_plain"), n) >= limits.gain:
        return "augmentation"
    others = [trace.last("image_auc", name) for name in trace.places("image_auc") if name not in (place, partner)]
    if not others or not np.median(others) >= SOUND:
        return ""
    shares = [trace.last("label_error_share", name) for name in trace.places("label_error_share") if name != place]
    scattered = (
        measured("form_distance") >= limits.distance
        and measured("form_distance") >= limits.beyond * measured("form_usual")
        and measured("form_chance") <= limits.chance
    )
    few = scattered and measured("label_error_share") < limits.doubtful  # what few images of each form look like
    if (
        not few
        and measured("label_error_share") >= max(limits.errors, limits.above * float(np.median(shares)))
        and measured("label_error_together") <= limits.together
        and measured("image_rest_auc") < limits.rest
    ):
        return "labels"
    if lack(trace, place, partner, taken, limits):
        return "features"
    if (
        taken >= limits.together
        and max(measured("image_pair_auc"), measured("probe_pair_auc")) < limits.pair
        and measured("image_rest_auc") >= limits.rest
    ):
        return "alike"
    return "forms" if scattered else ""


def _partner(trace: Trace, place: str) -> tuple[str, float]:
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
    partner = int(recorded) if 0 <= recorded < len(classes) else partners(confusion)[k]
    return classes[partner], float(row[partner] / row.sum())
