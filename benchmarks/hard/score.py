"""What is counted: the planted cause first, runs called healthy, and healthy runs called sick.

Intervals are Wilson's, 95 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.clinic import store
from benchmarks.clinic.score import named, wilson
from benchmarks.hard.plan import Run
from benchmarks.hard.run import TRACES
from netvet.rules import diagnose


@dataclass(frozen=True)
class Case:
    """A run and what was said of it; `first`: the first cause, of no run that has only suspects."""

    run: Run
    verdict: str
    first: str
    where: str
    accuracy: float
    message: str

    @property
    def right(self) -> bool:
        """Whether the planted cause is the first that is named, and of the class it is in."""
        return self.first in self.run.rules

    @property
    def placed(self) -> bool:
        """Whether it is named of a class that it was planted in."""
        return self.right and self.where in self.run.victims[:2]


def case(run: Run) -> Case | None:
    """The case of a kept run; None where it was not trained."""
    if not store.path(run.name, TRACES).exists():
        return None
    trace = store.read(run.name, TRACES).trace
    found = diagnose(trace)
    causes = named(found)
    first = causes[0] if causes and causes[0] not in {each.rule for each in found.suspects} else ""
    told = next((each for each in found.findings if each.rule == first), None) or next(iter(found.findings), None)
    accuracy = trace.last("val_accuracy")
    return Case(
        run, found.verdict, first, told.where if told else "", accuracy, told.message if told else found.grounds
    )


def table(cases: Sequence[Case], *, every: bool = False) -> str:
    """The figures as Markdown; `every`: with a line a run."""
    sick, healthy = [each for each in cases if each.run.plant], [each for each in cases if not each.run.plant]
    lines = ["| planted | runs | first | first, of the class | called healthy |", "|---|---|---|---|---|"]
    for plant in ["", *dict.fromkeys(each.run.plant for each in sick)]:
        mine = [each for each in sick if plant in ("", each.run.plant)]
        first, well = sum(each.right for each in mine), sum(each.verdict == "healthy" for each in mine)
        shares = (_share(hits, len(mine)) for hits in (first, sum(each.placed for each in mine), well))
        lines.append(f"| {plant or 'all'} | {len(mine)} | {' | '.join(shares)} |")
    alarms = sum(each.verdict == "sick" for each in healthy)
    lines += ["", f"Healthy runs called sick: {_share(alarms, len(healthy))} of {len(healthy)}."]
    if every:
        lines += ["", *(_line(each) for each in cases)]
    return "\n".join(lines)


def _share(hits: int, n: int) -> str:
    low, high = wilson(hits, n)
    return f"{hits / max(1, n):.0%} ({low:.0%} to {high:.0%})"


def _line(each: Case) -> str:
    mark = "ok " if (each.right if each.run.plant else each.verdict != "sick") else "NO "
    return f"{mark}{each.run.name} {each.accuracy:.0%} {each.verdict}: {each.first} {each.where}. {each.message[:160]}"
