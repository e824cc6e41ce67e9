"""What to do next, in one sentence, with the command for it; and what is prescribed."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netvet.base import words
from netvet.locale import _
from netvet.remedies import Prescription, prescribe, remedies
from netvet.report import facts
from netvet.report.model import Report
from netvet.trials.budget import cost
from netvet.trials.protocol import class_sizes, pace_of

ASKED = ("sick", "undecided")  # verdicts after which something is to be done
LEAST, SEEDS = 3, 3  # remedies and seeds of a trial, as `netvet treat` has them
MINUTE = 60.0


@dataclass(frozen=True)
class Advice:
    """What to do next. `command`: to be copied as it stands; "" where no command does it."""

    sentence: str
    command: str = ""


def prescribed(report: Report) -> list[Prescription]:
    """Remedies worth a trial, the likeliest first: at least three of a run that is ill; none without a recipe."""
    if report.recipe is None:
        return []
    least = LEAST if report.diagnosis.verdict in ASKED else 0
    return prescribe(report.recipe, report.diagnosis, least=least, sizes=class_sizes(report.trace))


def what_changes(report: Report, each: Prescription) -> str:
    """What a remedy would change in the recipe, as words."""
    return words.changed(report.recipe.differences(each.recipe)) if report.recipe is not None else ""


def advise(report: Report) -> Advice | None:
    """What to do next; None where nothing is to be done: the run is healthy, and no remedy was shown to better it."""
    diagnosis, trial = report.diagnosis, report.trial
    helped = trial.confirmation if trial is not None and trial.confirmation is not None else None
    if report.recipe is None:
        return _in_own_loop(report) if diagnosis.verdict in ASKED else None
    if any(map(facts.invalidates, diagnosis.findings)):
        return _mend_the_split(report)
    if helped is not None and helped.helped:
        text = _("Train with {remedy}, which helped; its own checkup shows what ails it then.")
        return Advice(text.format(remedy=helped.remedy), _checkup(report, _changes(report, helped.remedy)))
    if diagnosis.verdict == "unfinished":
        text = _("Train for longer: it was still getting better.")
        return Advice(text, _checkup(report, {"stop.epochs": 2 * report.recipe.stop.epochs}))
    return _of_the_ill(report) if diagnosis.verdict in ASKED else None


def _of_the_ill(report: Report) -> Advice:
    """Exams that are open where no cause was found; else a trial, if there can be one that tells more; else data."""
    diagnosis, trial, run = report.diagnosis, report.trial, shlex.quote(str(report.run))
    if diagnosis.root is None and diagnosis.exams:
        text = _("No cause is proven: the exam {exam} may settle it; then diagnose the run again.")
        exam = diagnosis.exams[0]
        return Advice(text.format(exam=exam), f"netvet exam {exam} {run} && netvet diagnose {run}")
    budget = _enough(report)
    if trial is None and prescribed(report):
        names = words.listed([p.remedy for p in prescribed(report)][:LEAST])
        text = _("Try the remedies ({names}) against an untouched control, in runs of full length.")
        return Advice(text.format(names=names), f"netvet treat {run} --budget {_minutes(budget)}")
    if trial is not None and prescribed(report) and _has_more_to_tell(report, budget):
        text = _("Nothing is proven yet: a trial with more time has more seeds and longer runs.")
        return Advice(text, f"netvet treat {run} --budget {_minutes(max(budget, 2 * trial.budget_seconds))}")
    needed = next((f.needed for f in diagnosis.findings if f.needed and f.severity == "illness"), "")
    text = _("No remedy is left to try: look at the images and their labels.")
    return Advice(needed or text, f"netvet inspect {_source(report)}")


def _has_more_to_tell(report: Report, budget: float) -> bool:
    """Whether the trial was cut short: shorter or smaller runs than the recipe's, or remedies left out."""
    trial = report.trial
    assert trial is not None
    shortened = trial.epochs < trial.full_epochs or trial.image_size is not None or bool(trial.left_out)
    return trial.interrupted or not trial.verdicts or (shortened and trial.budget_seconds < budget)


def _mend_the_split(report: Report) -> Advice:
    """Where validation images have twins in training nothing that was measured holds."""
    assert report.recipe is not None
    if report.recipe.data.group == "none":
        text = _(
            "First split by group, so that no image has a twin in training, and train again: until then the measured "
            "accuracy says nothing about new images."
        )
        return Advice(text, _checkup(report, {"data.group": "auto"}))
    text = _(
        "First take the twins out of one side of the split, or name their groups in a column `group`, and train again: "
        "until then the measured accuracy says nothing about new images. This lists them:"
    )
    return Advice(text, f"netvet inspect {_source(report)}")


def _in_own_loop(report: Report) -> Advice:
    """A loop of one's own is mended in its code."""
    diagnosis, run = report.diagnosis, shlex.quote(str(report.run))
    causes = [f for f in diagnosis.findings if f.kind == "cause" and not f.suspected] or list(diagnosis.suspects)
    fix = next((f.fix for f in causes if f.fix), "")
    if fix:
        text = _("Write {code} in your loop, train again, and diagnose the new run.")
        return Advice(text.format(code=words.clean(fix)), f"netvet diagnose {run}")
    cure = next((name for f in causes for name in f.remedies if name in remedies()), "")
    if cure:
        text = _("Change your network or loop as {remedy} has it, and train again; its page says how.")
        return Advice(text.format(remedy=cure), f"netvet explain {cure}")
    lacking = sorted({need for needs in diagnosis.not_assessed.values() for need in needs})
    text = _("Nothing that was recorded tells the cause: record {needs} too, and diagnose the new run.")
    if not lacking:
        text = _("Nothing that was recorded tells the cause: look at the images and labels, and diagnose the next run.")
    return Advice(text.format(needs=words.listed(lacking[:LEAST])), f"netvet diagnose {run}")


def _changes(report: Report, remedy: str) -> Mapping[str, Any]:
    """What a remedy sets in the recipe of the run, at full size."""
    assert report.recipe is not None
    found = prescribe(report.recipe, report.diagnosis, names=[remedy]) if remedy in remedies() else []
    return {path: after for p in found for path, (_before, after) in report.recipe.differences(p.recipe).items()}


def _checkup(report: Report, changes: Mapping[str, Any]) -> str:
    """The command for a checkup of the run's recipe with these changes."""
    given = (f"{path}={value if isinstance(value, str) else json.dumps(value)}" for path, value in changes.items())
    options = "".join(f" --set {shlex.quote(text)}" for text in given)
    recipe = shlex.quote(str(report.run / "recipe.yaml"))
    return f"netvet checkup {_source(report)} --recipe {recipe}{options}"


def _source(report: Report) -> str:
    return shlex.quote(report.recipe.data.source if report.recipe is not None else "DATA")


def _enough(report: Report) -> float:
    """Seconds for a trial of what is prescribed, in runs of full length; nan where no epoch was timed."""
    if report.recipe is None or not len(report.trace.series("epoch_seconds")):
        return math.nan
    tried = max(1, min(LEAST, len(prescribed(report))))
    return cost(pace_of(report.trace), report.recipe.stop.epochs, tried, SEEDS)


def _minutes(seconds: float) -> str:
    """Seconds as a budget, rounded up to a minute."""
    return f"{math.ceil(seconds / MINUTE)}m" if math.isfinite(seconds) else "10m"
