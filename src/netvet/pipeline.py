"""The visit: train, diagnose (with the exams that decide), treat, report. What the command line calls, for Python
too.
"""

from __future__ import annotations

import datetime
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from netvet.base.errors import BadInput
from netvet.exams import ExamContext, exams, run_exam
from netvet.galleries import clear, missing, save
from netvet.images.sources import open_source
from netvet.listener import TrainingListener
from netvet.locale import _
from netvet.recipe import Recipe
from netvet.report import Report, write
from netvet.rules import Diagnosis, diagnose, rules
from netvet.trace import Trace, TraceWriter
from netvet.trials import TrialListener, treat

if TYPE_CHECKING:
    from netvet.images.dataset import ImageSet
    from netvet.report import Report
    from netvet.training import Outcome
    from netvet.trials import Trial

BUDGET = 600.0  # seconds of trials, where nothing else is said


class Stopped(KeyboardInterrupt):
    """Ctrl-C while the net was trained; `outcome` says how far it came. All is saved, and `resume` goes on with it."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class Listener(TrainingListener, TrialListener):
    """Is told of a checkup as it goes; override what you want to hear, the rest does nothing.

    In this order: `on_step` and `on_epoch` while it trains, `on_trained`, `on_exam`, `on_diagnosis`, `on_update` on
    every change in the trial, `on_trial`.
    """

    def on_trained(self, outcome: Outcome) -> None:
        """The training is over."""

    def on_exam(self, name: str) -> None:
        """An exam begins."""

    def on_diagnosis(self, found: Diagnosis) -> None:
        """The diagnosis stands."""

    def on_trial(self, trial: Trial) -> None:
        """The trial is over."""


def checkup(
    recipe: Recipe,
    *,
    out: str | Path,
    budget: float = BUDGET,
    images: ImageSet | None = None,
    resume: bool = False,
    listener: Listener | None = None,
) -> Report:
    """Train a recipe, diagnose it, try remedies for `budget` seconds against an untouched control, and write the
    report.

    The folder `out` then holds the run, `trial.json`, `report.json` and `report.html`. `listener`: is told of it as it
    goes. Raises BadInput, what was trained before stays; and Stopped after Ctrl-C in the training.
    """
    from netvet.training import load_images, train

    heard = listener or Listener()
    loaded = images if images is not None else load_images(recipe, progress=False)
    outcome = train(recipe, out=out, images=loaded, resume=resume, listener=heard)
    if not outcome.finished:
        raise Stopped(outcome)
    heard.on_trained(outcome)
    found = examine(outcome.run, images=loaded, listener=heard)
    heard.on_diagnosis(found)
    write(Report.open(outcome.run))  # so that a trial that is cut short leaves a report too
    if budget > 0:
        heard.on_trial(treat(outcome.run, budget=budget, images=loaded, listener=heard))
    report = Report.open(outcome.run)
    write(report)
    return report


def examine(
    run: str | Path,
    *,
    images: ImageSet | None = None,
    listener: Listener | None = None,
    limits: Mapping[str, Mapping[str, float]] | None = None,
) -> Diagnosis:
    """The diagnosis of a recorded run, after the exams that its symptoms call for; images that show what it found are
    kept in the trace.

    Exams need the run's images; where these cannot be had (a watched loop, data that has moved) the diagnosis rests
    on the trace alone and says which exams would tell more. `listener`: is told of each exam before it is
    taken. `limits`: of rules, see `diagnose`.
    """
    path = Path(run)
    trace = Trace.open(path)
    found = diagnose(trace, run=str(run), limits=limits)
    wanted = list(dict.fromkeys([*_without_symptom(trace), *found.exams]))
    if trace.recipe is None or not (wanted or missing(trace, found.findings)):
        return found
    try:
        loaded = images if images is not None else _images(trace)
    except BadInput:
        return found
    for name in wanted:
        if listener is not None:
            listener.on_exam(name)
        with suppress(BadInput):  # what it needs is gone (a weight file): the diagnosis says that the exam is open
            run_exam_on(name, path, loaded)
    trace = Trace.open(path)
    found = diagnose(trace, run=str(run), limits=limits)
    with suppress(BadInput, OSError, sqlite3.Error), TraceWriter(path) as writer:  # a diagnosis stands without pictures
        save(trace, loaded, found.findings, writer)
    return found


def _without_symptom(trace: Trace) -> list[str]:
    """The exams that are taken though no symptom shows, less those that were: those that a symptom itself rests on,
    without which health cannot be judged, and those of causes that show none.
    """
    done = trace.meta.get("exams", ())
    asked = [exam for each in rules().values() for exam in (each.exams if each.kind == "symptom" else each.always)]
    return [exam for exam in asked if exam not in done]


def run_exam_on(name: str, run: str | Path, images: ImageSet | None = None) -> str:
    """Take one exam on a recorded run; returns its sentence. Raises BadInput for an unknown name or a run without
    recipe.
    """
    path = Path(run)
    trace = Trace.open(path)
    if name not in exams():
        raise BadInput(_("There is no exam {name!r}; there are: {names}.").format(name=name, names=", ".join(exams())))
    if trace.recipe is None:
        raise BadInput(
            _(
                "{run} was recorded in your own training loop, without recipe and images: exams need a run of netvet "
                "train."
            ).format(run=run)
        )
    loaded = images if images is not None else _images(trace)
    try:
        opened = TraceWriter(path)
    except (OSError, sqlite3.Error) as error:
        sentence = _("An exam records its answer in {run}, which is not writable ({error}).")
        raise BadInput(sentence.format(run=run, error=error)) from None
    with opened as writer:
        clear(writer)
        return run_exam(name, ExamContext(path, trace.recipe, loaded, writer))


def new_run(source: str, purpose: str = "") -> Path:
    """A folder for a new run of this data: runs/<name>[-<purpose>]-<date>-<time>, made at once so that two runs never
    share one.
    """
    name = "-".join(filter(None, [open_source(source).name, purpose]))
    stamp = datetime.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    for extra in ("", *(f"-{n}" for n in range(2, 100))):
        path = Path("runs") / f"{name}-{stamp}{extra}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            sentence = _("The folder {path} cannot be created ({problem}): give --out.")
            raise BadInput(sentence.format(path=path, problem=error.strerror)) from None
        return path
    raise BadInput(_("A hundred runs started within this second: give --out."))


def _images(trace: Trace) -> ImageSet:
    from netvet.training import load_images

    assert trace.recipe is not None
    return load_images(trace.recipe, progress=False)
