"""The verdict where nothing ails a run: healthy only where something says that it is near what it could have had."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from netvet.base.words import listed
from netvet.locale import _
from netvet.rules._chance import chance_accuracy, prior
from netvet.rules._curve import gap, kept, quantile
from netvet.rules._outlook import outlook
from netvet.rules._stuck import SHARE, hard
from netvet.trace import Trace

Health = Literal["healthy", "unfinished", "sick", "undecided", "no-fault-found"]

SKILL = 0.7  # of the way from guessing to always right, from which a run is good where no strong reference was taken
GAP = 0.1  # training less validation accuracy, up to which nothing is amiss there
GOOD = 0.85  # skill from which the wider gap of a strong reference is no matter either
NEAR, NEAR_GAP = 0.1, 0.13  # the same, beside a strong reference: below it by no more than that
WELL = 0.9  # skill from which what is still to come is no matter
COMING = 0.03  # validation accuracy that as many epochs again would add, from which a run is unfinished
KINDS = ("pretrained", "handmade", "")  # of references, the strongest first; "" of thumbnails that a watcher kept
FITTED = 0.97  # training accuracy from which more epochs have nothing to learn
"""Set on the clinic's calibrating half: of the 17 runs there in which a fault did harm and no rule finds it, 2 are
called healthy with these limits, and 15 no fault found.
"""


@dataclass(frozen=True)
class Outcome:
    """A verdict, and the sentence that gives its grounds where no finding does."""

    verdict: Health
    grounds: str = ""


def judge(trace: Trace) -> Outcome:
    """Healthy, unfinished, or no fault found, with the numbers."""
    at, accuracy = kept(trace), trace.series("val_accuracy").values
    reached = float(accuracy[at]) if 0 <= at < len(accuracy) else math.nan
    skill = balanced_skill(trace)
    coming = outlook(trace)
    unlearnt = not trace.last("train_accuracy") >= FITTED
    if coming is not None and skill < WELL and unlearnt and coming.gain >= COMING and coming.gain > coming.noise:
        text = _(
            "Validation accuracy was still rising when the training ended at {now:.1%}; by epoch {epoch} it would "
            "reach about {then:.0%}."
        )
        return Outcome("unfinished", text.format(now=reached, epoch=2 * coming.epochs, then=coming.then))
    said, good = _beside(trace, reached, skill)
    return Outcome("healthy" if good else "no-fault-found", f"{said} {_hard(trace)}".rstrip())


def _hard(trace: Trace) -> str:
    """The classes that are missed, and are hard by simple features too."""
    recalls = np.array([trace.last("val_recall", place) for place in trace.places("val_recall")])
    names = [name for name in hard(trace) if trace.last("val_recall", name) < SHARE * quantile(recalls, 0.75)]
    text = _("Hard to tell from the others, by colours and edges within validation too: {names}.")
    return text.format(names=listed(names)) if names else ""


def balanced_skill(trace: Trace) -> float:
    """Where the balanced accuracy of validation lies between guessing (0) and always right (1), by the plain accuracy
    where that alone was recorded.
    """
    at = kept(trace)
    for name, chance in (
        ("val_balanced_accuracy", 1 / max(1, len(prior(trace)))),
        ("val_accuracy", chance_accuracy(trace)),
    ):
        values = trace.series(name).values
        if 0 <= at < len(values) and math.isfinite(values[at]):
            return (float(values[at]) - chance) / max(1 - chance, 1e-9)
    return math.nan


def strongest(trace: Trace) -> tuple[str, float] | None:
    """The reference that was taken, the strongest of `KINDS`, and its balanced accuracy; None where there is none."""
    kinds = trace.places("reference_balanced_accuracy")
    kind = next((each for each in KINDS if each in kinds), None)
    return None if kind is None else (kind, trace.last("reference_balanced_accuracy", kind))


def features_of(kind: str) -> str:
    """What a reference rests on, in words."""
    return {"pretrained": _("pretrained features"), "handmade": _("handmade features")}.get(kind) or _(
        "colours and edges"
    )


def _beside(trace: Trace, reached: float, skill: float) -> tuple[str, bool]:
    """What the run is held against, and whether it is near that."""
    taken = strongest(trace)
    kind, reference = taken or ("", math.nan)
    values = trace.series("val_balanced_accuracy").values
    balanced = float(values[kept(trace)]) if 0 <= kept(trace) < len(values) else reached
    apart = gap(trace)
    close = not apart > (NEAR_GAP if skill >= GOOD else GAP)
    good = skill >= SKILL and close and not balanced < reference - NEAR
    if kind == "pretrained":
        good = good or balanced >= reference or (balanced >= reference - NEAR and not apart > NEAR_GAP)
    if taken is None:
        if good:
            return _("No symptoms; validation accuracy is {reached:.1%}.").format(reached=reached), True
        text = _("Validation accuracy is {reached:.1%}, and nothing says what could be had on these images.")
        return text.format(reached=reached), False
    text = _(
        "Balanced accuracy in validation is {reached:.1%}; a linear classifier on {features} of the same images "
        "reaches {reference:.1%}."
    )
    said = text.format(reached=balanced, features=features_of(kind), reference=reference)
    return (said if good else f"{said} {_short_of(skill, apart, close=close)}".rstrip()), good


def _short_of(skill: float, apart: float, *, close: bool) -> str:
    """What keeps a run beside its reference from being called healthy, where the two figures do not say it."""
    if not close:
        return _("Training accuracy is {apart:.1f} points above validation accuracy.").format(apart=100 * apart)
    if not skill >= SKILL:
        return _("It is {skill:.0%} of the way from guessing to always right.").format(skill=skill)
    return ""
