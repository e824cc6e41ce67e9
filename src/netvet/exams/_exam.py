"""Exams: experiments made on a model on purpose. They cost passes, so they are ordered only where they decide
something.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netvet.base.observed import Observed
from netvet.base.pages import Paged
from netvet.base.registry import Registry
from netvet.recipe import Recipe
from netvet.trace import Trace, TraceWriter

if TYPE_CHECKING:
    from netvet.images.dataset import ImageSet


@dataclass(frozen=True)
class ExamContext:
    """What an exam may use: the run's folder, its recipe and images. `record` takes the exam's observations."""

    run: Path
    recipe: Recipe
    images: ImageSet
    record: TraceWriter


Run = Callable[[ExamContext], str]


@dataclass(frozen=True)
class Exam(Paged):
    """An exam as registered: see `exam`."""

    name: str
    run: Run
    gives: Mapping[str, Observed]
    cost: str
    module: str


_EXAMS = Registry[Exam]("netvet.exams")


def exam(name: str, *, gives: Mapping[str, Observed] | Sequence[str], cost: str) -> Callable[[Run], Run]:
    """Register an exam.

    `gives`: the observations and arrays it may record; a mapping says of each what it is (see `Observed`), and the
    trace keeps that. `cost`: what it costs, in passes. The function makes the experiment,
    records what it measured, and returns one sentence that says what it decided. It must not change the run's own
    files.
    """
    observed = gives if isinstance(gives, Mapping) else {each: Observed() for each in gives}

    def register(run: Run) -> Run:
        _EXAMS.add(name, Exam(name, run, observed, cost, run.__module__))
        return run

    return register


def exams() -> dict[str, Exam]:
    """Every exam by name, found by walking `netvet.exams`."""
    return _EXAMS.all()


def run_exam(name: str, context: ExamContext) -> str:
    """Run one exam: earlier answers are replaced; the sentence it returns is kept in the trace under `exams`."""
    chosen = exams()[name]
    for given in chosen.gives:
        context.record.forget(given)
    context.record.declare(chosen.gives)
    answer = chosen.run(context)
    context.record.flush()
    answers = {**Trace.open(context.run).meta.get("exams", {}), name: answer}
    context.record.meta("exams", answers)
    return answer
