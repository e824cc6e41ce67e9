"""Why a class is stuck, if its images or labels are why: one judgement for the rules of this family, so that two of
them never blame the same class for different things. Of several stuck classes each has its own cause. Where none holds,
those that come near their limits are suspected, and said to be.

The exams decide: `image-quality` and `label-audit` look at the data with features that owe nothing to the run,
`class-features` and `augmentation-effect` at what the network makes of them. In this order, the first that holds is the
root: an augmentation that the network knows the class by (what it does when asked, where all else is about the images),
images too poor to show what they are (which makes classes look alike), wrong labels (which make a class look like all
others), features that lack what the images or their files hold (`_features`), another class that looks the same, forms
with little in common. Without the exams nothing is blamed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from netvet.confusion import most_confused_with
from netvet.rules._chance import surely_more
from netvet.rules._stuck import Stuck, stuck
from netvet.rules.classes._features import lack
from netvet.trace import Trace

Why = Literal["", "quality", "augmentation", "labels", "features", "alike", "forms"]

KINDS = ("blur", "dark", "flat", "glare", "tiny")
SUSPECTED = 0.5  # times a rule's confidence, where the class comes near its limits and does not reach them
LESSER = 0.75  # below class-imbalance of a class alone, the least sure cause of the worst class


@dataclass(frozen=True)
class Limits:
    """What a class is judged by. `effect`: Cliff's delta, `surely`: the lower end of its interval. `errors`: share of
    its labels; `above`: times the median of the others; `spread`: largest share of the likely errors that goes to one
    class; `unlike`: AUC against all but its partner, below which labels are blamed. `together`: share of the missed
    images that goes to one class; `pair`, `rest`: AUC against that class and against all but it. `gain`: recall by
    which the augmentation surely raises it. `gap`: AUC by which the network's features surely lack what the images
    hold, and `poor`: below which they do. `few`: share of the images of the largest class. `distance`: of two forms, as
    a multiple of the distance to the second nearest other class; `beyond`: times the median of that over the other
    classes, `beyond_clean`: where at most the share `clean` of its labels is likely wrong; `chance`: share of single
    clouds that can be parted as well; `doubtful`: share of its labels up to which forms may pass for wrong ones.
    `sound`: median AUC of the other classes in the audit, below which the audit's features say nothing of one class.
    """

    effect: float = 0.8
    surely: float = 0.6
    errors: float = 0.15
    above: float = 2.0
    spread: float = 0.6
    unlike: float = 0.9
    together: float = 0.6
    pair: float = 0.85
    rest: float = 0.9
    gain: float = 0.3
    gap: float = 0.1
    poor: float = 0.7
    few: float = 0.2
    distance: float = 1.0
    beyond: float = 1.65
    beyond_clean: float = 1.3
    clean: float = 0.1
    chance: float = 0.05
    doubtful: float = 0.3
    sound: float = 0.9

    def loose(self) -> Limits:
        """What is near these limits, for a suspicion."""
        return replace(
            self,
            effect=self.effect - 0.2,
            surely=self.surely - 0.2,
            errors=self.errors / 2,
            above=0.75 * self.above,
            spread=self.spread + 0.2,
            unlike=self.unlike + 0.05,
            together=self.together - 0.15,
            pair=self.pair + 0.05,
            rest=self.rest - 0.05,
            gain=self.gain / 2,
            gap=self.gap / 2,
            poor=self.poor + 0.1,
            beyond=self.beyond - 0.25,
            beyond_clean=self.beyond_clean - 0.1,
            chance=2 * self.chance,
            sound=self.sound - 0.05,
        )


@dataclass(frozen=True)
class Case:
    """A stuck class, and why it is stuck: `why`, by the `limits`, `sure` or only near them.

    `partner`: the class that it is taken for most, "" where none is known; `taken`: the share of its missed validation
    images that are taken for it. `kinds`: in what its images are poorer than the others'. `weight`: what a rule's
    confidence is multiplied by.
    """

    stuck: Stuck
    why: Why
    partner: str
    taken: float
    kinds: tuple[str, ...]
    limits: Limits
    sure: bool = True
    weight: float = 1.0


def cases(trace: Trace, limits: Limits) -> tuple[Case, ...]:
    """The stuck classes, the worst first, each with why it is stuck: the first reason that holds. Where none holds, one
    case for each that nearly does, and one of no reason.
    """
    found: list[Case] = []
    first: Why = ""
    for each in stuck(trace):
        case = _case(trace, each, limits)
        if case.why:
            first = first or case.why
            found.append(case if case.why == first else replace(case, weight=LESSER))
        else:
            found += [*_suspected(trace, case), case]
    return tuple(found)


def case(trace: Trace, limits: Limits, why: Why) -> Case | None:
    """The worst of the classes that are stuck for this reason, surely or else perhaps; None where none is."""
    return worst(cases(trace, limits), why)


def worst(known: Sequence[Case], why: Why) -> Case | None:
    """The worst of these that is stuck for this reason, surely or else perhaps; None where none is."""
    fitting = [each for each in known if each.why == why]
    return next((each for each in fitting if each.sure), fitting[0] if fitting else None)


def _case(trace: Trace, found: Stuck, limits: Limits) -> Case:
    partner, taken = _partner(trace, found.place)
    why: Why = next(_reasons(trace, found.place, partner, taken, limits), "")
    return Case(found, why, partner, taken, _poor(trace, found.place, limits), limits)


def _suspected(trace: Trace, case: Case) -> list[Case]:
    place, loose = case.stuck.place, case.limits.loose()
    near = replace(case, kinds=_poor(trace, place, loose), limits=loose, sure=False, weight=SUSPECTED)
    return [replace(near, why=why) for why in _reasons(trace, place, case.partner, case.taken, loose)]


def _poor(trace: Trace, place: str, limits: Limits) -> tuple[str, ...]:
    return tuple(kind for kind in KINDS if trace.last(f"quality_{kind}", place) >= limits.effect)


def _reasons(trace: Trace, place: str, partner: str, taken: float, limits: Limits) -> Iterator[Why]:
    """What keeps a class from being learnt, what is judged first at the head."""

    def measured(name: str) -> float:
        return trace.last(name, place)

    n = measured("val_images")
    if n > 0 and surely_more(measured("recall_augmented"), n, measured("recall_plain"), n) >= limits.gain:
        yield "augmentation"
    if {*_poor(trace, place, limits)} - {"flat"} and measured("quality_surely") >= limits.surely:
        yield "quality"
    others = [trace.last("image_auc", name) for name in trace.places("image_auc") if name not in (place, partner)]
    if not others or not np.median(others) >= limits.sound:
        return
    shares = [trace.last("label_error_share", name) for name in trace.places("label_error_share") if name != place]
    scattered = _scattered(trace, place, limits)
    few = scattered and measured("label_error_share") < limits.doubtful  # what few images of each form look like
    if (
        not few
        and measured("label_error_share") >= max(limits.errors, limits.above * float(np.median(shares)))
        and measured("label_error_together") <= limits.spread
        and measured("image_rest_auc") < limits.unlike
    ):
        yield "labels"
    lacking = lack(trace, place, partner, taken, limits)
    if lacking in ("size", "network"):
        yield "features"
    if (
        taken >= limits.together
        and max(measured("image_pair_auc"), measured("probe_pair_auc")) < limits.pair
        and measured("image_rest_auc") >= limits.rest
    ):
        yield "alike"
    if scattered:
        yield "forms"
    if lacking == "head":  # forms with few images each bias it, too
        yield "features"


def form_limit(trace: Trace, place: str, limits: Limits) -> float:
    """How far apart forms have to lie: farther where labels may be wrong, which parts a class as well."""
    beyond = limits.beyond if trace.last("label_error_share", place) >= limits.clean else limits.beyond_clean
    return max(limits.distance, beyond * trace.last("form_usual", place))


def _scattered(trace: Trace, place: str, limits: Limits) -> bool:
    """Whether a class that is not rare falls into forms."""

    def measured(name: str) -> float:
        return trace.last(name, place)

    counts = [trace.last("class_images", name) for name in trace.places("class_images")]
    return (
        measured("class_images") >= limits.few * max(counts, default=0.0)
        and measured("form_usual") >= 0  # measured at all
        and measured("form_distance") >= form_limit(trace, place, limits)
        and measured("form_chance") <= limits.chance
    )


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
    partner = int(recorded) if 0 <= recorded < len(classes) else most_confused_with(confusion)[k]
    return classes[partner], float(row[partner] / row.sum())
