"""A benchmark that names a cause names one that exists."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.clinic.plan import ROLES
from netvet.rules import rules

SOURCES = sorted((Path(__file__).parents[2] / "benchmarks").rglob("*.py"))


def _texts(node: ast.AST) -> list[str]:
    """The strings of a tuple, list, set, of a dictionary's keys, or of `case "a" | "b"`."""
    each: list[ast.expr | None] = []
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        each = [*node.elts]
    elif isinstance(node, ast.Dict):
        each = [*node.keys]
    elif isinstance(node, ast.MatchOr):
        each = [pattern.value for pattern in node.patterns if isinstance(pattern, ast.MatchValue)]
    elif isinstance(node, ast.Match):
        each = [case.pattern.value for case in node.cases if isinstance(case.pattern, ast.MatchValue)]
    return [text.value for text in each if isinstance(text, ast.Constant) and isinstance(text.value, str)]


def lists_of_causes(source: str) -> Iterator[list[str]]:
    """What is enumerated in a source where at least half of it are names of rules."""
    for node in ast.walk(ast.parse(source)):
        texts = _texts(node)
        if texts and 2 * sum(text in rules() for text in texts) >= len(texts):
            yield texts


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: "/".join(path.parts[-2:]))
def test_every_cause_that_a_benchmark_names_exists(source: Path) -> None:
    named = {name for texts in lists_of_causes(source.read_text(encoding="utf-8")) for name in texts}
    assert sorted(named - set(rules())) == []


def test_a_cause_that_does_not_exist_is_found() -> None:
    match = "match x:\n    case 'split-leakage' | 'two-of-a-kind':\n        pass"
    assert list(lists_of_causes(match)) == [["split-leakage", "two-of-a-kind"]]


def test_every_base_has_the_cause_that_it_is_for() -> None:
    assert set(ROLES) <= set(rules())
