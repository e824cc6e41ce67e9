"""Rules: pure functions of a trace, each of which finds one pathology; and the diagnosis that weighs what they found.

A *symptom* says that the run fails, a *cause* says why. With no symptom the run is healthy, and a cause that still
shows is a note. One root cause comes first: causes that another found cause explains fold under it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from netvet.base.pages import Paged
from netvet.base.registry import Registry
from netvet.trace import Series

Kind = Literal["cause", "symptom"]


@dataclass(frozen=True)
class Finding:
    """One pathology at one place.

    `message`: one sentence with place and value. `evidence`: the curves that show it. `limit`: what the first curve
    is held against. `confidence`: 0..1, how sure the rule is that this is what it names. `remedies`: those of the rule
    that suit what was found, the likeliest first; where it names none, all of them. `needed`: a sentence on the images
    or labels that it takes where no remedy helps, with numbers; "" where others would not help either. `suspected`: a
    cause that comes near the rule's limits and does not reach them; it is told as a note, and only where no cause was
    found. The other fields are the rule's, filled in by `diagnose`.
    """

    message: str
    where: str = ""
    evidence: tuple[Series, ...] = ()
    limit: float | None = None
    confidence: float = 0.9
    rule: str = ""
    kind: Kind = "cause"
    severity: Literal["illness", "note"] = "illness"
    explains: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    needed: str = ""
    fix: str = ""
    suspected: bool = False

    def to_json(self) -> dict[str, Any]:
        """The finding as the design's JSON object."""
        return {
            "rule": self.rule,
            "kind": self.kind,
            "severity": self.severity,
            **({"suspected": True} if self.suspected else {}),
            "where": self.where,
            "message": self.message,
            "confidence": round(self.confidence, 3),
            "explains": list(self.explains),
            "evidence": [
                {
                    "name": s.name,
                    "where": s.where,
                    "value": _plain(s.last),
                    "limit": _plain(self.limit) if s is self.evidence[0] else None,
                    "unit": s.unit,
                }
                for s in self.evidence
            ],
            "remedies": list(self.remedies),
        }


@dataclass(frozen=True)
class RuledOut:
    """A cause that was looked for and is not there, with the number that says so. `rule` is filled in by `diagnose`."""

    message: str
    evidence: tuple[Series, ...] = ()
    rule: str = ""


Answer = Finding | RuledOut
Check = Callable[..., Iterable[Answer]]


@dataclass(frozen=True)
class Rule(Paged):
    """A rule as registered: see `rule`."""

    name: str
    check: Check
    kind: Kind
    needs: tuple[str, ...]
    exams: tuple[str, ...]
    explains: tuple[str, ...]
    remedies: tuple[str, ...]
    invalidates: bool
    applies_if_recorded: str
    module: str

    @property
    def family(self) -> str:
        """The folder it lives in: signal, optimisation, capacity, classes, data or symptoms."""
        return self.module.split(".")[-2]


_RULES = Registry[Rule]("netvet.rules")


def rule(
    name: str,
    *,
    needs: Sequence[str],
    kind: Kind = "cause",
    exams: Sequence[str] = (),
    explains: Sequence[str] = (),
    remedies: Sequence[str] = (),
    invalidates: bool = False,
    applies_if_recorded: str = "",
) -> Callable[[Check], Check]:
    """Register a rule.

    `needs`: names of observations (and "recipe") without which it cannot be assessed. `exams`: experiments whose
    answer it weighs; they are ordered when a symptom that it explains shows. `explains`: symptoms, and other causes,
    that this cause brings about.
    `remedies`: what may cure it, the likeliest first. `invalidates`: it makes the measurement itself untrue
    (leakage), so it is an illness even where no symptom shows. `applies_if_recorded`: an observation of every layer;
    where it was recorded and what the rule needs was not, the network has no layers of that kind.
    """

    def register(check: Check) -> Check:
        _RULES.add(
            name,
            Rule(
                name,
                check,
                kind,
                tuple(needs),
                tuple(exams),
                tuple(explains),
                tuple(remedies),
                invalidates,
                applies_if_recorded,
                check.__module__,
            ),
        )
        return check

    return register


def rules() -> dict[str, Rule]:
    """Every rule by name, found by walking `netvet.rules`."""
    return _RULES.all()


def _plain(value: float | None) -> float | None:
    """A number that JSON can hold; None for nan and the infinities."""
    if value is None or value != value or value in (float("inf"), float("-inf")):
        return None
    return float(value)
