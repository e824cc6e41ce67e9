"""Real trainings: healthy recipes are called healthy, and every planted fault is named as the root cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from netvet.faults import REEF, Fault, faults, plant
from netvet.recipe import Recipe
from netvet.rules import Diagnosis, diagnose, rules
from netvet.trace import Trace
from tests.extras import needs_transfer
from tests.trained import shifted

pytestmark = [pytest.mark.slow, pytest.mark.trained]
NEEDS_WEIGHTS = "class-forms"  # an exam that says nothing without ImageNet weights

FEW = {
    "data.source": "reef:species=6,n=60,difficulty=0.6",
    "data.val": 0.3,
    "data.test": 0.1,
    "batch_size": 16,
    "stop.epochs": 24,
}
HEALTHY = {
    "batch norm, SGD": REEF,
    "few images": REEF.change(FEW),
    "no norm, Adam": REEF.change({"model.norm_after": "none", "optimizer.name": "adam", "optimizer.lr": 0.002}),
    "group norm, another seed": REEF.change({"model.norm": "group", "seed": 1}),
}


def _diagnosed(recipe: Recipe, out: Path, *, examined: bool = False) -> Diagnosis:
    """`examined`: with the exams that the diagnosis orders, as a checkup takes them."""
    from netvet.pipeline import examine
    from netvet.training import train

    train(recipe, out=out)
    return examine(out) if examined else diagnose(Trace.open(out))


def _told(diagnosis: Diagnosis) -> str:
    return "; ".join(f"{f.rule} ({f.confidence:.2f}): {f.message}" for f in diagnosis.findings)


@pytest.mark.parametrize("recipe", HEALTHY.values(), ids=HEALTHY)
def test_a_healthy_recipe_is_healthy(recipe: Recipe, tmp_path: Path) -> None:
    diagnosis = _diagnosed(shifted(recipe), tmp_path, examined=True)
    assert diagnosis.verdict == "healthy", _told(diagnosis)
    assert diagnosis.findings == (), _told(diagnosis)


@pytest.mark.parametrize("fault", faults().values(), ids=faults())
def test_a_planted_fault_is_the_root_cause(fault: Fault, tmp_path: Path) -> None:
    if NEEDS_WEIGHTS in rules()[fault.rule].exams:
        needs_transfer()
    asks = rules()[fault.rule].family == "classes" and bool(rules()[fault.rule].exams)  # it has no answer without
    diagnosis = _diagnosed(plant(fault.name, shifted(fault.on)), tmp_path, examined=asks)
    assert diagnosis.verdict == "sick", _told(diagnosis)
    assert diagnosis.root is not None
    assert diagnosis.root.rule == fault.rule, _told(diagnosis)
    if not rules()[fault.rule].invalidates:
        assert set(diagnosis.root.explains) & {symptom.rule for symptom in diagnosis.symptoms}


@pytest.mark.parametrize("rule", ["learning-rate-too-low", "learning-rate-too-high", "vanishing-gradient"])
def test_the_range_test_leaves_the_root_cause_and_never_names_the_other(rule: str, tmp_path: Path) -> None:
    from netvet.exams import ExamContext, run_exam
    from netvet.trace import TraceWriter
    from netvet.training.loop import load_images

    recipe = plant(rule, shifted(next(fault.on for fault in faults().values() if fault.rule == rule)))
    before = _diagnosed(recipe, tmp_path)
    assert "lr-range" in before.exams
    with TraceWriter(tmp_path) as record:
        run_exam("lr-range", ExamContext(tmp_path, recipe, load_images(recipe, progress=False), record))
    after = diagnose(Trace.open(tmp_path))
    assert after.root is not None
    assert after.root.rule == rule, _told(after)
    rates = {"learning-rate-too-low", "learning-rate-too-high"}
    assert {f.rule for f in after.findings} & rates <= {rule}
