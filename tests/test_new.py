"""scripts/new: what it writes is in order as it stands, and nothing that is there is written over."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
ASKED = [
    ("rule", "fallen-leaf", "signal"),
    ("rule", "fallen-class-of-a-long-name", "classes"),
    ("rule", "fallen-loop", "loop"),
    ("probe", "leaf_size", ""),
    ("exam", "leaf-count", ""),
    ("remedy", "water", ""),
    ("gallery", "class-imbalance", ""),
    ("fault", "fallen-leaf", ""),
]

each_kind = pytest.mark.parametrize(("kind", "name", "family"), ASKED, ids=[" ".join(asked) for asked in ASKED])


def _tool() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("netvet_scripts_new", str(ROOT / "scripts" / "new"))
    spec = importlib.util.spec_from_loader("netvet_scripts_new", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


tool = _tool()


@each_kind
def test_what_is_written_passes_ruff(kind: str, name: str, family: str, tmp_path: Path) -> None:
    made = tool.files(kind, name, family)
    tool.write(made, tmp_path, say=lambda _path: None)
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    paths = [path for path in made if path.endswith(".py")]
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *paths], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@each_kind
def test_each_test_that_is_written_says_what_to_fill_in(kind: str, name: str, family: str) -> None:
    made = tool.files(kind, name, family)
    tests = [text for path, text in made.items() if Path(path).name.startswith("test_")]
    assert len(tests) == (kind != "fault")
    assert all("def test_fill_in()" in text for text in tests)
    assert all("fill in" in text.lower() for text in made.values())


def test_a_rule_comes_with_its_fault_and_its_note() -> None:
    assert list(tool.files("rule", "fallen-leaf", "signal")) == [
        "src/netvet/rules/signal/fallen_leaf.py",
        "tests/rules/signal/test_fallen_leaf.py",
        "src/netvet/faults/fallen_leaf.py",
        "docs/evidence/fallen-leaf.md",
    ]


def test_nothing_is_written_over(tmp_path: Path) -> None:
    made = tool.files("rule", "fallen-leaf", "signal")
    note = tmp_path / "docs" / "evidence" / "fallen-leaf.md"
    note.parent.mkdir(parents=True)
    note.write_text("Mine.", encoding="utf-8")
    with pytest.raises(ValueError, match="is there already"):
        tool.write(made, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [note]


@pytest.mark.parametrize(
    ("kind", "name", "family", "said"),
    [
        ("rule", "FallenLeaf", "signal", "with hyphens"),
        ("probe", "leaf-size", "", "with under_scores"),
        ("rule", "fallen-leaf", "forest", "needs --family"),
        ("gallery", "no-such-rule", "", "no rule 'no-such-rule'"),
        ("gallery", "divergence", "", "weighs no exam"),
    ],
)
def test_what_cannot_be_made_is_refused_in_a_sentence(kind: str, name: str, family: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        tool.files(kind, name, family)
