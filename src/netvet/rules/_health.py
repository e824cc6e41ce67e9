"""The verdict where nothing ails a run: healthy only where something says that it is near what it could have had."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from netvet.locale import _
from netvet.rules._chance import chance_accuracy, prior
from netvet.rules._curve import gap, kept
from netvet.rules._outlook import outlook
from netvet.trace import Trace

Sound = Literal["healthy", "unfinished", "no-fault-found"]

SKILL = 0.7  # of the way from guessing to always right, from which a run is good where no strong reference was taken
GAP = 0.1  # training less validation accuracy, up to which nothing is amiss there
NEAR, NEAR_GAP = 0.1, 0.13  # the same, beside a strong reference: below it by no more than that
WELL = 0.9  # skill from which what is still to come is no matter
COMING = 0.03  # validation accuracy that as many epochs again would add, from which a run is unfinished
FITTED = 0.97  # training accuracy from which more epochs have nothing to learn
"""Set on the clinic's calibrating half: of the 17 runs there in which a fault did harm and no rule finds it, 2 are
called healthy with these limits, and 15 no fault found.
"""


@dataclass(frozen=True)
class Outcome:
    """A verdict where no symptom and no cause was found, and the sentence that gives its grounds."""

    verdict: Sound
    grounds: str


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
    return Outcome("healthy" if good else "no-fault-found", said)


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


def strongest(trace: Trace) -> tuple[str, float]:
    """The reference that was taken, `pretrained` before `handmade`, and its balanced accuracy; "" and nan without."""
    kinds = trace.places("reference_balanced_accuracy")
    kind = next((each for each in ("pretrained", "handmade") if each in kinds), "")
    return kind, trace.last("reference_balanced_accuracy", kind) if kind else math.nan


def _beside(trace: Trace, reached: float, skill: float) -> tuple[str, bool]:
    """What the run is held against, and whether it is near that."""
    kind, reference = strongest(trace)
    values = trace.series("val_balanced_accuracy").values
    balanced = float(values[kept(trace)]) if 0 <= kept(trace) < len(values) else reached
    apart = gap(trace)
    good = skill >= SKILL and not apart > GAP and not balanced < reference - NEAR
    if kind == "pretrained":
        good = good or (balanced >= reference - NEAR and not apart > NEAR_GAP)
    if not kind:
        if good:
            return _("Validation accuracy is {reached:.1%}, and nothing is amiss.").format(reached=reached), True
        text = _("No fault was found at a validation accuracy of {reached:.1%}, and nothing says what could be had.")
        return text.format(reached=reached), False
    features = _("pretrained features") if kind == "pretrained" else _("handmade features")
    text = _(
        "Balanced accuracy in validation is {reached:.1%}; a linear classifier on {features} of the same images "
        "reaches {reference:.1%}."
    )
    return text.format(reached=balanced, features=features, reference=reference), good
