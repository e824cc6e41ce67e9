"""Causes that come near their limits: suspected where none is sure, at most two, and never an illness."""

from __future__ import annotations

import pytest

from netvet.recipe import Recipe
from netvet.remedies import prescribe
from netvet.rules import diagnose, diagnosis_text
from netvet.rules._diagnosis import SUSPECTS
from netvet.testing import Curve, altered, assert_fires, assert_suspects
from netvet.trace import Trace
from tests.rules.classes._traces import WORST, sick

NEAR: dict[str, dict[str, Curve]] = {
    "low-quality-images": {f"quality_dark@{WORST}": 0.7, f"quality_surely@{WORST}": 0.5},
    "harmful-augmentation": {f"recall_plain@{WORST}": 0.2, f"recall_augmented@{WORST}": 0.7},
    "label-noise": {
        f"label_error_share@{WORST}": 0.12,
        f"label_error_together@{WORST}": 0.4,
        f"image_rest_auc@{WORST}": 0.8,
    },
    "look-alike-classes": {
        f"image_pair_auc@{WORST}": 0.6,
        f"probe_pair_auc@{WORST}": 0.87,
        f"image_rest_auc@{WORST}": 0.95,
    },
    "weak-features": {f"probe_auc@{WORST}": 0.74, f"probe_recall@{WORST}": 0.3},
    "scattered-class": {
        f"form_distance@{WORST}": 1.25,
        f"form_usual@{WORST}": 1.0,
        f"form_chance@{WORST}": 0.04,
        f"form_count@{WORST}": 3.0,
    },
    "class-imbalance": {f"class_images@{WORST}": 30.0},
}
HEAD: dict[str, Curve] = {f"probe_recall@{WORST}": 0.3}  # the last layer is not to blame


def near(*names: str) -> Trace:
    changes: dict[str, Curve] = dict(HEAD)
    for name in names:
        changes |= NEAR[name]
    return sick(changes, taken=0.9 if "look-alike-classes" in names else 0.4)


@pytest.mark.parametrize("name", sorted(NEAR))
def test_every_cause_of_a_stuck_class_can_be_suspected(name: str) -> None:
    found = assert_suspects(name, near(name))
    assert found.where == WORST
    assert found.confidence < 0.5
    diagnosis = diagnose(near(name))
    assert diagnosis.verdict == "undecided"
    assert diagnosis.root is None
    assert [f.rule for f in diagnosis.suspects] == [name]
    assert diagnosis.notes == ()
    assert f"Closest candidates: {name}." in " ".join(str(diagnosis).split())
    assert "Suspected, not proven" in diagnosis_text(diagnosis)
    (told,) = [f for f in diagnosis.to_json()["findings"] if f.get("suspected")]
    assert (told["rule"], told["severity"]) == (name, "note")


def test_no_more_than_two_are_told_the_surer_first() -> None:
    diagnosis = diagnose(near("low-quality-images", "harmful-augmentation", "label-noise", "class-imbalance"))
    told = diagnosis.suspects
    assert len(told) == SUSPECTS == 2
    assert [f.rule for f in told] == ["harmful-augmentation", "low-quality-images"]


def test_a_sure_cause_leaves_no_room_for_a_suspicion() -> None:
    sure: dict[str, Curve] = {f"quality_dark@{WORST}": 0.95, f"quality_surely@{WORST}": 0.9}
    trace = altered(near("harmful-augmentation"), sure)
    assert_fires("low-quality-images", trace)
    assert diagnose(trace).suspects == ()


def test_a_suspicion_may_be_put_to_the_proof() -> None:
    trace = near("low-quality-images")
    assert [p.remedy for p in prescribe(Recipe(), diagnose(trace))] == ["feature-channels", "augment"]


def test_no_suspicion_without_a_stuck_class() -> None:
    quiet = sick({**HEAD, **NEAR["low-quality-images"]}, stuck=False)
    assert diagnose(quiet).suspects == ()
