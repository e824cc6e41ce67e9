"""Rules: pure functions of a trace, each of which finds one pathology.

A *symptom* says that the run fails, a *cause* says why. What a rule finds is a candidate: of causes that would explain
the same thing, the diagnosis drops those that yield to another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from netvet.base.pages import Paged
from netvet.base.registry import Registry
from netvet.rules._order import with_order
from netvet.trace import Series

Kind = Literal["cause", "symptom"]
About = Literal["run", "class", "both"]


@dataclass(frozen=True)
class Finding:
    """One pathology at one place.

    `message`: one sentence with place and value. `evidence`: the curves that show it; what the sentence says of one is
    what that one tells (`Series.telling`). `limit`: what the first curve is held against. `confidence`: 0..1, how sure
    the rule is that this is what it names. `remedies`: those of the rule that suit what was found, the likeliest first;
    where it names none and no `fix`, all of them. `explains`: those of the rule's symptoms and causes that this finding
    brings about; where it names none, all of them. `fix`: the line of code that mends a loop of one's own, "" where the
    cure is a remedy. `needed`: a sentence on the images or labels that it takes where no remedy helps, with numbers; ""
    where others would not help either. `nearness`: 0..1,
    how near the rule's limits it comes; below 1 it does not reach them, and is suspected at most. `yields_to`: causes
    of the rule's `may_yield_to` that come before this finding. `certain`: an illness even where no symptom shows,
    since it is plainly not what was meant. The other fields are filled in by `diagnose`; `suspected`: reported as a
    note, since no cause was found and this one is near.
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
    fix: str = ""
    needed: str = ""
    nearness: float = 1.0
    yields_to: tuple[str, ...] = ()
    suspected: bool = False
    certain: bool = False

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
                    "value": _plain(s.telling if np.isfinite(s.reading) or s.observed.telling != "last" else s.last),
                    "limit": _plain(self.limit) if s is self.evidence[0] else None,
                    "unit": s.unit,
                }
                for s in self.evidence
            ],
            "remedies": list(self.remedies),
            **({"fix": self.fix} if self.fix else {}),
        }


@dataclass(frozen=True)
class RuledOut:
    """A cause that was looked for and is not there, with the number that says so.

    It goes unsaid where the class has another cause, or the run one that its rule yields to, but for those `beside`
    which it stands. `rule` is filled in by `diagnose`.
    """

    message: str
    evidence: tuple[Series, ...] = ()
    rule: str = ""
    beside: tuple[str, ...] = ()


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
    about: About = "run"
    yields_to: tuple[str, ...] = ()
    may_yield_to: tuple[str, ...] = ()
    always: tuple[str, ...] = ()

    @property
    def limits(self) -> dict[str, float]:
        """The keywords of its check, with their defaults."""
        return dict(getattr(self.check, "__kwdefaults__", None) or {})

    @property
    def page(self) -> str:
        """The page, with the causes that come before this one, and those that it comes before, at the end of "Not to
        be confused with".
        """
        return with_order(super().page, self, _RULES.all())

    @property
    def family(self) -> str:
        """The folder it lives in, such as signal, classes, loop or symptoms; "" of a script's rule."""
        return self.module.rpartition(".")[0].rpartition(".")[2]


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
    about: About = "run",
    yields_to: Sequence[str] = (),
    may_yield_to: Sequence[str] = (),
    always: Sequence[str] = (),
) -> Callable[[Check], Check]:
    """Register a rule.

    `needs`: names of observations (and "recipe") without which it cannot be assessed. `exams`: experiments whose
    answer it weighs; they are ordered when a symptom that it explains shows. `explains`: symptoms, and other causes,
    that this cause brings about; one of the family `loop` comes before every cause of another family (`_ranking`).
    `remedies`: what may cure it, the likeliest first; none in the family `loop`, where every finding has its `fix`.
    `invalidates`: it makes the measurement itself untrue
    (leakage), so it is an illness even where no symptom shows. `applies_if_recorded`: an observation of every layer;
    where it was recorded and what the rule needs was not, the network has no layers of that kind.
    `about`: what its findings are about. Of a "class" the check is asked for each class that is stuck, the worst first:
    `check(trace, stuck, *, limits)`; the diagnosis then tells the worst that it explains. One about "both" is asked for
    the run first, with None for `stuck`; what it finds there is told alone. `yields_to`: causes that come
    before it where both would explain the same class, or the run. `may_yield_to`: causes that come before some of its
    findings, which say so; a finding's own word outweighs what the other rule yields to.
    `always`: of the exams, those that are taken though no symptom shows, since the cause shows none.
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
                about,
                tuple(yields_to),
                tuple(may_yield_to),
                tuple(always),
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
