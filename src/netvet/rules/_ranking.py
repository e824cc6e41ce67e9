"""Causes in their order: one root cause comes first, and causes that another found cause explains fold under it.

A slip in the loop (family `loop`) that brings about a symptom which shows, or makes what is measured untrue, comes
before every cause of another family: no network learns as it should in such a loop, and what else shows may be its
doing. It explains those that share a symptom with it, though its rule names none of them, unless they are plain without
a symptom themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Literal

from netvet.rules._rule import Finding, Rule

Effects = Mapping[str, tuple[str, ...]]  # of every cause that was found: what it explains


def ranked(causes: list[Finding], present: set[str], known: Mapping[str, Rule]) -> Iterator[Finding]:
    """Causes, the root first, each explaining only what is there; those that explain no symptom become notes."""
    by_rule: dict[str, list[Finding]] = {}
    for finding in by_confidence(causes):
        by_rule.setdefault(finding.rule, []).append(finding)
    names = list(by_rule)
    effects = {name: tuple(dict.fromkeys(x for f in by_rule[name] for x in f.explains)) for name in names}
    certain = {name for name in names if known[name].invalidates or any(f.certain for f in by_rule[name])}
    ill = {name for name in names if name in certain or present & _reach(name, effects)}
    slips = {name for name in ill if known[name].family == "loop" and _brings_about(name, present, known, effects)}

    def place(name: str) -> tuple[bool, bool, int, float]:
        return name not in ill, name not in slips, _depth(name, effects), -by_rule[name][0].confidence

    order = sorted(names, key=place)
    for name in order:
        first, *more = by_rule[name]
        explains = tuple(x for x in first.explains if x in present or x in by_rule)
        if name == order[0] and name in slips:
            folded = [x for x in order if x in ill - certain - slips and _shared(name, x, present, known, effects)]
            explains = tuple(dict.fromkeys((*explains, *folded)))
        severity: Literal["illness", "note"] = "illness" if name in ill else "note"
        yield replace(first, severity=severity, explains=explains if severity == "illness" else ())
        for other in more if severity == "illness" else ():
            yield replace(other, severity="note", explains=())


def _brings_about(name: str, present: set[str], known: Mapping[str, Rule], effects: Effects) -> bool:
    """Whether a cause makes the measurement untrue, or explains a symptom that shows."""
    return known[name].invalidates or bool(present & _reach(name, effects))


def _shared(root: str, other: str, present: set[str], known: Mapping[str, Rule], effects: Effects) -> bool:
    """Whether both explain a symptom that shows; a root that makes the measurement untrue may explain any."""
    reach = present & _reach(other, effects)
    return bool(reach if known[root].invalidates else reach & _reach(root, effects))


def _reach(name: str, effects: Effects) -> set[str]:
    """Everything that a cause explains, directly or through other causes that were found."""
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        for effect in effects[waiting.pop()]:
            if effect not in reached:
                reached.add(effect)
                if effect in effects:
                    waiting.append(effect)
    return reached


def _depth(name: str, effects: Effects) -> int:
    """How many found causes explain this one (0: a root); a pair that explains each other counts for neither."""
    return sum(1 for other in effects if other != name and name in effects[other] and other not in effects[name])


def by_confidence(findings: Iterable[Finding]) -> list[Finding]:
    """The surest first."""
    return sorted(findings, key=lambda f: -f.confidence)
