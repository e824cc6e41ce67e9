"""check_rule, check_remedy and check_probe: a leaf that breaks the contract is told so, in one sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
import torch

from netvet.base.observed import Observed
from netvet.recipe import Recipe
from netvet.remedies import Remedy, _remedy
from netvet.rules import Finding, Rule, _rule
from netvet.testing import check_probe, check_remedy, check_rule
from netvet.trace import Trace
from netvet.watching import Layer, Probe, _probe

RULE_PAGE = """A fever.

## Symptom
It is hot.
## Evidence
Above `limit`.
## Example
    >>> 1
## Why it happens
The sun.
## Not to be confused with
Love.
## Remedies
augment
## References
https://example.org
"""
REMEDY_PAGE = """A bath.

## What it does
It cools.
## When it helps
On hot days.
## What it costs
Water.
## References
https://example.org
"""
PROBE_PAGE = "The heat.\n\n`heat` is in degrees. It matters because fish cook.\n\n## References\nhttps://example.org"

Page = Callable[[str], str]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    """Makes a module whose docstring is a page; returns its name."""

    def make(text: str) -> str:
        module = ModuleType("a_leaf_of_a_test")
        module.__doc__ = text
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return module.__name__

    return make


def _answers(trace: Trace, *, limit: float = 0.5) -> Iterator[Finding]:
    if trace.last("val_accuracy") > limit:
        yield Finding("Hot.")


def _changes_the_trace(trace: Trace, *, limit: float = 0.5) -> Iterator[Finding]:
    trace.meta["seen"] = limit
    yield from ()


def _moods() -> Callable[..., Iterator[Finding]]:
    count = iter(range(1000))

    def check(trace: Trace, *, limit: float = 0.5) -> Iterator[Finding]:
        yield Finding(f"Hot, the {next(count)}th time (limit {limit}).")

    return check


RuleChanges = dict[str, Any]


@pytest.mark.parametrize(
    ("text", "changes", "said"),
    [
        (RULE_PAGE, {}, ""),
        (RULE_PAGE, {"needs": ("heat",)}, "fever: needs names 'heat'"),
        (RULE_PAGE, {"exams": ("thermometer",)}, "fever: exams names 'thermometer'"),
        (RULE_PAGE, {"explains": ("fever",)}, "fever: explains names 'fever'"),
        (RULE_PAGE, {"remedies": ("prayer",)}, "fever: its remedy prayer is not named under Remedies"),
        (RULE_PAGE.replace("`limit`", "it"), {}, "fever: its keyword limit is not explained under Evidence"),
        (RULE_PAGE.replace("## Example\n", ""), {}, "fever: its page has the headings"),
        (RULE_PAGE.replace("Love.", ""), {}, "fever: there is nothing under Not to be confused with"),
        (RULE_PAGE.replace("https://", ""), {}, "fever: its references have no address"),
        (RULE_PAGE.replace("A fever.", "A fever"), {}, "fever: the first line of its page"),
        (RULE_PAGE, {"check": _changes_the_trace}, "fever: it changes the trace"),
        (RULE_PAGE, {"check": _moods()}, "fever: it answers"),
    ],
)
def test_a_rule(text: str, changes: RuleChanges, said: str, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"needs": ("val_accuracy",), "exams": (), "explains": ("loss-plateau",), "remedies": ("augment",)}
    whole = {"name": "fever", "check": _answers, "kind": "cause", **fields, "invalidates": False, **changes}
    rule = Rule(**whole, applies_if_recorded="", module=page(text))
    monkeypatch.setattr(_rule._RULES, "leaves", {**_rule.rules(), "fever": rule})
    _holds(check_rule, "fever", said)


@pytest.mark.parametrize(
    ("text", "changed", "declared", "said"),
    [
        (REMEDY_PAGE, {"optimizer.lr": 0.123}, "optimizer", ""),
        (REMEDY_PAGE, {"optimizer.lr": 0.123}, "model", "bath: it changes optimizer.lr, and declares 'model'"),
        (REMEDY_PAGE, {"optimizer.lr": 0.123}, "water", "bath: it declares 'water'"),
        (REMEDY_PAGE, {}, "optimizer", "bath: it gives the same recipe back"),
        (REMEDY_PAGE.replace("Water.", ""), {}, "optimizer", "bath: there is nothing under What it costs"),
    ],
)
def test_a_remedy(
    text: str, changed: dict[str, Any], declared: str, said: str, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    def apply(recipe: Recipe, finding: Finding | None) -> Recipe:
        return recipe.change(changed)

    remedy = Remedy("bath", apply, declared, page(text))
    monkeypatch.setattr(_remedy._REMEDIES, "leaves", {**_remedy.remedies(), "bath": remedy})
    _holds(check_remedy, "bath", said)


def _reads(layer: Layer) -> torch.Tensor:
    return layer.output.mean()


def _writes(layer: Layer) -> float:
    layer.output.mul_(2)
    return 0.0


def _draws(layer: Layer) -> torch.Tensor:
    return torch.rand(())


def _answers_a_map(layer: Layer) -> torch.Tensor:
    return layer.output


@pytest.mark.parametrize(
    ("text", "measure", "unit", "said"),
    [
        (PROBE_PAGE, _reads, "degrees", ""),
        (PROBE_PAGE, _writes, "degrees", "heat: it changes the output"),
        (PROBE_PAGE, _draws, "degrees", "heat: it draws random numbers"),
        (PROBE_PAGE, _answers_a_map, "degrees", "neither a number nor a 0-dim tensor"),
        (PROBE_PAGE, _reads, "", "heat: it has no unit"),
        (PROBE_PAGE.replace("It matters", "It is"), _reads, "degrees", "heat: its page does not say why"),
    ],
)
def test_a_probe(
    text: str, measure: Callable[[Layer], Any], unit: str, said: str, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = Probe("heat", measure, "forward", 10, Observed(unit=unit), page(text))
    monkeypatch.setattr(_probe._PROBES, "leaves", {**_probe.all_probes(), "heat": probe})
    _holds(check_probe, "heat", said)


@pytest.mark.parametrize("check", [check_rule, check_remedy, check_probe])
def test_an_unknown_name_is_told(check: Callable[[str], None]) -> None:
    with pytest.raises(AssertionError, match=r"There is no (rule|remedy|probe) 'nothing'; there are "):
        check("nothing")


def _holds(check: Callable[[str], None], name: str, said: str) -> None:
    """The check passes where nothing is said, and else fails with that sentence."""
    if not said:
        check(name)
        return
    with pytest.raises(AssertionError) as caught:
        check(name)
    sentence = str(caught.value).splitlines()[0]
    assert said in sentence
    assert sentence.endswith(".")
