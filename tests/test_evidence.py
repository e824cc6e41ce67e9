"""The notes in docs/evidence: each belongs to a page, a page that names one has it, and its limits are the code's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netvet.exams import exams
from netvet.remedies import remedies
from netvet.rules import rules
from netvet.watching import all_probes

NOTES = Path(__file__).parent.parent / "docs" / "evidence"
LEAVES = {**rules(), **exams(), **all_probes(), **remedies()}
NAMED = {name: re.findall(r"docs/evidence/([\w-]+)\.md", leaf.page) for name, leaf in LEAVES.items()}
there = sorted(path.stem for path in NOTES.glob("*.md"))


@pytest.mark.parametrize("name", [name for name, named in NAMED.items() if named])
def test_the_note_that_a_page_names_is_its_own_and_is_there(name: str) -> None:
    assert NAMED[name] == [name]
    assert name in there


@pytest.mark.parametrize("note", there)
def test_a_note_belongs_to_a_page(note: str) -> None:
    assert NAMED.get(note) == [note]


@pytest.mark.parametrize("note", [note for note in there if note in rules()])
def test_a_note_gives_the_limits_that_the_rule_has(note: str) -> None:
    """Every `name` with a number after it in the opening paragraph is a default of `check`."""
    opening = (NOTES / f"{note}.md").read_text(encoding="utf-8").split("\n\n")[1]
    limits = rules()[note].check.__kwdefaults__ or {}
    given = {name: float(value) for name, value in re.findall(r"`(\w+)` (\d+(?:\.\d+)?)", " ".join(opening.split()))}
    assert given or not limits
    assert given == {name: limits[name] for name in given}
