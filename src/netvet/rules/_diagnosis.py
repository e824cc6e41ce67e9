"""The diagnosis: what the rules found, weighed.

Every rule that can be assessed is asked (`_candidates`), what yields is dropped (`_yielding`), the causes that are left
are ranked, the root first (`_ranking`), and the verdict is given here. With no symptom the run is healthy, and a cause
that still shows is a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from netvet.rules._candidates import candidates, measured, missing
from netvet.rules._health import Health, Outcome, judge
from netvet.rules._limits import checked_limits
from netvet.rules._marked import MARKS
from netvet.rules._ranking import by_confidence, ranked
from netvet.rules._rule import Answer, Finding, Rule, RuledOut, rules
from netvet.rules._stuck import stuck
from netvet.rules._text import diagnosis_text
from netvet.rules._views import seen_by
from netvet.rules._yielding import settled
from netvet.trace import Trace

SUSPECTS = 2  # that are reported: more would be guessing


@dataclass(frozen=True)
class Diagnosis:
    """What was found, root cause first.

    `not_assessed`: rule -> the observations it lacks. `ruled_out`: causes that were looked for and are not there.
    `exams`: experiments that would settle what is still open. `limits`: those of rules that were set from outside.
    `grounds`: what a verdict without findings rests on, in one sentence; "" for others.
    """

    findings: tuple[Finding, ...]
    not_assessed: Mapping[str, tuple[str, ...]]
    verdict: Health
    ruled_out: tuple[RuledOut, ...] = ()
    exams: tuple[str, ...] = ()
    run: str = field(default="", compare=False)
    limits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    grounds: str = ""

    @property
    def root(self) -> Finding | None:
        """The root cause; None where no cause was found."""
        return next((f for f in self.findings if f.kind == "cause" and f.severity == "illness"), None)

    @property
    def ails(self) -> bool:
        """Whether a symptom or an illness was found."""
        return self.verdict == "sick" or bool(self.symptoms)

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
            "grounds": self.grounds,
            **({"limits": {name: dict(given) for name, given in self.limits.items()}} if self.limits else {}),
            "findings": [f.to_json() for f in self.findings],
            "ruled_out": [{"rule": r.rule, "message": r.message} for r in self.ruled_out],
            "not_assessed": [{"rule": name, "needs": list(needs)} for name, needs in self.not_assessed.items()],
        }

    def __str__(self) -> str:
        return diagnosis_text(self)


def diagnose(
    trace: Trace,
    *,
    run: str = "",
    taken: Sequence[str] = (),
    limits: Mapping[str, Mapping[str, float]] | None = None,
) -> Diagnosis:
    """What ails a recorded run.

    Healthy means that no symptom shows, that more than half of the symptoms could be assessed, and that the run is near
    what it could have had (see `_health`). `taken`: exams that
    have been tried already, whether or not they gave an answer, so that they are not ordered twice. `limits`: other
    limits than a rule's own, as in `{"dead-relu": {"limit": 0.6}}`; raises BadInput for one that does not exist.
    """
    known, changed = rules(), checked_limits(limits)
    answers = answered(trace, known, changed)
    found = [each for each in answers if isinstance(each, Finding)]
    symptoms = [f for f in found if f.kind == "symptom"]
    present = {f.rule for f in symptoms}
    causes = list(ranked([f for f in found if f.kind == "cause" and not f.suspected], present, known))
    illnesses = [f for f in causes if f.severity == "illness"]
    ordered = [
        *illnesses,
        *by_confidence(symptoms),
        *([] if illnesses else _suspects(found, present)),
        *(f for f in causes if f.severity == "note"),
    ]
    lacking = _not_assessed(trace, known)
    outcome = _outcome(trace, illnesses, symptoms, known, lacking)
    return Diagnosis(
        tuple(ordered),
        lacking,
        outcome.verdict,
        tuple(each for each in answers if isinstance(each, RuledOut)) if present else (),
        _exams(known, present, trace, taken),
        run,
        changed,
        outcome.grounds,
    )


def answered(
    trace: Trace, known: Mapping[str, Rule], limits: Mapping[str, Mapping[str, float]] = MappingProxyType({})
) -> list[Answer]:
    """What these rules answer, each for itself, less what yields."""
    seen = seen_by(trace, limits)
    places = [each.place for of in (*MARKS.values(), stuck) for each in of(seen)]
    return settled(list(candidates(known, seen, limits)), known, list(dict.fromkeys(places)))


def _suspects(found: Iterable[Finding], present: set[str]) -> list[Finding]:
    """What comes near, the surest first, of causes that would explain a symptom that shows."""
    near = by_confidence(f for f in found if f.suspected and present & set(f.explains))
    return [replace(f, severity="note", explains=()) for f in near[:SUSPECTS]]


def _outcome(
    trace: Trace,
    illnesses: Sequence[Finding],
    symptoms: Sequence[Finding],
    known: Mapping[str, Rule],
    lacking: Mapping[str, object],
) -> Outcome:
    if illnesses:
        return Outcome("sick")
    signs = [name for name, each in known.items() if each.kind == "symptom"]
    assessed = [name for name in signs if name not in lacking]
    if symptoms or 2 * len(assessed) <= len(signs):  # no data is not health
        return Outcome("undecided")
    return judge(trace)


def _not_assessed(trace: Trace, known: Mapping[str, Rule]) -> dict[str, tuple[str, ...]]:
    """Rules, with what they need and the trace lacks; not of a rule of layers which the network does not have."""
    lacking = {name: missing(each, trace) for name, each in known.items()}
    return {
        name: needs
        for name, needs in lacking.items()
        if needs and not (known[name].applies_if_recorded and measured(trace, known[name].applies_if_recorded))
    }


def _exams(known: Mapping[str, Rule], present: set[str], trace: Trace, taken: Sequence[str]) -> tuple[str, ...]:
    """The exams of rules that can be assessed and explain a symptom which shows, less those that were taken; none of
    a loop of one's own, which no exam can run again.
    """
    if trace.recipe is None:
        return ()
    done = {*taken, *trace.meta.get("exams", ())}
    asking = [each for each in known.values() if present & set(each.explains) and not missing(each, trace)]
    wanted = [exam for each in asking for exam in each.exams if exam not in done]
    return tuple(dict.fromkeys(wanted))
