"""The diagnosis: what the rules found, weighed. One root cause comes first: causes that another found cause explains
fold under it. With no symptom the run is healthy, and a cause that still shows is a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from netvet.rules._rule import Finding, Rule, RuledOut, rules
from netvet.rules._text import diagnosis_text
from netvet.trace import Trace

Health = Literal["healthy", "sick", "undecided"]
SUSPECTS = 2  # that are told: more would be guessing


@dataclass(frozen=True)
class Diagnosis:
    """What was found, root cause first.

    `not_assessed`: rule -> the observations it lacks. `ruled_out`: causes that were looked for and are not there.
    `exams`: experiments that would tell apart what is still open.
    """

    findings: tuple[Finding, ...]
    not_assessed: Mapping[str, tuple[str, ...]]
    verdict: Health
    ruled_out: tuple[RuledOut, ...] = ()
    exams: tuple[str, ...] = ()
    run: str = field(default="", compare=False)

    @property
    def root(self) -> Finding | None:
        """The root cause; None where no cause was found."""
        return next((f for f in self.findings if f.kind == "cause" and f.severity == "illness"), None)

    @property
    def symptoms(self) -> tuple[Finding, ...]:
        """The symptoms that were found."""
        return tuple(f for f in self.findings if f.kind == "symptom")

    @property
    def notes(self) -> tuple[Finding, ...]:
        """Causes that show without a symptom."""
        return tuple(f for f in self.findings if f.severity == "note" and not f.suspected)

    @property
    def suspects(self) -> tuple[Finding, ...]:
        """Causes that come near a symptom which none explains, the nearest first."""
        return tuple(f for f in self.findings if f.suspected)

    def to_json(self) -> dict[str, Any]:
        """The diagnosis as the design's JSON object, schema 1."""
        return {
            "schema": 1,
            "run": self.run,
            "verdict": self.verdict,
            "findings": [f.to_json() for f in self.findings],
            "ruled_out": [{"rule": r.rule, "message": r.message} for r in self.ruled_out],
            "not_assessed": [{"rule": name, "needs": list(needs)} for name, needs in self.not_assessed.items()],
        }

    def __str__(self) -> str:
        return diagnosis_text(self)


def diagnose(trace: Trace, *, run: str = "", taken: Sequence[str] = ()) -> Diagnosis:
    """What ails a recorded run.

    Healthy means that no symptom shows and that more than half of the symptoms could be assessed. `taken`: exams that
    have been tried already, whether or not they gave an answer, so that they are not ordered twice.
    """
    found: list[Finding] = []
    ruled_out: list[RuledOut] = []
    not_assessed: dict[str, tuple[str, ...]] = {}
    known = rules()
    for each in known.values():
        missing = tuple(name for name in each.needs if not _measured(trace, name))
        if missing:
            if not (each.applies_if_recorded and _measured(trace, each.applies_if_recorded)):
                not_assessed[each.name] = missing
            continue
        for answer in each.check(trace):
            if isinstance(answer, RuledOut):
                ruled_out.append(replace(answer, rule=each.name))
            else:
                cures = answer.remedies or each.remedies
                found.append(replace(answer, rule=each.name, kind=each.kind, explains=each.explains, remedies=cures))
    symptoms = [f for f in found if f.kind == "symptom"]
    present = {f.rule for f in symptoms}
    causes = list(_causes([f for f in found if f.kind == "cause" and not f.suspected], present, known))
    illnesses = [f for f in causes if f.severity == "illness"]
    near = _by_confidence(f for f in found if f.suspected and present & set(f.explains))
    suspects = [] if illnesses else [replace(f, severity="note", explains=()) for f in near[:SUSPECTS]]
    wanted = _exams(known, present, trace, taken)
    signs = [name for name, each in known.items() if each.kind == "symptom"]
    assessed = [name for name in signs if name not in not_assessed]
    verdict: Health
    if illnesses:
        verdict = "sick"
    elif symptoms or 2 * len(assessed) <= len(signs):  # no data is not health
        verdict = "undecided"
    else:
        verdict = "healthy"
    ordered = [*illnesses, *_by_confidence(symptoms), *suspects, *(f for f in causes if f.severity == "note")]
    if not present:
        ruled_out = []
    return Diagnosis(tuple(ordered), not_assessed, verdict, tuple(ruled_out), wanted, run)


def _measured(trace: Trace, name: str) -> bool:
    return trace.recipe is not None if name == "recipe" else bool(trace.places(name))


def _causes(causes: list[Finding], present: set[str], known: Mapping[str, Rule]) -> Iterator[Finding]:
    """Causes, the root first, each explaining only what is there; those that explain no symptom become notes."""
    by_rule: dict[str, list[Finding]] = {}
    for finding in _by_confidence(causes):
        by_rule.setdefault(finding.rule, []).append(finding)
    names = list(by_rule)
    found = set(names)
    certain = {name for name in names if known[name].invalidates or any(f.certain for f in by_rule[name])}
    ill = {name for name in names if name in certain or present & _reach(name, known, found)}
    order = sorted(names, key=lambda name: (name not in ill, _depth(name, found, known), -by_rule[name][0].confidence))
    for name in order:
        first, *more = by_rule[name]
        explains = tuple(x for x in first.explains if x in present or x in by_rule)
        severity: Literal["illness", "note"] = "illness" if name in ill else "note"
        yield replace(first, severity=severity, explains=explains if severity == "illness" else ())
        for other in more if severity == "illness" else ():
            yield replace(other, severity="note", explains=())


def _reach(name: str, known: Mapping[str, Rule], found: set[str]) -> set[str]:
    """Everything that a cause explains, directly or through other causes that were found."""
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        for effect in known[waiting.pop()].explains:
            if effect not in reached:
                reached.add(effect)
                if effect in found:
                    waiting.append(effect)
    return reached


def _depth(name: str, found: set[str], known: Mapping[str, Rule]) -> int:
    """How many found causes explain this one (0: a root); a pair that explains each other counts for neither."""
    return sum(
        1 for other in found if other != name and name in known[other].explains and other not in known[name].explains
    )


def _by_confidence(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda f: -f.confidence)


def _exams(known: Mapping[str, Rule], present: set[str], trace: Trace, taken: Sequence[str]) -> tuple[str, ...]:
    """The exams of rules that can be assessed and explain a symptom which shows, less those that have been taken."""
    done = {*taken, *trace.meta.get("exams", ())}
    asking = [
        each
        for each in known.values()
        if present & set(each.explains) and all(_measured(trace, name) for name in each.needs)
    ]
    wanted = [exam for each in asking for exam in each.exams if exam not in done]
    return tuple(dict.fromkeys(wanted))
