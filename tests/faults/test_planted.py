"""Real trainings: healthy recipes are called healthy, and every planted fault is named as the root cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from netvet.recipe import Recipe
from netvet.rule import Diagnosis, diagnose, rules
from netvet.testing import faults, plant
from netvet.trace import Trace

pytestmark = pytest.mark.slow

SMALL = {"data.image_size": 32, "model.width": 16, "precision": "float32"}
REEF = Recipe().change({**SMALL, "data.source": "reef:species=8,n=60", "batch_size": 32, "stop.epochs": 14})
FEW = Recipe().change(
    {
        **SMALL,
        "data.source": "reef:species=6,n=40",
        "data.val": 0.4,
        "data.test": 0.1,
        "batch_size": 16,
        "stop.epochs": 24,
    }
)
FISH_IN_VIDEOS = REEF.change({"data.source": "reef:species=6,n=60,groups=6", "stop.epochs": 4})
UNEQUAL = REEF.change({"data.source": "reef:species=6,n=300", "stop.epochs": 8})
BASES = {
    "learning-rate-too-low": REEF,
    "learning-rate-too-high": REEF,
    "vanishing-gradient": REEF.change({"stop.epochs": 6}),
    "dead-relu": REEF,
    "weak-regularisation": FEW,
    "over-capacity": FEW,
    "late-stopping": FEW,
    "class-imbalance": UNEQUAL,
    "split-leakage": FISH_IN_VIDEOS,
}


def _diagnosed(recipe: Recipe, out: Path) -> Diagnosis:
    from netvet.training import train

    train(recipe, out=out)
    return diagnose(Trace.open(out))


def _told(diagnosis: Diagnosis) -> str:
    return "; ".join(f"{f.rule} ({f.confidence:.2f}): {f.message}" for f in diagnosis.findings)


HEALTHY = {
    "batch norm, SGD": REEF,
    "batch norm, few images": FEW,
    "no norm, Adam": REEF.change({"model.norm_after": "none", "optimizer.name": "adam", "optimizer.lr": 0.002}),
    "group norm, another seed": REEF.change({"model.norm": "group", "seed": 1}),
}


@pytest.mark.parametrize("recipe", HEALTHY.values(), ids=HEALTHY)
def test_a_healthy_recipe_is_healthy(recipe: Recipe, tmp_path: Path) -> None:
    diagnosis = _diagnosed(recipe, tmp_path)
    assert diagnosis.verdict == "healthy", _told(diagnosis)
    assert diagnosis.findings == (), _told(diagnosis)


def test_every_fault_is_planted() -> None:
    assert set(BASES) == set(faults()) == {rule.name for rule in rules().values() if rule.kind == "cause"}


@pytest.mark.parametrize("rule", BASES)
def test_a_planted_fault_is_the_root_cause(rule: str, tmp_path: Path) -> None:
    diagnosis = _diagnosed(plant(rule, BASES[rule]), tmp_path)
    assert diagnosis.verdict == "sick"
    assert diagnosis.root is not None
    assert diagnosis.root.rule == rule, _told(diagnosis)
    if not rules()[rule].invalidates:
        assert set(diagnosis.root.explains) & {symptom.rule for symptom in diagnosis.symptoms}


@pytest.mark.parametrize("rule", ["learning-rate-too-low", "learning-rate-too-high", "vanishing-gradient"])
def test_the_range_test_leaves_the_root_cause_and_never_names_the_other(rule: str, tmp_path: Path) -> None:
    from netvet.exam import Patient, take
    from netvet.trace import TraceWriter
    from netvet.training.loop import load_images

    recipe = plant(rule, BASES[rule])
    before = _diagnosed(recipe, tmp_path)
    assert before.exams == ("lr-range",)
    with TraceWriter(tmp_path) as record:
        take("lr-range", Patient(tmp_path, recipe, load_images(recipe, progress=False), record))
    after = diagnose(Trace.open(tmp_path))
    assert after.root is not None
    assert after.root.rule == rule, _told(after)
    rates = {"learning-rate-too-low", "learning-rate-too-high"}
    assert {f.rule for f in after.findings} & rates <= {rule}
