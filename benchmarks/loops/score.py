"""What is counted: is the right cause first, is another, is the loop called healthy; and what healthy loops are called.

A cause is first where it is the diagnosis' root, an illness; notes and suspects do not count. Sick loops are those in
which the slip did harm (`truth`); where it did none, an alarm is counted apart. `unfinished` and `no-fault-found` of a
healthy loop are no alarm, and are counted in columns of their own. A loop in which netvet raised an error has the
verdict `error`. Intervals are Wilson's, 95 %.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.clinic import store
from benchmarks.clinic.score import interval_of, share_of
from benchmarks.loops import truth
from benchmarks.loops.plan import Loop, loops
from benchmarks.loops.record import FOLDER, NOTE
from netvet.rules import Diagnosis, diagnose
from netvet.trace import Trace

State = Literal["sick", "harmless", "healthy", "unfit"]
VERDICTS = ("healthy", "unfinished", "no-fault-found", "undecided", "sick", "error")


@dataclass(frozen=True)
class Case:
    """A loop and what was said of it.

    `state`: what is true of it (`unfit`: meant to be healthy, and does not learn well). `root`: the first cause, ""
    where none was found. `numbers`: what `state` rests on. `message`: the first finding's, or the error's.
    """

    loop: Loop
    state: State
    verdict: str
    root: str = ""
    numbers: str = ""
    message: str = ""

    @property
    def first(self) -> bool:
        """Whether a right cause is the root."""
        return self.root in self.loop.accepted

    @property
    def wrong(self) -> bool:
        """Whether another cause is the root."""
        return bool(self.root) and not self.first


def cases(
    chosen: Iterable[Loop], folder: Path = FOLDER, by: Callable[[Trace], Diagnosis] = diagnose
) -> tuple[list[Case], list[str]]:
    """The cases of the loops that are kept, and the names of those that are not (or whose twin is not)."""
    found: list[Case] = []
    missing: list[str] = []
    best = _best(folder)
    for loop in chosen:
        try:
            trace, twin = store.read(loop.name, folder).trace, store.read(loop.twin, folder).trace
        except FileNotFoundError:
            missing.append(loop.name)
            continue
        note = trace.meta.pop(NOTE)
        mine, usual = truth.known(note), truth.known(twin.meta[NOTE])
        numbers = f"validation {mine.val:.2f}, training {mine.train:.2f}, twin {usual.val:.2f}"
        state: State = "healthy" if truth.learns(mine, best[loop.base.data]) else "unfit"
        if loop.slip is not None and loop.kind:
            state = "sick" if truth.harmed(loop.kind, loop.slip.of_class, mine, usual) else "harmless"
        said = by(trace)
        told = said.root or next(iter(said.findings), None)
        message = note["error"] or ("" if told is None else f"{told.rule}: {told.message}")
        verdict, root = (said.verdict, said.root.rule if said.root else "") if not note["error"] else ("error", "")
        found.append(Case(loop, state, verdict, root, numbers, message))
    return found, missing


def _best(folder: Path) -> dict[str, float]:
    """Set -> the best balanced accuracy on validation of the healthy bases on it."""
    reached: dict[str, float] = {}
    for loop in loops():
        if loop.slip is None and store.path(loop.name, folder).exists():
            mine = truth.known(store.read(loop.name, folder).trace.meta[NOTE])
            reached[loop.base.data] = max(reached.get(loop.base.data, 0.0), mine.val)
    return reached


def score(found: Sequence[Case], missing: Sequence[str] = ()) -> dict[str, Any]:
    """The figures, as `--json` prints them: each with the number it is of and its interval."""
    sick = [case for case in found if case.state == "sick"]
    healthy = [case for case in found if case.state == "healthy"]
    harmless = [case for case in found if case.state == "harmless"]
    return {
        **_of_sick(sick),
        **{f"healthy_{name}": _figure(healthy, verdict) for name, verdict in _CALLED.items()},
        "by_kind": {kind: _kind(sick, kind) for kind in sorted({case.loop.kind for case in sick})},
        "sick_verdicts": _verdicts(sick),
        "harmless": {"n": len(harmless), "alarms": sum(case.verdict == "sick" for case in harmless)},
        "unfit": [case.loop.name for case in found if case.state == "unfit"],
        "missing": len(missing),
    }


_CALLED = {name.replace("-", "_"): name for name in VERDICTS if name != "healthy"}


def _of_sick(sick: Sequence[Case]) -> dict[str, Any]:
    return {
        "first": share(sum(case.first for case in sick), len(sick)),
        "wrong_first": share(sum(case.wrong for case in sick), len(sick)),
        "false_health": _figure(sick, "healthy"),
    }


def _kind(sick: Sequence[Case], kind: str) -> dict[str, Any]:
    mine = [case for case in sick if case.loop.kind == kind]
    said = Counter(case.root or case.verdict for case in mine)
    return {**_of_sick(mine), "said": dict(said.most_common())}


def _verdicts(found: Sequence[Case]) -> dict[str, int]:
    return {verdict: sum(case.verdict == verdict for case in found) for verdict in VERDICTS}


def _figure(found: Sequence[Case], verdict: str) -> dict[str, Any]:
    return share(sum(case.verdict == verdict for case in found), len(found))


def share(hits: int, n: int) -> dict[str, Any]:
    """A figure: its share 0..1, what it is of, and its interval."""
    return {"share": share_of(hits, n), "hits": hits, "n": n, "interval": interval_of(hits, n)}


def score_text(chosen: Sequence[Loop], *, half: str, as_json: bool, show: bool, folder: Path = FOLDER) -> str:
    """The score of some loops, as a table or as JSON."""
    found, missing = cases(chosen, folder)
    figures = {"half": half, **score(found, missing)}
    if as_json:
        return json.dumps(figures, indent=1)
    n, well = figures["first"]["n"], figures["healthy_sick"]["n"]
    lines = [f"{half} half: {n} sick loops, {well} healthy ones", ""]
    lines += [line(name, figure) for name, figure in figures.items() if isinstance(figure, dict) and "hits" in figure]
    lines += ["", f"{'kind':<26}{'sick':>5}{'first':>7}{'wrong':>7}{'healthy':>9}  said first"]
    for kind, row in figures["by_kind"].items():
        cells = f"{row['first']['hits']:>7}{row['wrong_first']['hits']:>7}{row['false_health']['hits']:>9}"
        said = ", ".join(f"{name} {times}" for name, times in row["said"].items())
        lines.append(f"{kind:<26}{row['first']['n']:>5}{cells}  {said}")
    lines += ["", f"Slips that did no harm: {figures['harmless']['n']}, alarms on {figures['harmless']['alarms']}."]
    if figures["unfit"]:
        lines.append(f"Meant to be healthy, and learn less well than they should: {', '.join(figures['unfit'])}.")
    if missing:
        lines.append(f"Not recorded yet: {len(missing)} loops of this half.")
    return "\n".join([*lines, *(["", *misses(found)] if show else [])])


def line(name: str, figure: dict[str, Any]) -> str:
    """A figure as a line of the table."""
    low, high = figure["interval"]
    text = "-" if figure["share"] is None else f"{figure['share']:.1%}"
    return f"{name:<26}{text:>8}  {figure['hits']:>3} of {figure['n']:<4}{low:>6.0%} to {high:.0%}"


def misses(found: Sequence[Case]) -> list[str]:
    """A line for each sick loop whose cause is not first, and each that is well and not called healthy."""
    lines = []
    for case in found:
        said = f"{case.verdict} {case.root}".strip()
        if case.state == "sick" and not case.first:
            lines.append(f"missed: {case.loop.name} ({case.numbers}): {said}. {case.message}")
        elif case.state != "sick" and case.verdict != "healthy":
            lines.append(f"{case.state}: {case.loop.name} ({case.numbers}): {said}. {case.message}")
    return lines
