"""Real trainings: healthy recipes are called healthy, and every planted fault is named as the root cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from netvet.recipe import NO_AUGMENT, Recipe
from netvet.rule import Diagnosis, diagnose, rules
from netvet.testing import faults, plant
from netvet.trace import Trace

pytestmark = pytest.mark.slow

SMALL = Recipe().change({"data.image_size": 32, "model.width": 16, "batch_size": 32, "precision": "float32"})
REEF = SMALL.change({"data.source": "reef:species=8,n=60", "stop.epochs": 14})
FEW = {"batch_size": 16, "stop.epochs": 24, "data.test": 0.1}
MODEST = SMALL.change({**FEW, "data.source": "reef:species=6,n=60,difficulty=0.6", "data.val": 0.3})
SCARCE = SMALL.change({**FEW, "data.source": "reef:species=6,n=40,difficulty=0.75", "data.val": 0.4})
MISLABELLED = SMALL.change(
    {
        "data.source": "reef:species=6,n=120,noise=0.4,difficulty=0.3",
        "data.val": 0.2,
        "optimizer.lr": 0.02,
        "augment": {**NO_AUGMENT.model_dump(mode="json"), "rotate": 5.0},
        "stop.epochs": 5,
    }
)
BASES = {
    "learning-rate-too-low": REEF,
    "learning-rate-too-high": REEF,
    "vanishing-gradient": REEF.change({"stop.epochs": 6}),
    "dead-relu": REEF,
    "weak-regularisation": MODEST,
    "over-capacity": SCARCE,
    "late-stopping": MISLABELLED,
    "class-imbalance": SMALL.change({"data.source": "reef:species=6,n=400,difficulty=0.8", "stop.epochs": 10}),
    "split-leakage": SMALL.change({"data.source": "reef:species=6,n=60,groups=6", "stop.epochs": 4}),
}
HEALTHY = {
    "batch norm, SGD": REEF,
    "few images": MODEST,
    "no norm, Adam": REEF.change({"model.norm_after": "none", "optimizer.name": "adam", "optimizer.lr": 0.002}),
    "group norm, another seed": REEF.change({"model.norm": "group", "seed": 1}),
}


def _diagnosed(recipe: Recipe, out: Path) -> Diagnosis:
    from netvet.training import train

    train(recipe, out=out)
    return diagnose(Trace.open(out))


def _told(diagnosis: Diagnosis) -> str:
    return "; ".join(f"{f.rule} ({f.confidence:.2f}): {f.message}" for f in diagnosis.findings)


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
