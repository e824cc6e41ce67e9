"""What a trial is going to do: which remedies it tries, on what, for how long."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from netvet.base.errors import BadInput
from netvet.locale import _
from netvet.recipe import Recipe
from netvet.remedies import Prescription, named_class, prescribe, remedies
from netvet.rules import Diagnosis, diagnose
from netvet.trace import Trace
from netvet.trials import CONTROL
from netvet.trials.budget import START, Pace, Plan, make_plan
from netvet.trials.engine import same_split
from netvet.trials.reduction import Reduction, reductions

MOST_REMEDIES = 6
"""Remedies tried where none are named: each further one costs runs and, by the correction, certainty about the others.
"""


@dataclass(frozen=True)
class Protocol:
    """A trial laid out.

    `recipe`: of the run that is treated, at full length. `prescriptions`: remedy -> what it makes of the recipe, in the
    order in which they are tried as far as the time allows. `reference`: the arm with which the remedies are compared:
    the control, or the remedy that mends the split, and then all others are applied on top of it. `least`, `seeds`: see
    `netvet.trials.treat`. `resolution`: split -> what one image counts, 0..1. `digest`: of the run's images. `images`:
    how many there are to train on. `reduction`: to what the images are reduced in all arms, for want of time.
    """

    recipe: Recipe
    diagnosis: Diagnosis
    prescriptions: dict[str, Prescription]
    reference: str
    metric: str
    pace: Pace
    least: int
    seeds: int
    resolution: dict[str, float]
    digest: str
    images: int = 0
    reduction: Reduction | None = None

    @property
    def arms(self) -> dict[str, Recipe]:
        """Arm -> recipe at full length, the control first."""
        return {CONTROL: self.recipe, **{name: p.recipe for name, p in self.prescriptions.items()}}

    @property
    def compared(self) -> list[str]:
        """The remedies that are compared with the reference."""
        return [name for name in self.prescriptions if name != self.reference]

    @property
    def sought(self) -> set[str]:
        """What ails the run, which a trial's runs should show where they are not treated: empty for a healthy run."""
        return self.targets(None)

    @property
    def stuck(self) -> str | None:
        """The class that is stuck, if one is."""
        return next(filter(None, map(named_class, self.diagnosis.symptoms)), None)

    def targets(self, remedy: str | None) -> set[str]:
        """What should be gone after a remedy: the finding it is for (else the root cause), and what that explains."""
        if not self.diagnosis.ails:
            return set()
        finding = self.prescriptions[remedy].finding if remedy is not None else None
        finding = finding or self.diagnosis.root
        if finding is not None and finding.severity == "illness":
            return {finding.rule, *finding.explains}
        return {symptom.rule for symptom in self.diagnosis.symptoms}

    def is_slow(self, arm: str) -> bool:
        """Whether the arm is a remedy that pays late, which shortened runs cannot tell against."""
        known = remedies().get(arm)
        return known is not None and known.slow

    def fitted(self, budget: float, pace: Pace) -> tuple[Protocol, Plan]:
        """The trial that fits into so many seconds: this one, or else the least reduced. Raises BadInput."""
        try:
            return self, self.plan(budget, pace)
        except BadInput as error:
            too_small = error
        for each in () if self.reduction is not None else reductions(self.recipe, self.images):
            smaller = _reduced(self, each, pace)
            with suppress(BadInput):
                return smaller, smaller.plan(budget, smaller.pace)
        raise too_small

    def narrowed(self, arms: Sequence[str]) -> Protocol:
        """The same trial of these remedies alone, beside the one that mends the split."""
        kept = {name: p for name, p in self.prescriptions.items() if name in arms or name == self.reference}
        return replace(self, prescriptions=kept, least=1)

    def plan(self, budget: float, pace: Pace, shortest: int | None = None) -> Plan:
        """How the trial fits into so many seconds; runs take `shortest` epochs at least. Raises BadInput."""
        return make_plan(
            budget,
            pace,
            full=self.recipe.stop.epochs,
            remedies=len(self.prescriptions),
            least=self.least,
            seeds=self.seeds,
            shortest=shortest,
            slow=any(map(self.is_slow, list(self.prescriptions)[: self.least])),
        )


