"""Limits of rules that are set from outside."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from netvet.base.errors import BadInput
from netvet.locale import _
from netvet.rules._rule import Rule, rules

Limits = Mapping[str, Mapping[str, float]]


def checked_limits(limits: Limits | None) -> dict[str, dict[str, float]]:
    """The limits, by rule and name, in the type of the ones that they replace. Raises BadInput for a rule or a limit
    that does not exist, and for what is not a finite number (a whole one, where the rule counts).
    """
    return {name: _of_rule(_rule(name), given) for name, given in (limits or {}).items() if given}


def read_limits(settings: Sequence[str]) -> dict[str, dict[str, float]]:
    """Limits from texts such as "dead-relu.limit=0.6". Raises BadInput for anything else."""
    found: dict[str, dict[str, float]] = {}
    for setting in settings:
        path, equals, text = setting.partition("=")
        name, dot, limit = path.strip().rpartition(".")
        if not (equals and dot):
            sentence = _("A limit is set as RULE.LIMIT=NUMBER, such as dead-relu.limit=0.6, not as {setting!r}.")
            raise BadInput(sentence.format(setting=setting))
        found.setdefault(name, {})[limit] = _number(path.strip(), text.strip())
    return checked_limits(found)


def _number(path: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise _no_number(path, text) from None


def _rule(name: str) -> Rule:
    known = rules()
    if name not in known:
        with_limits = ", ".join(each for each, rule in known.items() if rule.limits)
        sentence = _("There is no rule {name!r} to set a limit of; there are: {names}.")
        raise BadInput(sentence.format(name=name, names=with_limits))
    return known[name]


def _of_rule(rule: Rule, given: Mapping[str, float]) -> dict[str, float]:
    return {name: _value(rule, name, value) for name, value in given.items()}


def _value(rule: Rule, name: str, value: object) -> float:
    if name not in rule.limits:
        sentence = _("{rule} has no limit {name!r}; it has: {names}.")
        names = ", ".join(rule.limits) or _("none")
        raise BadInput(sentence.format(rule=rule.name, name=name, names=names))
    path = f"{rule.name}.{name}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _no_number(path, value)
    if not isinstance(rule.limits[name], int):
        return float(value)
    if value != int(value):
        raise BadInput(_("{path} is counted: {value:g} is no whole number.").format(path=path, value=value))
    return int(value)


def _no_number(path: str, value: object) -> BadInput:
    return BadInput(_("{path} takes a finite number, not {value!r}.").format(path=path, value=value))
