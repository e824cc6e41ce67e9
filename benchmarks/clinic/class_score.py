"""What is counted for the causes of a stuck class.

A run of their plan counts whose planted class fell against its twin (`harm.class_harm`). Right is the planted cause as
the root of the diagnosis; of two planted causes, either. `among_two`: it is among the first two causes, be it only
suspected; of two planted ones, both are. A false alarm is a healthy run, of any plan, on which the symptom stuck-class
shows, whether or not a cause was found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from benchmarks.clinic.classes import RULES
from benchmarks.clinic.score import Case, interval_of, share_of


def right(case: Case) -> bool:
    """Whether a planted cause is the root; a suspicion is none."""
    return case.ill > 0 and case.named[0] in (case.run.rule, case.run.also or case.run.rule)


def among_two(case: Case) -> bool:
    """Whether what was planted is among the first two."""
    return {case.run.rule, case.run.also} - {""} <= set(case.named[:2])


def class_score(found: Sequence[Case]) -> dict[str, Any]:
    """The figures: of single causes, `by_fault` and `confusion` (planted -> what was first -> runs), of `pairs`, by
    strength, and of healthy runs.
    """
    planted = [case for case in found if case.run.of_class and case.run.rule]
    sick = [case for case in planted if case.took and not case.run.also]
    pairs = [case for case in planted if case.took and case.run.also]
    harmless = [case for case in planted if not case.took]
    healthy = [case for case in found if case.took is None]
    known = [rule for rule in RULES if any(case.run.rule == rule for case in sick)]
    names = sorted({f"{case.run.rule} and {case.run.also}" for case in pairs})
    return {
        **_counted(sick),
        "by_fault": {rule: _counted([case for case in sick if case.run.rule == rule]) for rule in known},
        "by_family": {
            family: _counted([case for case in sick if case.run.family == family])
            for family in sorted({case.run.family for case in sick})
        },
        "by_strength": {
            str(severity): _counted([case for case in sick if case.run.severity == severity]) for severity in range(3)
        },
        "confusion": {rule: _firsts([case for case in sick if case.run.rule == rule]) for rule in known},
        "pairs": {
            **_counted(pairs),
            "by_pair": {name: _counted(_of(pairs, name)) for name in names},
            "confusion": {name: _firsts(_of(pairs, name)) for name in names},
        },
        "stuck_alarms": _alarms(healthy),
        "stuck_alarms_none_behind": _alarms([case for case in healthy if not case.behind]),
        "stuck_alarms_own": _alarms([case for case in healthy if case.run.of_class]),
        "harmless": {
            "runs": len(harmless),
            "alarms": sum(case.verdict == "sick" for case in harmless),
            "by_fault": dict(sorted(Counter(case.run.rule for case in harmless).items())),
        },
    }


def _of(pairs: Sequence[Case], name: str) -> list[Case]:
    return [case for case in pairs if f"{case.run.rule} and {case.run.also}" == name]


def _counted(cases: Sequence[Case]) -> dict[str, Any]:
    n, first, two = len(cases), sum(map(right, cases)), sum(map(among_two, cases))
    return {
        "runs": n,
        "first": share_of(first, n),
        "first_interval": interval_of(first, n),
        "among_two": share_of(two, n),
        "among_two_interval": interval_of(two, n),
        "stuck": share_of(sum(case.stuck for case in cases), n),
    }


def _firsts(cases: Sequence[Case]) -> dict[str, int]:
    return dict(Counter(case.named[0] if case.ill else case.verdict for case in cases).most_common())


def _alarms(healthy: Sequence[Case]) -> dict[str, Any]:
    n, alarms = len(healthy), [case for case in healthy if case.stuck]
    caused = sum(case.named[:1] != () and case.named[0] in RULES and case.verdict == "sick" for case in healthy)
    return {
        "healthy": n,
        "alarms": len(alarms),
        "share": share_of(len(alarms), n),
        "interval": interval_of(len(alarms), n),
        "called_sick": caused,
        "names": sorted(case.run.name for case in alarms),
    }


def class_table(figures: dict[str, Any]) -> str:
    """The figures as Markdown, for docs/clinic.md."""
    lines = ["| planted | runs | first | among the first two | symptom shows |", "|---|---|---|---|---|"]
    rows = [("all", figures), *figures["by_fault"].items()]
    rows += [(f"{name} (pair)", row) for name, row in figures["pairs"]["by_pair"].items()]
    for name, row in rows:
        stuck = "-" if row["stuck"] is None else f"{row['stuck']:.0%}"
        lines.append(f"| {name} | {row['runs']} | {_told(row, 'first')} | {_told(row, 'among_two')} | {stuck} |")
    confusion = {**figures["confusion"], **figures["pairs"]["confusion"]}
    seen = {name for row in confusion.values() for name in row}
    columns = [*(rule for rule in RULES if rule in seen), *sorted(seen - set(RULES))]
    lines += ["", f"| planted \\ named first | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, row in confusion.items():
        lines.append(f"| {name} | {' | '.join(str(row.get(column, '')) for column in columns)} |")
    alarms, harmless = figures["stuck_alarms"], figures["harmless"]
    even = figures["stuck_alarms_none_behind"]
    low, high = alarms["interval"]
    lines += [
        "",
        f"A stuck class is seen in {alarms['alarms']} of {alarms['healthy']} healthy runs (95 % interval {low:.0%} to "
        f"{high:.0%}), and {alarms['called_sick']} are called sick for it. Where no class ends with half of the median "
        f"class's recall or less, it is seen in {even['alarms']} of {even['healthy']}.",
        f"Planted, and the class did not fall: {harmless['runs']} runs, {harmless['alarms']} of them called sick.",
    ]
    return "\n".join(lines)


def _told(row: dict[str, Any], key: str) -> str:
    if row[key] is None:
        return "-"
    low, high = row[f"{key}_interval"]
    return f"{row[key]:.0%} ({low:.0%} to {high:.0%})"
