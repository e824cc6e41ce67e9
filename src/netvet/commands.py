"""What each command of the command line does. Returns the exit code; results go to stdout, progress to stderr."""

from __future__ import annotations

import json as _json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console
from rich.markup import escape

from netvet.errors import BadInput
from netvet.locale import _, ngettext
from netvet.recipe import Recipe, load, parse_assignments

if TYPE_CHECKING:
    from netvet.images.dataset import ImageSet
    from netvet.report import Report
    from netvet.training import EpochReport, Outcome
    from netvet.trial import Progress as TrialProgress

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


def seconds(text: str) -> float:
    """`90s`, `10m`, `1h` or a plain number of seconds. Raises BadInput."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h|)", text.strip())
    if found is None:
        raise BadInput(_("The budget {text!r} is not a time: write 90s, 10m or 1h.").format(text=text))
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600, "": 1}[found[2]]


def demo(out: Path | None, budget: str, json: bool) -> int:
    """A checkup of a small reef whose learning rate is 100 times too low."""
    recipe, time = Recipe().change(DEMO), seconds(budget)
    if not json:
        _out().print(
            _("A painted reef, and a fault planted in the training: {fault}, about 100 times too low.").format(
                fault=DEMO_FAULT
            )
        )
    return _checkup(recipe, time, out, resume=False, json=json)


def checkup(
    data: str, budget: str, recipe: str | None, changes: Sequence[str], out: Path | None, resume: bool, json: bool
) -> int:
    """Train, diagnose, treat, report."""
    return _checkup(_recipe(data, recipe, changes), seconds(budget), out, resume=resume, json=json)


def _checkup(recipe: Recipe, budget: float, out: Path | None, *, resume: bool, json: bool) -> int:
    from netvet.report import Report, write
    from netvet.report.text import print_diagnosis, print_trial
    from netvet.trial import treat as try_remedies
    from netvet.visit import examine

    outcome, images = _train(recipe, out, resume=resume)
    if not outcome.finished:
        return _stopped(outcome, "checkup", recipe)
    run = outcome.run
    with _status(_("Diagnosing")) as say:
        found = examine(run, images=images, on_exam=lambda name: say(_("Exam: {name}").format(name=name)))
    write(Report.open(run))  # a trial that is cut short leaves a report too
    if not json:
        print_diagnosis(_out(), found)
    if budget > 0:
        with _arms() as show:
            trial = try_remedies(run, budget=budget, images=images, on_update=show)
        if not json:
            print_trial(_out(), trial)
    return _done(run, json)


def train(data: str, recipe: str | None, changes: Sequence[str], out: Path | None, resume: bool, json: bool) -> int:
    """Train and watch."""
    chosen = _recipe(data, recipe, changes)
    outcome, _images = _train(chosen, out, resume=resume)
    if not outcome.finished:
        return _stopped(outcome, "train", chosen)
    from netvet.report.words import duration
    from netvet.trace import Trace

    trace = Trace.open(outcome.run)
    names = (
        "train_accuracy",
        "val_accuracy",
        "train_balanced_accuracy",
        "val_balanced_accuracy",
        "train_loss",
        "val_loss",
    )
    numbers = {name: trace.last(name) for name in names}
    best = trace.series("val_accuracy").values[outcome.best_epoch - 1] if outcome.best_epoch else float("nan")
    if json:
        _json_out(
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
    _out().print(
        _(
            "Accuracy {train:.1%} on training images, {val:.1%} on validation "
            "(best: {best:.1%}, epoch {epoch}), in {time}."
        ).format(
            train=numbers["train_accuracy"],
            val=numbers["val_accuracy"],
            epoch=outcome.best_epoch,
            best=best,
            time=duration(outcome.seconds),
        )
    )
    _out().print(_("Next: netvet diagnose {run}").format(run=escape(str(outcome.run))), soft_wrap=True)
    return 0


def diagnose(run: Path, exams: bool, fail_on: str | None, json: bool) -> int:
    """Say what ails a recorded run."""
    from netvet.report import Report, write
    from netvet.report.text import print_diagnosis
    from netvet.rule import diagnose as read
    from netvet.trace import Trace
    from netvet.visit import examine

    if exams:
        with _status(_("Diagnosing")) as say:
            found = examine(run, on_exam=lambda name: say(_("Exam: {name}").format(name=name)))
    else:
        found = read(Trace.open(run), run=str(run))
    page = _try_write(lambda: write(Report.open(run)))
    if json:
        _json_out(found.to_json())
    else:
        print_diagnosis(_out(), found)
        if page is not None:
            _out().print(_("Report: {page}").format(page=escape(str(page))), soft_wrap=True)
    return 1 if fail_on == "sick" and found.verdict == "sick" else 0


def treat(run: Path, budget: str, remedies: Sequence[str], seeds: int, engine: str, json: bool) -> int:  # noqa: ARG001
    """Try remedies against a control."""
    from netvet.remedy import remedies as known
    from netvet.report.text import print_trial
    from netvet.trace import Trace
    from netvet.training import load_images
    from netvet.trial import treat as try_remedies
    from netvet.visit import examine

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
        raise BadInput(_("{run} was recorded in a loop of its own: trials need a run of netvet train.").format(run=run))
    images = load_images(recipe, progress=True)
    examine(run, images=images)
    with _arms() as show:
        trial = try_remedies(run, budget=time, names=remedies, seeds=seeds, images=images, on_update=show)
    if not json:
        print_trial(_out(), trial)
    return _done(run, json)


def inspect(data: str, changes: Sequence[str], json: bool) -> int:
    """Look at the data alone."""
    from netvet.images.survey import survey
    from netvet.report.listing import print_survey
    from netvet.training.loop import load_images

    found = survey(load_images(_recipe(data, None, changes), progress=True))
    if json:
        _json_out({"schema": 1, "data": data, **found.to_json()})
    else:
        print_survey(_out(), found)
    return 0


def exam(name: str, run: Path, json: bool) -> int:
    """Take one exam."""
    from netvet.visit import take_exam

    with _status(_("Exam: {name}").format(name=name)):
        answer = take_exam(name, run)
    if json:
        _json_out({"schema": 1, "run": str(run), "exam": name, "answer": answer})
    else:
        _out().print(escape(answer))
    return 0


def rules(json: bool) -> int:
    """List every rule, exam, remedy and probe."""
    from netvet.report.listing import print_catalogue

    kinds = _catalogue()
    if json:
        _json_out({kind: {name: leaf.title for name, leaf in leaves.items()} for kind, leaves in kinds.items()})
    else:
        print_catalogue(_out(), kinds)
    return 0


def explain(name: str, json: bool) -> int:
    """Print one page."""
    import difflib

    from rich.markdown import Markdown

    kinds = _catalogue()
    pages = [(kind, leaves[name]) for kind, leaves in kinds.items() if name in leaves]
    if not pages:
        names = [n for leaves in kinds.values() for n in leaves]
        close = difflib.get_close_matches(name, names, n=1)
        hint = _("did you mean {name}?").format(name=close[0]) if close else _("see netvet rules.")
        raise BadInput(_("There is no page {name!r}: {hint}").format(name=name, hint=hint))
    if json:
        _json_out([{"kind": kind, "name": name, "title": leaf.title, "page": leaf.page} for kind, leaf in pages])
    else:
        for _kind, leaf in pages:
            _out().print(Markdown(f"# {name}\n\n{leaf.page}"))
    return 0


def predict(run: Path, images: Sequence[Path], json: bool) -> int:
    """Name the class of images."""
    from netvet.training import predict as name_them

    if not images:
        raise BadInput(_("No image was given: write netvet predict RUN IMAGE..."))
    answers = name_them(run, images)
    if json:
        _json_out(
            [
                {
                    "path": a.path,
                    "classes": list(a.classes),
                    "probabilities": list(a.probabilities),
                    "problem": a.problem,
                }
                for a in answers
            ]
        )
    else:
        for answer in answers:
            if answer.problem:
                text = _("cannot be read: {problem}").format(problem=_(answer.problem))
            else:
                text = ", ".join(f"{c} {p:.0%}" for c, p in zip(answer.classes, answer.probabilities, strict=True))
            _out().print(f"{escape(answer.path)}: {escape(text)}", soft_wrap=True)
    return 2 if all(a.problem for a in answers) else 0


def _recipe(data: str, recipe: str | None, changes: Sequence[str]) -> Recipe:
    base = load(recipe) if recipe is not None else Recipe()
    return base.change({"data.source": data, **parse_assignments(changes)})


def _train(recipe: Recipe, out: Path | None, *, resume: bool) -> tuple[Outcome, ImageSet]:
    """Train with a progress bar on a terminal, and a line an epoch elsewhere."""
    if resume and out is None:
        raise BadInput(_("--resume needs --out with the folder of the run that is to go on."))
    with _status(_("Waking up")):
        from netvet.training import load_images, train
        from netvet.visit import new_run
    if resume and out is not None:
        from netvet.training.loop import recorded

        recipe = recorded(out, recipe)
    images = load_images(recipe, progress=True)
    _tell_about(images)
    run = out if out is not None else new_run(recipe.data.source)
    with _training(recipe) as (on_step, on_epoch):
        outcome = train(recipe, out=run, images=images, resume=resume, on_step=on_step, on_epoch=on_epoch)
    return outcome, images


def _tell_about(images: ImageSet) -> None:
    err = _err()
    splits: tuple[Literal["train", "val", "test"], ...] = ("train", "val", "test")
    counts = {split: len(images.indices(split)) for split in splits}
    err.print(
        _("{n} images of {k} classes: {train} training, {val} validation, {test} test.").format(
            n=len(images.labels), k=len(images.classes), **counts
        )
    )
    if images.rejected:
        n = len(images.rejected)
        first = images.rejected[0]
        text = ngettext(
            "{n} file was left out: {path} ({reason}).", "{n} files were left out, the first {path} ({reason}).", n
        ).format(n=n, path=first.path, reason=_(first.reason))
        err.print(f"[yellow]{escape(text)}[/]", soft_wrap=True)
    for note in images.notes:
        err.print(f"[yellow]{escape(note)}[/]", soft_wrap=True)


@contextmanager
def _training(recipe: Recipe) -> Iterator[tuple[Any, Any]]:
    """Callbacks for the loop: a bar with the time left on a terminal; in a pipe, a line now and then."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    err = _err()
    if not err.is_terminal:
        every = max(1, recipe.stop.epochs // 8)

        def line(report: EpochReport) -> None:
            if report.epoch % every == 0 or report.epoch == report.epochs:
                err.print(_epoch_line(report), soft_wrap=True)

        yield None, line
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[numbers]}"),
        console=err,
    )
    with bar:
        task = bar.add_task(_("Training"), total=None, numbers="")

        def step(done: int, steps: int) -> None:
            bar.update(task, completed=done, total=steps)

        def epoch(report: EpochReport) -> None:
            bar.update(task, numbers=_epoch_line(report))

        yield step, epoch


