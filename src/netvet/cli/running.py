"""The commands that train: demo, checkup, train, treat."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from netvet.base.errors import BadInput
from netvet.cli import showing
from netvet.locale import _
from netvet.recipe import Recipe, load, parse_assignments

if TYPE_CHECKING:
    from netvet.images.dataset import ImageSet
    from netvet.report import Report
    from netvet.training import Outcome

DEMO = {
    "data.source": "reef:species=6,n=110",
    "data.image_size": 48,
    "model.depth": 4,
    "model.width": 24,
    "stop.epochs": 8,
    "optimizer.lr": 0.0003,
    "augment.rotate": 10,
}
DEMO_FAULT = "optimizer.lr=0.0003"
NUMBERS = (
    "train_accuracy",
    "val_accuracy",
    "train_balanced_accuracy",
    "val_balanced_accuracy",
    "train_loss",
    "val_loss",
)


def seconds(text: str) -> float:
    """`90s`, `10m`, `1h` or a plain number of seconds. Raises BadInput."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h|)", text.strip())
    if found is None:
        raise BadInput(_("The budget {text!r} is not a time: write 90s, 10m or 1h.").format(text=text))
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600, "": 1}[found[2]]


def recipe_of(data: str, recipe: str | None, changes: Sequence[str], group: str | None = None) -> Recipe:
    """The recipe that the options of a command ask for."""
    base = load(recipe) if recipe is not None else Recipe()
    grouped = {} if group is None else {"data.group": group}
    return base.change({"data.source": data, **parse_assignments(changes), **grouped})


def demo(out: Path | None, budget: str, json: bool) -> int:
    """A checkup of a small reef whose learning rate is 100 times too low."""
    recipe, time = Recipe().change(DEMO), seconds(budget)
    if not json:
        showing.out().print(
            _("A rendered reef, and a fault planted in the training: {fault}, about 100 times too low.").format(
                fault=DEMO_FAULT
            )
        )
    return _checkup(recipe, time, out, resume=False, json=json)


def checkup(
    data: str,
    budget: str,
    group: str | None,
    recipe: str | None,
    changes: Sequence[str],
    out: Path | None,
    resume: bool,
    json: bool,
) -> int:
    """Train, diagnose, treat, report."""
    free = recipe is None and "stop.epochs" not in parse_assignments(changes)  # nobody asked for that many epochs
    chosen = recipe_of(data, recipe, changes, group)
    return _checkup(chosen, seconds(budget), out, resume=resume, json=json, shorten=free)


def _checkup(
    recipe: Recipe, budget: float, out: Path | None, *, resume: bool, json: bool, shorten: bool = False
) -> int:
    recipe, run, images = _prepare(recipe, out, resume=resume)
    from netvet import pipeline
    from netvet.cli.following import Shown

    with Shown(recipe, trials=budget > 0, quiet=json) as shown:
        try:
            report = pipeline.checkup(
                recipe, out=run, budget=budget, images=images, resume=resume, shorten=shorten, listener=shown
            )
        except pipeline.Stopped as stopped:
            outcome = stopped.outcome
        else:
            return _done(report, json)
    return _stopped(outcome, "checkup", recipe)


def train(
    data: str,
    group: str | None,
    recipe: str | None,
    changes: Sequence[str],
    out: Path | None,
    resume: bool,
    json: bool,
) -> int:
    """Train and watch."""
    chosen, run, images = _prepare(recipe_of(data, recipe, changes, group), out, resume=resume)
    from netvet.base.words import duration, metric
    from netvet.trace import Trace
    from netvet.training import train as train_it

    with showing.training(chosen) as shown:
        outcome = train_it(chosen, out=run, images=images, resume=resume, listener=shown)
    if not outcome.finished:
        return _stopped(outcome, "train", chosen)
    trace = Trace.open(outcome.run)
    numbers = {name: trace.last(name) for name in NUMBERS}
    if json:
        showing.json_out(
            {
                "schema": 1,
                "run": str(outcome.run),
                "epochs": outcome.epochs,
                "best_epoch": outcome.best_epoch,
                "seconds": round(outcome.seconds, 1),
                "metrics": numbers,
            }
        )
        return 0
    best = trace.series("val_accuracy").values[outcome.best_epoch - 1] if outcome.best_epoch else float("nan")
    text = _("Training accuracy {train:.1%}, validation accuracy {val:.1%}, in {time}.")
    if best == best:  # not nan
        text = _(
            "Training accuracy {train:.1%}, validation accuracy {val:.1%} ({best:.1%} in epoch {epoch}, the best by "
            "{metric}), in {time}."
        )
    showing.out().print(
        text.format(
            train=numbers["train_accuracy"],
            val=numbers["val_accuracy"],
            epoch=outcome.best_epoch,
            best=best,
            metric=metric(chosen.stop.metric),
            time=duration(outcome.seconds),
        )
    )
    showing.out().print(_("Next: netvet diagnose {run}").format(run=escape(str(outcome.run))), soft_wrap=True)
    return 0


def treat(run: Path, budget: str, remedies: Sequence[str], seeds: int, engine: str, json: bool) -> int:
    """Try remedies against a control."""
    from netvet.pipeline import examine
    from netvet.remedies import remedies as known
    from netvet.report import Report, write
    from netvet.report.text import print_trial
    from netvet.trace import Trace
    from netvet.training import load_images
    from netvet.trials import treat as try_remedies

    time = seconds(budget)
    for name in remedies:
        if name not in known():
            raise BadInput(
                _("There is no remedy {name!r}; there are: {names}.").format(name=name, names=", ".join(known()))
            )
    if seeds < 2:
        raise BadInput(_("--seeds {seeds} is too few: an interval needs at least 2.").format(seeds=seeds))
    recipe = Trace.open(run).recipe
    if recipe is None:
        raise BadInput(
            _("{run} was recorded in your own training loop: trials need a run of netvet train.").format(run=run)
        )
    images = load_images(recipe, progress=True)
    examine(run, images=images)
    with showing.arms() as shown:
        trial = try_remedies(
            run, budget=time, names=remedies, seeds=seeds, engine=engine, images=images, listener=shown
        )
    if not json:
        print_trial(showing.out(), trial)
    report = Report.open(run)
    write(report)
    return _done(report, json)


def _prepare(recipe: Recipe, out: Path | None, *, resume: bool) -> tuple[Recipe, Path, ImageSet]:
    """The recipe that is run (of a run that goes on: the recorded one), its folder, and its images."""
    if resume and out is None:
        raise BadInput(_("--resume needs --out: the folder of the run to resume."))
    with showing.status(_("Starting")):
        from netvet.pipeline import new_run
        from netvet.training import load_images
        from netvet.training.loop import recorded
    if resume and out is not None:
        recipe = recorded(out, recipe)
    images = load_images(recipe, progress=True)
    showing.report_images(images)
    return recipe, out if out is not None else new_run(recipe.data.source), images


def _stopped(outcome: Outcome, command: str, recipe: Recipe) -> int:
    data, run = escape(recipe.data.source), escape(str(outcome.run))
    showing.err().print(
        _(
            "Stopped after {epochs} epochs; everything is saved. Resume with: netvet {command} {data} --out {run} "
            "--resume"
        ).format(epochs=outcome.epochs, command=command, data=data, run=run),
        soft_wrap=True,
    )
    return 130


def _done(report: Report, json: bool) -> int:
    from netvet.report import html, render_json
    from netvet.report.text import print_next

    if json:
        showing.json_out(render_json(report))
    else:
        print_next(showing.out(), report)
        showing.report_line(report.run / html.FILE)
    return 0
