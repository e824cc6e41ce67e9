"""The visit: train, diagnose (with the exams that decide), treat, report. What the command line calls, for Python
too.
"""

from __future__ import annotations

import datetime
import math
import shutil
import sqlite3
from collections.abc import Mapping, Set
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from netvet.base.errors import BadInput
from netvet.base.words import duration
from netvet.exams import ExamContext, exams, run_exam
from netvet.galleries import clear, missing, save
from netvet.images.sources import open_source
from netvet.listener import EpochReport, TrainingListener
from netvet.locale import _
from netvet.recipe import Recipe
from netvet.report import Report, write
from netvet.rules import Diagnosis, diagnose, rules
from netvet.trace import Trace, TraceWriter
from netvet.trials import TrialListener, treat
from netvet.trials.budget import shortened
from netvet.trials.reduction import foretold

if TYPE_CHECKING:
    from netvet.images.dataset import ImageSet
    from netvet.report import Report
    from netvet.training import Outcome
    from netvet.trials import Trial

BUDGET = 600.0  # seconds of trials, where nothing else is said
MOST = 0.6
"""Of the budget, which a training that may be shortened takes at most: with exams and half of the budget for trials the
whole then stays within half again of it.
"""


class Stopped(KeyboardInterrupt):
    """Ctrl-C while the net was trained; `outcome` says how far it came. All is saved, and `resume` goes on with it."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class Listener(TrainingListener, TrialListener):
    """Is told of a checkup as it goes; override what you want to hear, the rest does nothing.

    In this order: `on_step`, `on_epoch` and `on_notice` while it trains, `on_trained`, `on_exam`, `on_diagnosis`,
    `on_update` on every change in the trial, `on_trial`.
    """

    def on_notice(self, sentence: str) -> None:
        """Something is known early: that the budget is too small for trials of full size, after the first epoch."""

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
    shorten: bool = False,
    listener: Listener | None = None,
) -> Report:
    """Train a recipe, diagnose it, try remedies for `budget` seconds against an untouched control, and write the
    report.

    What the training and the exams take beyond half of the budget is taken from the trials, down to half of it.
    `shorten`: where the first epoch shows that the training would take most of the budget itself, train anew with fewer
    epochs, at least half of the recipe's. `listener`: is told of it as it goes.

    The folder `out` then holds the run, `trial.json`, `report.json` and `report.html`. It ends with a trial or, where
    none can be had or Ctrl-C ends it, with a prescription: `Report.untried` says why. Raises BadInput where the
    training cannot begin; and Stopped after Ctrl-C in the training.
    """
    from netvet.training import load_images, train

    began, heard = monotonic(), listener or Listener()
    loaded = images if images is not None else load_images(recipe, progress=False)
    there = set(Path(out).glob("*"))
    paced = Foretelling(heard, recipe, budget, len(loaded.indices("train")), shorten=shorten and not resume)
    try:
        outcome = train(recipe, out=out, images=loaded, resume=resume, listener=paced if budget > 0 else heard)
    except TooLong as long:
        _clear(Path(out), there)
        outcome = train(shortened(recipe, long.epochs), out=out, images=loaded, listener=paced)
    if not outcome.finished:
        raise Stopped(outcome)
    heard.on_trained(outcome)
    untried = ""
    try:
        found = examine(outcome.run, images=loaded, listener=heard)
    except KeyboardInterrupt:
        found, untried = diagnose(Trace.open(outcome.run), run=str(outcome.run)), _("Stopped before any trial.")
    heard.on_diagnosis(found)
    write(Report.open(outcome.run))  # so that a trial that is cut short leaves a report too
    if budget > 0 and not untried:
        untried = _treated(outcome.run, time_for_trials(budget, monotonic() - began), loaded, heard)
    report = replace(Report.open(outcome.run), untried=untried)
    write(report)
    return report


def time_for_trials(budget: float, spent: float) -> float:
    """Seconds of trials, so that the whole ends within half again of the budget where what was spent leaves half of it.

    >>> time_for_trials(600, 100), time_for_trials(600, 500), time_for_trials(600, 9000)
    (600, 400.0, 300.0)
    """
    return max(budget / 2, min(budget, 1.5 * budget - spent))


def _treated(run: Path, budget: float, images: ImageSet, heard: Listener) -> str:
    """Why there is no trial; "" where there is one."""
    try:
        heard.on_trial(treat(run, budget=budget, images=images, listener=heard))
    except BadInput as error:  # the run and its diagnosis are good: what is left is to prescribe
        return str(error)
    except KeyboardInterrupt:
        return _("Stopped before any run of the trial had ended.")
    return ""


def _clear(run: Path, there: Set[Path]) -> None:
    """Take out of a folder what was not there before."""
    for path in set(run.glob("*")) - there:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


class TooLong(Exception):  # noqa: N818 - it begins a training anew, and is no error
    """The training would take most of the budget: `epochs` are what it can have."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs = epochs


class Foretelling(TrainingListener):
    """Passes on what is told of a training; after the first epoch, whether the budget will do for it and the trials.

    `images`: to train on. `shorten`: raise TooLong where the training would take more than `MOST` of the budget.
    """

    def __init__(self, heard: Listener, recipe: Recipe, budget: float, images: int, *, shorten: bool) -> None:
        self._heard, self._recipe, self._budget, self._images = heard, recipe, budget, images
        self._shorten, self._told = shorten, False

    def on_step(self, step: int, steps: int) -> None:
        """See `TrainingListener`."""
        self._heard.on_step(step, steps)

    def on_epoch(self, report: EpochReport) -> None:
        """See `TrainingListener`."""
        self._heard.on_epoch(report)
        if self._told:
            return
        self._told = True
        epochs = max(math.ceil(report.epochs / 2), int(MOST * self._budget / max(report.seconds, 1e-9)))
        short = self._shorten and epochs < report.epochs
        time = time_for_trials(self._budget, report.seconds * (1 + epochs) if short else report.seconds + report.left)
        if short:
            text = _(
                "An epoch takes {pace}: so that there is time for trials the training begins anew with {epochs} epochs "
                "instead of {full}; a larger --budget, or --set stop.epochs={full}, keeps them all."
            )
            pace = duration(report.seconds)
            self._heard.on_notice(text.format(pace=pace, epochs=epochs, full=report.epochs))
        recipe = shortened(self._recipe, epochs) if short else self._recipe
        sentence = foretold(recipe, time, seconds=report.seconds, training=report.training, images=self._images)
        if sentence:
            self._heard.on_notice(sentence)
        if short:
            raise TooLong(epochs)


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