def _epoch_line(report: EpochReport) -> str:
    return _("epoch {epoch}/{epochs}  loss {loss:.3f}  training {train:.1%}  validation {val:.1%}").format(
        epoch=report.epoch,
        epochs=report.epochs,
        loss=report.train.numbers["loss"],
        train=report.train.numbers["accuracy"],
        val=report.val.numbers["accuracy"],
    )


@contextmanager
def _arms() -> Iterator[Any]:
    """A live table of the trial's arms on a terminal; in a pipe, a line a finished run."""
    from rich.live import Live

    from netvet.report.text import arms_table

    err = _err()
    if not err.is_terminal:
        said = ""

        def line(progress: TrialProgress) -> None:
            nonlocal said
            if progress.doing != said:
                said = progress.doing
                err.print(escape(said), soft_wrap=True)

        yield line
        return
    with Live(console=err, refresh_per_second=4) as live:
        yield lambda progress: live.update(arms_table(progress))


@contextmanager
def _status(text: str) -> Iterator[Any]:
    err = _err()
    if not err.is_terminal:
        yield lambda _text: None
        return
    with err.status(text) as status:
        yield status.update


def _stopped(outcome: Outcome, command: str, recipe: Recipe) -> int:
    data, run = escape(recipe.data.source), escape(str(outcome.run))
    _err().print(
        _(
            "Stopped after {epochs} epochs; all is saved. Go on with: netvet {command} {data} --out {run} --resume"
        ).format(epochs=outcome.epochs, command=command, data=data, run=run),
        soft_wrap=True,
    )
    return 130


def _done(run: Path, json: bool) -> int:
    from netvet.report import Report, render_json, write

    report: Report = Report.open(run)
    page = write(report)
    if json:
        _json_out(render_json(report))
    else:
        _out().print(_("Report: {page}").format(page=escape(str(page))), soft_wrap=True)
    return 0


def _try_write(write: Any) -> Path | None:
    """The report's path; None where the run's folder cannot be written, which must not hide a diagnosis."""
    try:
        return Path(write())
    except OSError:
        return None


def _catalogue() -> dict[str, dict[str, Any]]:
    from netvet.exam import exams
    from netvet.probe import probes
    from netvet.remedy import remedies
    from netvet.rule import rules as known

    return {"rules": dict(known()), "exams": dict(exams()), "remedies": dict(remedies()), "probes": dict(probes())}


def _json_out(tree: object) -> None:
    def finite(value: object) -> object:
        if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
            return None
        if isinstance(value, dict):
            return {k: finite(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [finite(v) for v in value]
        return value

    print(_json.dumps(finite(tree), indent=1, ensure_ascii=False))


def _out() -> Console:
    return Console(highlight=False)


def _err() -> Console:
    return Console(stderr=True, highlight=False)
