"""What the commands print."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from benchmarks.clinic import store
from benchmarks.clinic.class_score import class_score, class_table, right
from benchmarks.clinic.peers.meaning import alarmed, meant, peer_words
from benchmarks.clinic.peers.words import Heard, load
from benchmarks.clinic.plan import Run
from benchmarks.clinic.score import Case, cases, score


def plan_text(chosen: Sequence[Run], *, as_json: bool) -> str:
    """The plan, a line a run."""
    rows = [
        {"name": r.name, "half": r.half, "fault": r.fault, "severity": r.severity if r.rule else None}
        | {"data": r.recipe.data.source, "net": r.net, "optimizer": r.recipe.optimizer.name, "seed": r.recipe.seed}
        | {"epochs": r.recipe.stop.epochs, "why": r.why}
        for r in chosen
    ]
    if as_json:
        return json.dumps(rows, indent=1)
    lines = [
        f"{row['half']:<12}{row['fault'] or 'healthy':<42}{row['data']:<58}{row['net']:<16}{row['name']}"
        for row in rows
    ]
    sick = sum(bool(run.rule) for run in chosen)
    causes = len({run.rule for run in chosen if run.rule})
    return "\n".join([*lines, f"{sick} planted runs of {causes} causes, {len(chosen) - sick} healthy runs."])


def score_text(
    chosen: Sequence[Run], *, half: str, as_json: bool, early: bool, show: bool, only_classes: bool = False
) -> str:
    """The score of some runs of a half, that of the peers beside it, and that of the causes of a stuck class.

    `only_classes`: the last alone, as Markdown.
    """
    found, missing = cases(chosen, early=early)
    classes = class_score(found)
    if only_classes and not as_json:
        return "\n".join([class_table(classes), *(misses([c for c in found if c.run.of_class]) if show else [])])
    figures = {"half": half, **score(found, missing), "peers": peers(found), "classes": classes}
    if as_json:
        return json.dumps(figures, indent=1)
    lines = [f"{half} half: {figures['sick']} sick runs, {figures['healthy']} healthy ones", ""]
    lines += [f"{'':<32}{'first':>7}{'95 %':>14}{'top 3':>8}{'95 %':>14}{'false alarms':>14}{'95 %':>14}"]
    lines += [_line("netvet", figures, figures)]
    lines += [_line(name, figure, figure) for name, figure in figures["peers"].items()]
    lines += ["", f"{'by fault':<32}{'first':>7}{'95 %':>14}{'top 3':>8}{'95 %':>14}{'runs':>6}  named first"]
    for rule, figure in figures["by_fault"].items():
        others = ", ".join(f"{name} {n}" for name, n in figures["confusion"][rule].items())
        lines.append(f"{_line(rule, figure)}{figure['sick']:>6}  {others}")
    undecided, harmless = figures["undecided"], figures["harmless"]
    lines += ["", f"Undecided: {undecided['sick']} of the sick, {undecided['healthy']} of the healthy."]
    lines += [f"Planted, did no harm: {harmless['runs']}; alarms on {harmless['alarms']} of them."]
    low, high = figures["false_health_interval"]
    lines += [f"Called healthy though sick: {_percent(figures['false_health'])} ({low:.0%} to {high:.0%})."]
    if figures["early"]:
        told = ", ".join(f"{share} %: {_percent(value)}" for share, value in figures["early"].items())
        lines += [f"Named first after a part of the epochs, no exam taken: {told}."]
    if figures["unfit"]:
        lines += [f"Healthy runs that do not learn well: {', '.join(figures['unfit'])}."]
    lines += ["", "Causes of a stuck class:", class_table(classes)]
    if missing:
        lines += [f"Not trained yet: {len(missing)} runs of this half."]
    if show:
        lines += ["", *misses(found)]
    return "\n".join(lines)


def misses(found: Sequence[Case]) -> list[str]:
    """A line for each sick run whose cause is not first, and each run that is well and not called healthy."""
    lines = []
    for case in found:
        if case.took:
            if not (right(case) if case.run.of_class else case.first):
                kind = "second or third" if case.among_three else "missed"
                lines.append(f"{kind}: {case.run.name} ({case.numbers}): {', '.join(case.named) or case.verdict}")
                lines[-1] += f". {case.message}"
        elif case.verdict != "healthy":
            kind = "alarm" if case.verdict == "sick" else "undecided"
            sort = "healthy" if case.took is None else "planted, did no harm"
            lines.append(f"{kind} ({sort}): {case.run.name} ({case.numbers}). {case.message}")
    return lines


def peers(found: Sequence[Case]) -> dict[str, Any]:
    """The same figures of the other tools, from what they said of the runs that they have heard.

    A place in a tool's answer counts for the planted cause where its word is mapped to it; an alarm on a healthy run is
    a false one.
    """
    found = [case for case in found if not case.run.also]
    said = peer_words({case.run.name: store.read(case.run.name).trace for case in found}, load())
    figures: dict[str, Any] = {}
    for tool, heard in said.items():
        mine = [_heard(case, tool, heard[case.run.name]) for case in found if case.run.name in heard]
        if not mine:
            continue
        counted = score(mine)
        figures[tool] = {key: counted[key] for key in counted if key.startswith(("first", "top3", "false_alarms"))}
        figures[tool] |= {"healthy": counted["healthy"], "sick": counted["sick"], "harmless": counted["harmless"]}
        figures[tool]["by_fault"] = {rule: row["first"] for rule, row in counted["by_fault"].items()}
    return figures


def _heard(case: Case, tool: str, heard: Heard) -> Case:
    """A tool's answer in the form of netvet's."""
    places = tuple(case.run.rule if case.run.rule in place else "another" for place in meant(tool, heard))
    return Case(case.run, places, "sick" if alarmed(heard) else "healthy", took=case.took)


def _line(name: str, figure: dict[str, Any], alarms: dict[str, Any] | None = None) -> str:
    cells = [f"{name:<32}"]
    for key, width in (("first", 7), ("top3", 8)):
        cells.append(f"{_percent(figure[key]):>{width}}{_between(figure[key + '_interval']):>14}")
    if alarms is not None:
        cells.append(f"{_percent(alarms['false_alarms']):>14}{_between(alarms['false_alarms_interval']):>14}")
    return "".join(cells)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _between(interval: list[float]) -> str:
    return f"{interval[0]:.0%} to {interval[1]:.0%}"
