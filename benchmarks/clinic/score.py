"""What is counted: is the planted cause first, or among the first three, and how often is a healthy run called sick.

Sick runs are those in which the fault did harm (`harm`); where it did none, an alarm is counted as false, apart from
those on healthy runs. The causes are counted in the order of the findings: illnesses, then notes, as low-level messages
of other tools count, then what is suspected, which is never counted as first; symptoms do not. `as_illness` counts
those alone that were called an illness. An alarm is a run that is called sick. Intervals are Wilson's, 95 % (1927,
https://doi.org/10.1080/01621459.1927.10502953).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from benchmarks.clinic import store
from benchmarks.clinic.harm import LEARNS, Harm, accuracy, class_harm, harm, leaves_behind
from benchmarks.clinic.plan import Run, runs
from netvet.rules import Diagnosis, diagnose
from netvet.trace import Observation, Trace

SHARES = (0.25, 0.5, 0.75, 1.0)
"""Of a run's epochs, after which it is diagnosed to see how early it could have been told; without exams."""

Diagnose = Callable[[Trace], Diagnosis]


@dataclass(frozen=True)
class Case:
    """A run and what was said of it.

    `named`: the causes that were found, the root first, then notes, last what is `suspected` without being shown;
    `ill` of them are illnesses. `verdict`: healthy,
    sick or undecided. `message`: the first finding's. `took`: None in a healthy run, else whether the planted fault did
    harm; `numbers` say so. `early`: share of the epochs -> the causes named by then. `learns`: of a healthy run,
    whether it learns well. `stuck`: whether the symptom stuck-class shows. `behind`: whether a class is left behind, by
    recorded recall alone.
    """

    run: Run
    named: tuple[str, ...]
    verdict: str
    ill: int = 0
    message: str = ""
    took: bool | None = None
    numbers: str = ""
    early: Mapping[float, tuple[str, ...]] = field(default_factory=dict)
    learns: bool = True
    stuck: bool = False
    behind: bool = False
    suspected: tuple[str, ...] = ()

    @property
    def first(self) -> bool:
        """Whether the planted cause is the root."""
        return self.named[:1] == (self.run.rule,) and self.run.rule not in self.suspected

    @property
    def among_three(self) -> bool:
        """Whether the planted cause is among the first three."""
        return self.run.rule in self.named[:3]


def named(diagnosis: Diagnosis) -> tuple[str, ...]:
    """The causes that a diagnosis finds, each once, the root first, then notes, last what it suspects."""
    found = [f.rule for f in diagnosis.findings if f.kind == "cause" and not f.suspected]
    return tuple(dict.fromkeys([*found, *(f.rule for f in diagnosis.suspects)]))


def cases(chosen: Iterable[Run], *, early: bool = False, by: Diagnose = diagnose) -> tuple[list[Case], list[str]]:
    """The cases of the runs that are kept, and the names of those that are not (or whose control is not)."""
    found: list[Case] = []
    missing: list[str] = []
    best = _best()
    for run in chosen:
        try:
            kept = store.read(run.name)
            control = store.read(run.control) if run.control else None
        except FileNotFoundError:
            missing.append(run.name)
            continue
        trace = kept.trace
        diagnosis = by(trace)
        verdict = diagnosis.verdict
        root = diagnosis.root or next(iter(diagnosis.findings), None)
        judged: Harm | None = None
        if control is not None and run.of_class:
            judged = class_harm(trace, control.trace, run.victims)
        elif control is not None:
            judged = harm(run.rule, trace, control.trace)
        found.append(
            Case(
                run,
                named(diagnosis),
                verdict,
                len({f.rule for f in diagnosis.findings if f.kind == "cause" and f.severity == "illness"}),
                "" if root is None else f"{root.rule}: {root.message}",
                None if judged is None else judged.took,
                f"accuracy {accuracy(trace):.2f}" if judged is None else judged.numbers,
                {share: named(by(truncated(trace, share))) for share in SHARES} if early and run.rule else {},
                bool(run.rule) or accuracy(trace) >= LEARNS * best[run.recipe.data.source],
                any(f.rule == "stuck-class" for f in diagnosis.findings),
                leaves_behind(trace),
                tuple(f.rule for f in diagnosis.suspects),
            )
        )
    return found, missing


@cache
def _best() -> dict[str, float]:
    """Source -> the best balanced accuracy on validation that a healthy run reaches on it."""
    reached: dict[str, float] = {}
    for run in runs():
        if not run.rule and store.path(run.name).exists():
            source = run.recipe.data.source
            reached[source] = max(reached.get(source, 0.0), accuracy(store.read(run.name).trace))
    return reached


