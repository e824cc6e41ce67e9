"""What commands show: results on stdout; on stderr what goes on, live on a terminal and in few lines elsewhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.console import Console
from rich.markup import escape

from netvet.base.jsonsafe import jsonsafe
from netvet.listener import TrainingListener
from netvet.locale import _, ngettext
from netvet.recipe import Recipe
from netvet.trials import TrialListener

if TYPE_CHECKING:
    from rich.live import Live
    from rich.progress import Progress as Bar

    from netvet.images.dataset import ImageSet
    from netvet.listener import EpochReport
    from netvet.trials import Progress


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


def notice(sentence: str) -> None:
    """What should be known while it goes on."""
    err().print(f"[yellow]{escape(sentence)}[/]", soft_wrap=True)


def report_images(images: ImageSet) -> None:
    """How many images there are, and what was left out."""
    splits: tuple[Literal["train", "val", "test"], ...] = ("train", "val", "test")
    counts = {split: len(images.indices(split)) for split in splits}
    known = images.known_groups
    text = _("{n} images of {k} classes: {train} training, {val} validation, {test} test.")
    if known is not None:
        text = _("{n} images of {k} classes in {groups} groups: {train} training, {val} validation, {test} test.")
    groups = 0 if known is None else len(set(known.tolist()))
    err().print(text.format(n=len(images.labels), k=len(images.classes), groups=groups, **counts))
    if images.rejected:
        n = len(images.rejected)
        first = images.rejected[0]
        text = ngettext(
            "{n} file was left out: {path} ({reason}).", "{n} files were left out; the first is {path} ({reason}).", n
        ).format(n=n, path=first.path, reason=_(first.reason))
        err().print(f"[yellow]{escape(text)}[/]", soft_wrap=True)
    for note in images.notes:
        err().print(f"[yellow]{escape(note)}[/]", soft_wrap=True)


class _Lines(TrainingListener):
    """In a pipe: a line now and then."""

    def __init__(self, console: Console, epochs: int) -> None:
        self._console, self._every = console, max(1, epochs // 8)

    def on_epoch(self, report: EpochReport) -> None:
        """A line for every eighth of the epochs, and the last one."""
        if report.epoch % self._every == 0 or report.epoch == report.epochs:
            self._console.print(_epoch_line(report), soft_wrap=True)


class _Bar(TrainingListener):
    """On a terminal: a bar with the time left."""

    def __init__(self, bar: Bar) -> None:
        self._bar, self._task = bar, bar.add_task(_("Training"), total=None, numbers="")

    def on_step(self, step: int, steps: int) -> None:
        """The bar moves."""
        self._bar.update(self._task, completed=step, total=steps)

    def on_epoch(self, report: EpochReport) -> None:
        """The numbers beside it change."""
        self._bar.update(self._task, numbers=_epoch_line(report))


@contextmanager
def training(recipe: Recipe) -> Iterator[TrainingListener]:
    """Shows how the loop goes: a bar with the time left on a terminal; in a pipe, a line now and then."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = err()
    if not console.is_terminal:
        yield _Lines(console, recipe.stop.epochs)
        return
    numbers = TextColumn("{task.fields[numbers]}")
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), numbers, console=console
    ) as bar:
        yield _Bar(bar)


def _epoch_line(report: EpochReport) -> str:
    return _("epoch {epoch}/{epochs}  loss {loss:.3f}  training {train:.1%}  validation {val:.1%}").format(
        epoch=report.epoch,
        epochs=report.epochs,
        loss=report.train.numbers["loss"],
        train=report.train.numbers["accuracy"],
        val=report.val.numbers["accuracy"],
    )


class _ArmLines(TrialListener):
    """In a pipe: a line for each run."""

    def __init__(self, console: Console) -> None:
        self._console, self._said = console, ""

    def on_update(self, progress: Progress) -> None:
        """A line where another run is under way."""
        if progress.doing != self._said:
            self._said = progress.doing
            self._console.print(escape(self._said), soft_wrap=True)


class _ArmTable(TrialListener):
    """On a terminal: a live table."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def on_update(self, progress: Progress) -> None:
        """The table is drawn again."""
        from netvet.report.text import arms_table

        self._live.update(arms_table(progress))


@contextmanager
def arms() -> Iterator[TrialListener]:
    """Shows how the trial goes: a live table of its arms on a terminal; in a pipe, a line for each run."""
    from rich.live import Live

    console = err()
    if not console.is_terminal:
        yield _ArmLines(console)
        return
    with Live(console=console, refresh_per_second=4) as live:
        yield _ArmTable(live)


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
