"""Loops with a fault, one a file in `loops`: the rule of that name comes first, and is gone from the mended twin.

Each file has `train(out, *, fault)`, which trains a tiny network in a few seconds on one thread and diagnoses it.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from netvet.rules import Diagnosis

pytestmark = pytest.mark.slow

LOOPS = sorted(path.stem for path in (Path(__file__).parent / "loops").glob("[a-z]*.py"))


def _told(diagnosis: Diagnosis) -> str:
    return "; ".join(f"{f.rule} ({f.severity}): {f.message}" for f in diagnosis.findings)


@pytest.mark.filterwarnings("ignore:No forward pass was seen:RuntimeWarning", "ignore:Detected call of:UserWarning")
@pytest.mark.parametrize("name", LOOPS)
def test_a_planted_loop_is_named_first_and_its_twin_is_not(name: str, tmp_path: Path) -> None:
    loop, rule = importlib.import_module(f"tests.faults.loops.{name}"), name.replace("_", "-")
    sick = loop.train(tmp_path / "sick", fault=True)
    assert sick.root is not None, _told(sick)
    assert sick.root.rule == rule, _told(sick)
    assert sick.root.fix
    mended = loop.train(tmp_path / "mended", fault=False)
    assert mended.verdict != "sick", _told(mended)
    assert rule not in {f.rule for f in mended.findings}, _told(mended)
