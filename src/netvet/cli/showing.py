"""What commands show: results on stdout; on stderr what goes on, live on a terminal and in few lines elsewhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, TypeVar

from rich.console import Console
from rich.markup import escape

from netvet.base.jsonsafe import jsonsafe
from netvet.locale import _, ngettext
from netvet.recipe import Recipe

if TYPE_CHECKING:
    from netvet.images.dataset import ImageSet
    from netvet.rules import Diagnosis
    from netvet.training import EpochReport, Outcome
    from netvet.trials import Progress, Trial

OnStep = Callable[[int, int], None]
OnEpoch = Callable[["EpochReport"], None]
T = TypeVar("T")


def out() -> Console:
    """Where results go."""
    return Console(highlight=False)


def err() -> Console:
    """Where progress goes."""
    return Console(stderr=True, highlight=False)


def json_out(tree: object) -> None:
    """Print a tree of plain values as JSON; numbers that it cannot hold become null."""
    sys.stdout.write(json.dumps(jsonsafe(tree), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def report_line(page: Path) -> None:
    """Where the report is."""
    out().print(_("Report: {page}").format(page=escape(str(page))), soft_wrap=True)


def report_images(images: ImageSet) -> None:
    """How many images there are, and what was left out."""
    splits: tuple[Literal["train", "val", "test"], ...] = ("train", "val", "test")
    counts = {split: len(images.indices(split)) for split in splits}
    err().print(
        _("{n} images of {k} classes: {train} training, {val} validation, {test} test.").format(
            n=len(images.labels), k=len(images.classes), **counts
        )
    )
    if images.rejected:
        n = len(images.rejected)
        first = images.rejected[0]
        text = ngettext(
            "{n} file was left out: {path} ({reason}).", "{n} files were left out; the first is {path} ({reason}).", n
        ).format(n=n, path=first.path, reason=_(first.reason))
        err().print(f"[yellow]{escape(text)}[/]", soft_wrap=True)
    for note in images.notes:
        err().print(f"[yellow]{escape(note)}[/]", soft_wrap=True)


@contextmanager
def training(recipe: Recipe) -> Iterator[tuple[OnStep | None, OnEpoch]]:
    """Callbacks for the loop: a bar with the time left on a terminal; in a pipe, a line now and then."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = err()
    if not console.is_terminal:
        every = max(1, recipe.stop.epochs // 8)

        def line(report: EpochReport) -> None:
            if report.epoch % every == 0 or report.epoch == report.epochs:
                console.print(_epoch_line(report), soft_wrap=True)

        yield None, line
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[numbers]}"),
        console=console,
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
def arms() -> Iterator[Callable[[Progress], None]]:
    """A live table of the trial's arms on a terminal; in a pipe, a line a finished run."""
    from rich.live import Live

    from netvet.report.text import arms_table

    console = err()
    if not console.is_terminal:
        said = ""

        def line(progress: Progress) -> None:
            nonlocal said
            if progress.doing != said:
                said = progress.doing
                console.print(escape(said), soft_wrap=True)

        yield line
        return
    with Live(console=console, refresh_per_second=4) as live:
        yield lambda progress: live.update(arms_table(progress))


@contextmanager
def status(text: str) -> Iterator[Callable[[str], None]]:
    """A line that says what goes on, on a terminal; call the answer to change it."""
    console = err()
    if not console.is_terminal:
        yield lambda _text: None
        return
    with console.status(text) as shown:
        yield shown.update


def exam_line(name: str) -> str:
    """Which exam is being taken."""
    return _("Exam: {name}").format(name=name)


class Visit:
    """What is shown of a checkup while it goes on, stage after stage; a context manager. `quiet`: no results."""

    def __init__(self, recipe: Recipe, *, trials: bool, quiet: bool) -> None:
        self._trials, self._quiet = trials, quiet
        self._stage = ExitStack()
        self.on_step, self.on_epoch = self._show(training(recipe))
        self._say: Callable[[str], None] | None = None
        self._update: Callable[[Progress], None] | None = None

    def on_trained(self, _outcome: Outcome) -> None:
        """The training is over; the diagnosis begins."""
        self._say = self._show(status(_("Diagnosing")))

    def on_exam(self, name: str) -> None:
        """An exam begins."""
        if self._say is not None:
            self._say(exam_line(name))

    def on_diagnosis(self, found: Diagnosis) -> None:
        """The diagnosis stands; trials may begin."""
        from netvet.rules import print_diagnosis

        self._stage.close()
        if not self._quiet:
            print_diagnosis(out(), found)
        if self._trials:
            self._update = self._show(arms())

    def on_update(self, progress: Progress) -> None:
        """Something changed in the trial."""
        if self._update is not None:
            self._update(progress)

    def on_trial(self, trial: Trial) -> None:
        """The trial is over."""
        from netvet.report.text import print_trial

        self._stage.close()
        if not self._quiet:
            print_trial(out(), trial)

    def _show(self, stage: AbstractContextManager[T]) -> T:
        self._stage.close()
        return self._stage.enter_context(stage)

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stage.__exit__(kind, error, at)