def draw_up(run: Path, *, names: Sequence[str], seeds: int, least: int) -> Protocol:
    """Read a run and lay out its trial. Raises BadInput: see `netvet.trials.treat`."""
    trace = Trace.open(run)
    recipe = trace.recipe
    if recipe is None:
        raise BadInput(
            _("{run} was recorded in your own training loop: trials need a run of netvet train.").format(run=run)
        )
    if not trace.meta.get("finished", False) or not len(trace.series("epoch_seconds")):
        raise BadInput(
            _("{run} is not finished: continue it with netvet train --resume, then treat it.").format(run=run)
        )
    if seeds < 2:
        raise BadInput(_("{seeds} seed is too few: an interval needs at least 2.").format(seeds=seeds))
    diagnosis = _with_range_test(diagnose(trace, run=str(run)), trace)
    prescriptions, reference = _mended_first(recipe, _prescribed(recipe, diagnosis, trace, names, least))
    return Protocol(
        recipe=recipe,
        diagnosis=diagnosis,
        prescriptions=prescriptions,
        reference=reference,
        metric="accuracy" if recipe.stop.metric == "accuracy" else "balanced_accuracy",
        pace=pace_of(trace),
        least=len(prescriptions) if names else least,
        seeds=seeds,
        resolution={split: 1 / max(1.0, _count(trace, f"{split}_images")) for split in ("val", "test")},
        digest=str(trace.meta.get("data", {}).get("digest", "")),
        images=round(sum(class_sizes(trace))),
    )


def _reduced(protocol: Protocol, reduction: Reduction, pace: Pace) -> Protocol:
    """The same trial on reduced images: each remedy applied to the recipe as it is there."""
    recipe, known = reduction.of(protocol.recipe), remedies()
    applied = ((p, known[p.remedy].apply(recipe, p.finding)) for p in protocol.prescriptions.values())
    found = [replace(p, recipe=changed) for p, changed in applied if changed is not None and changed != recipe]
    prescriptions, reference = _mended_first(recipe, found)
    return replace(
        protocol,
        recipe=recipe,
        prescriptions=prescriptions,
        reference=reference,
        pace=reduction.pace(pace, protocol.recipe),
        reduction=reduction,
    )


def _with_range_test(diagnosis: Diagnosis, trace: Trace) -> Diagnosis:
    """Give findings about the learning rate the answer of the range test, which remedies aim at."""
    answers = tuple(
        trace.series(name, place)
        for name in ("lr_range_low", "lr_range_best", "lr_range_high")
        for place in trace.places(name)
    )
    findings = tuple(
        replace(f, evidence=f.evidence + tuple(a for a in answers if a not in f.evidence))
        if f.rule.startswith("learning-rate-")
        else f
        for f in diagnosis.findings
    )
    return replace(diagnosis, findings=findings)


def _prescribed(
    recipe: Recipe, diagnosis: Diagnosis, trace: Trace, names: Sequence[str], least: int
) -> list[Prescription]:
    known = remedies()
    for name in names:
        if name not in known:
            raise BadInput(
                _("There is no remedy {name!r}; there are: {names}.").format(name=name, names=", ".join(known))
            )
    found = prescribe(recipe, diagnosis, names=names, least=least, sizes=class_sizes(trace))
    idle = [name for name in names if name not in {p.remedy for p in found}]
    if idle:
        raise BadInput(
            _("{name} would change nothing in this run's recipe: choose other remedies.").format(name=", ".join(idle))
        )
    if not found:
        raise BadInput(_("No remedy applies to this run's recipe: there is nothing to try."))
    return found if names else found[: max(MOST_REMEDIES, least)]


def class_sizes(trace: Trace) -> list[float]:
    """Training images of each class."""
    return [trace.last("class_images", place) for place in trace.places("class_images")]


def _mended_first(recipe: Recipe, found: Sequence[Prescription]) -> tuple[dict[str, Prescription], str]:
    """Where a remedy mends the measurement (another split), it comes first, and the others are applied on top of it."""
    mends = next((p for p in found if not same_split(recipe, p.recipe)), None)
    if mends is None:
        return {p.remedy: p for p in found}, CONTROL
    known = remedies()
    arms = {mends.remedy: mends}
    for each in found:
        changed = known[each.remedy].apply(mends.recipe, each.finding)
        if changed is not None and changed != mends.recipe and same_split(changed, mends.recipe):
            arms[each.remedy] = replace(each, recipe=changed)
    return arms, mends.remedy


def pace_of(trace: Trace) -> Pace:
    """What a run costs, from the epochs of the one that is treated; the first, which also warms up, counts only if it
    is alone.
    """
    seconds, training = trace.series("epoch_seconds").values, trace.series("training_seconds").values
    epoch = float(np.median(seconds[1:] if len(seconds) > 1 else seconds))
    evaluation = float(np.median(seconds - training)) if len(training) == len(seconds) else epoch
    return Pace(epoch, START, max(0.0, evaluation))


def _count(trace: Trace, name: str) -> float:
    return sum(trace.last(name, place) for place in trace.places(name))
