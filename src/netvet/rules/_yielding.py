"""Which candidates stand: of causes that would explain the same class, or the run, those that yield are dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from netvet.rules._candidates import Candidate
from netvet.rules._order import before
from netvet.rules._rule import Answer, Finding, Rule, RuledOut

LESSER = 0.75  # times the confidence in a cause of a class where a worse one has another: less than class-imbalance
SUSPECTED = 0.5  # times the confidence in what comes near its limits and does not reach them


def settled(asked: Sequence[Candidate], known: Mapping[str, Rule], places: Sequence[str]) -> list[Answer]:
    """The answers that stand, rule by rule. `places`: the stuck classes, the worst first. A rule about classes tells
    the worst class that it explains, or the run where it found something there; it then rules nothing out.
    """
    standing = [each for place in ("", *places) for each in _at([c for c in asked if c.of == place], known)]
    first = _first_cause(standing)
    return [_weighed(each, first) for name in known for each in _told([c for c in standing if c.rule.name == name])]


def _at(asked: Sequence[Candidate], known: Mapping[str, Rule]) -> Iterator[Candidate]:
    """The candidates of one class, or of the run, that stand. One that is sure leaves a class none that is near."""
    sure = _unyielding(_by_their_word([c for c in asked if c.finding and c.nearness >= 1]), known)
    near = _by_their_word([c for c in asked if c.finding and c.nearness < 1])
    yield from sure
    yield from near if not (sure and sure[0].of) else ()
    found = {c.rule.name for c in sure}
    yield from (c for c in asked if isinstance(c.answer, RuledOut) and not _rivals(c, found) - set(c.answer.beside))


def _rivals(each: Candidate, found: set[str]) -> set[str]:
    """What makes it idle to rule a cause out: any cause of a class, of the run those that the rule yields to."""
    return found if each.of else found & set(each.rule.yields_to)


def _by_their_word(found: list[Candidate]) -> list[Candidate]:
    """Without those which themselves say that they yield to another."""
    names = {c.rule.name for c in found}
    return [c for c in found if not (isinstance(c.answer, Finding) and names & set(c.answer.yields_to))]


def _unyielding(found: list[Candidate], known: Mapping[str, Rule]) -> list[Candidate]:
    """Without those whose rule yields to one that stands."""
    standing: list[Candidate] = []
    for each in sorted(found, key=lambda c: len(before(c.rule.name, known))):
        if not {c.rule.name for c in standing} & set(each.rule.yields_to):
            standing.append(each)
    return standing


def _told(standing: list[Candidate]) -> list[Candidate]:
    """Of one rule: what is told of what stands."""
    if not standing or standing[0].rule.about == "run":
        return standing
    sure = [c for c in standing if c.finding and c.nearness >= 1]
    near = [c for c in standing if c.finding and c.nearness < 1]
    return (sure or near or standing)[:1]  # what is of the run stands first


def _first_cause(standing: Sequence[Candidate]) -> str:
    """The rule that explains the worst of the classes that are explained."""
    return next(
        (c.rule.name for c in standing if c.of and c.rule.kind == "cause" and c.finding and c.nearness >= 1), ""
    )


def _weighed(each: Candidate, first: str) -> Answer:
    """The answer with its confidence in view of the others."""
    if not isinstance(each.answer, Finding):
        return each.answer
    if each.nearness < 1:
        return replace(each.answer, confidence=SUSPECTED * each.answer.confidence, suspected=True)
    lesser = each.of and each.rule.kind == "cause" and each.rule.name != first
    return replace(each.answer, confidence=LESSER * each.answer.confidence) if lesser else each.answer
