"""Candidates: every rule that can be assessed is asked for what it finds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from netvet.rules._marked import marked
from netvet.rules._rule import Answer, Finding, Rule, RuledOut
from netvet.rules._stuck import Stuck, stuck
from netvet.trace import Trace


@dataclass(frozen=True)
class Candidate:
    """An answer of a rule, before it is settled which answers stand. `of`: the class that it is about, "" the run."""

    rule: Rule
    of: str
    answer: Answer

    @property
    def finding(self) -> bool:
        """Whether it found something, surely or nearly."""
        return isinstance(self.answer, Finding)

    @property
    def nearness(self) -> float:
        """How near the limits a finding comes, 0..1."""
        return self.answer.nearness if isinstance(self.answer, Finding) else 1.0


def missing(rule: Rule, trace: Trace) -> tuple[str, ...]:
    """What the rule needs and the trace lacks."""
    return tuple(name for name in rule.needs if not measured(trace, name))


def measured(trace: Trace, name: str) -> bool:
    """Whether an observation, or "recipe", is there."""
    return trace.recipe is not None if name == "recipe" else bool(trace.places(name))


def candidates(
    known: Mapping[str, Rule], trace: Trace, limits: Mapping[str, Mapping[str, float]]
) -> Iterator[Candidate]:
    """What every rule that can be assessed answers, rule by rule, the worst class first."""
    for rule in known.values():
        if not missing(rule, trace):
            for of, answers in _asked(rule, trace, limits.get(rule.name, {})):
                yield from (Candidate(rule, of, _completed(rule, each)) for each in answers if _counts(each))


def _asked(rule: Rule, trace: Trace, limits: Mapping[str, float]) -> Iterator[tuple[str, Iterable[Answer]]]:
    if rule.about == "run":
        yield "", rule.check(trace, **limits)
        return
    if rule.about == "both":
        yield "", rule.check(trace, None, **limits)
    for each in concerned(trace, rule.name):
        yield each.place, rule.check(trace, each, **limits)


def concerned(trace: Trace, rule: str) -> list[Stuck]:
    """The classes that a rule about classes is asked for: those that an exam marked for it, then the stuck ones."""
    found = list(marked(trace, rule))
    return [*found, *(each for each in stuck(trace) if each.place not in {other.place for other in found})]


def _counts(answer: Answer) -> bool:
    return isinstance(answer, RuledOut) or answer.nearness > 0


def _completed(rule: Rule, answer: Answer) -> Answer:
    """The answer with the rule's own fields."""
    if isinstance(answer, RuledOut):
        return replace(answer, rule=rule.name)
    cures = answer.remedies or (() if answer.fix else rule.remedies)
    effects = answer.explains or rule.explains
    return replace(answer, rule=rule.name, kind=rule.kind, explains=effects, remedies=cures)