def truncated(trace: Trace, share: float) -> Trace:
    """The trace as it stood after a share of the planned epochs, rounded up, and before any exam.

    What exams measured is left out: they are made on a finished run. So are confusion matrices and the last
    predictions, which are kept of the end alone.
    """
    from netvet.exams import exams

    given = {name for exam in exams().values() for name in exam.gives}
    ends = trace.series("epoch").steps
    epochs = math.ceil(share * int(trace.meta["epochs"]) - 1e-9)
    last = int(ends[min(epochs, len(ends)) - 1]) if len(ends) else 0
    whole = epochs >= len(ends)
    rows = (
        Observation(int(step), name, float(value), where)
        for name in trace.names()
        if name not in given
        for where in trace.places(name)
        for series in (trace.series(name, where),)
        for step, value in zip(series.steps, series.values, strict=True)
        if step <= last
    )
    meta = {**trace.meta, "finished": whole and bool(trace.meta.get("finished")), "exams": {}}
    arrays = {(name, ""): found for name in store.KEPT if whole and (found := trace.array(name)) is not None}
    return Trace(rows, recipe=trace.recipe, declared=trace.declared, meta=meta, arrays=arrays)


def wilson(hits: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """95 % interval of a share; (0, 1) where nothing was tried.

    >>> tuple(round(x, 3) for x in wilson(9, 10))
    (0.596, 0.982)
    """
    if n == 0:
        return 0.0, 1.0
    share, pull = hits / n, z * z / n
    centre = (share + pull / 2) / (1 + pull)
    spread = z / (1 + pull) * math.sqrt(share * (1 - share) / n + pull / (4 * n))
    return max(0.0, centre - spread), min(1.0, centre + spread)


def score(found: Sequence[Case], missing: Sequence[str] = ()) -> dict[str, Any]:
    """The figures, as `--json` prints them: shares 0..1, null where nothing was tried. The command adds `peers` and
    `classes`. Runs in which two causes were planted are in the latter alone.
    """
    found = [case for case in found if not case.run.also]
    sick = [case for case in found if case.took]
    harmless = [case for case in found if case.took is False]
    healthy = [case for case in found if case.took is None]
    alarms = [case for case in healthy if case.verdict == "sick"]
    missed = [case for case in sick if case.verdict == "healthy"]
    by_fault: dict[str, Any] = {}
    for rule in sorted({case.run.rule for case in sick}):
        mine = [case for case in sick if case.run.rule == rule]
        by_fault[rule] = {"sick": len(mine), **_named(mine)}
    confusion: dict[str, dict[str, int]] = {}
    for rule in by_fault:
        firsts = Counter((case.named[:1] or (case.verdict,))[0] for case in sick if case.run.rule == rule)
        confusion[rule] = dict(firsts.most_common())
    return {
        **_named(sick),
        "false_alarms": share_of(len(alarms), len(healthy)),
        "false_alarms_interval": interval_of(len(alarms), len(healthy)),
        "false_health": share_of(len(missed), len(sick)),
        "false_health_interval": interval_of(len(missed), len(sick)),
        "healthy": len(healthy),
        "sick": len(sick),
        "undecided": {
            "healthy": sum(case.verdict == "undecided" for case in healthy),
            "sick": sum(case.verdict == "undecided" for case in sick),
        },
        "harmless": {"runs": len(harmless), "alarms": sum(case.verdict == "sick" for case in harmless)},
        "by_fault": by_fault,
        "confusion": confusion,
        "early": _early(sick),
        "unfit": sorted(case.run.name for case in healthy if not case.learns),
        "missing": len(missing),
    }


def _named(sick: Sequence[Case]) -> dict[str, Any]:
    first, three = sum(case.first for case in sick), sum(case.among_three for case in sick)
    return {
        "first": share_of(first, len(sick)),
        "first_interval": interval_of(first, len(sick)),
        "as_illness": share_of(sum(case.first and case.ill > 0 for case in sick), len(sick)),
        "top3": share_of(three, len(sick)),
        "top3_interval": interval_of(three, len(sick)),
    }


def _early(sick: Sequence[Case]) -> dict[str, float | None]:
    """Share of the epochs, in per cent -> share of the sick runs whose planted cause was first by then."""
    told = [case for case in sick if case.early]
    return {
        f"{share:.0%}".rstrip("%"): share_of(sum(case.early[share][:1] == (case.run.rule,) for case in told), len(told))
        for share in SHARES
        if told
    }


def share_of(hits: int, n: int) -> float | None:
    """A share, rounded; None where nothing was tried."""
    return round(hits / n, 3) if n else None


def interval_of(hits: int, n: int) -> list[float]:
    """Wilson's interval, rounded."""
    return [float(x) for x in np.round(wilson(hits, n), 3)]
