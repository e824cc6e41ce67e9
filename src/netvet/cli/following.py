"""What is shown of a checkup while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from netvet.cli import showing
from netvet.locale import _
from netvet.pipeline import Listener
from netvet.recipe import Recipe
from netvet.report.text import print_trial
from netvet.rules import Diagnosis, print_diagnosis

if TYPE_CHECKING:
    from netvet.training import EpochReport, Outcome
    from netvet.trials import Progress, Trial, TrialListener

T = TypeVar("T")


class SaysExams(Listener):
    """Says which exam is being taken."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def on_exam(self, name: str) -> None:
        """An exam begins."""
        self._say(showing.exam_line(name))


class Shown(Listener):
    """What is shown of a checkup while it goes on, stage after stage; a context manager. `quiet`: no results."""

    def __init__(self, recipe: Recipe, *, trials: bool, quiet: bool) -> None:
        self._trials, self._quiet = trials, quiet
        self._stage = ExitStack()
        self._training = self._show(showing.training(recipe))
        self._say: Callable[[str], None] | None = None
        self._arms: TrialListener | None = None

    def on_step(self, step: int, steps: int) -> None:
        """The training goes on."""
        self._training.on_step(step, steps)

    def on_epoch(self, report: EpochReport) -> None:
        """An epoch is over."""
        self._training.on_epoch(report)

    def on_notice(self, sentence: str) -> None:
        """Something is known early."""
        showing.notice(sentence)

    def on_trained(self, outcome: Outcome) -> None:  # noqa: ARG002
        """The training is over; the diagnosis begins."""
        self._say = self._show(showing.status(_("Diagnosing")))

    def on_exam(self, name: str) -> None:
        """An exam begins."""
        if self._say is not None:
            self._say(showing.exam_line(name))

    def on_diagnosis(self, found: Diagnosis) -> None:
        """The diagnosis stands; trials may begin."""
        self._stage.close()
        if not self._quiet:
            print_diagnosis(showing.out(), found)
        if self._trials:
            self._arms = self._show(showing.arms())

    def on_update(self, progress: Progress) -> None:
        """Something changed in the trial."""
        if self._arms is not None:
            self._arms.on_update(progress)

    def on_trial(self, trial: Trial) -> None:
        """The trial is over."""
        self._stage.close()
        if not self._quiet:
            print_trial(showing.out(), trial)

    def _show(self, stage: AbstractContextManager[T]) -> T:
        self._stage.close()
        return self._stage.enter_context(stage)

    def __enter__(self) -> Shown:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stage.__exit__(kind, error, at)
