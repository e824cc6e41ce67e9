"""A slip in the loop comes before what may be its doing, whatever either rule says of the other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from netvet.rules import Diagnosis, diagnose
from netvet.testing import Curve, altered, healthy_trace
from netvet.trace import Trace
from tests.rules._traces import FLAT

SLIPS: Mapping[str, Mapping[str, Curve]] = {
    "wrong-mode": {"eval_trained": [0.0, 1.0, 1.0], "mode_layers": 5.0, "train_checked": 0.0},
    "uncleared-gradients": {f"kept_gradient@features.{i}.conv": 1.0 for i in range(6)},
    "unchanged-weights": {
        "step_calls": 300,
        "optimizer_steps": 0,
        "shared_parameters": 1000,
        "model_parameters": 1000,
        "hidden_parameters": 0,
        "gradient_sent": 0.2,
        "gradient_left": 0.1,
        "weight_turn@head": 0.0,
    },
    "unshuffled-batches": {"batch_images": 32, "batch_top_share": 1.0, "batch_classes": 1, "half_overlap": 0.0},
    "invalid-labels": {
        "labels_seen": 960.0,
        "labels_none": 0.0,
        "labels_without_a_one": 120.0,
        "labels_beyond": 0.0,
        "class_images@species 0": 0.0,
    },
}
EFFECTS: Mapping[str, Mapping[str, Curve]] = {
    "learning-rate-too-high": {"loss": lambda old: np.where(np.arange(len(old)) == 60, 900.0, 2.07)},
    "dead-relu": {"dead_fraction@features.3.act": 1.0},
    "learning-rate-too-low": {"update_ratio@*": 2e-5},
    "vanishing-gradient": {"grad_rms@features.0.conv": 1e-12, "grad_rms@features.1.conv": 1e-12},
}
STILL: Mapping[str, Curve] = {"weight_distance@features.0.conv": 1e-3, "weight_distance@features.1.conv": 1e-3}


def loop(*parts: Mapping[str, Curve]) -> Trace:
    changes: dict[str, Curve] = {}
    for part in (STILL, *parts):
        changes |= part
    return altered(healthy_trace(recipe=None), changes)


def causes(diagnosis: Diagnosis) -> list[str]:
    return [f.rule for f in diagnosis.findings if f.kind == "cause" and f.severity == "illness"]


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_comes_before_what_may_be_its_doing(slip: str, effect: str) -> None:
    """Alone the other cause is the root; beside a slip it folds under that."""
    assert causes(diagnose(loop(FLAT, EFFECTS[effect])))[0] == effect
    both = diagnose(loop(FLAT, EFFECTS[effect], SLIPS[slip]))
    assert causes(both)[0] == slip
    assert both.root is not None
    if effect in causes(both):
        assert effect in both.root.explains


def test_a_slip_that_explains_nothing_that_shows_is_not_first() -> None:
    """The gap has its cause, and squares in place of a cross-entropy leave none."""
    squares: Mapping[str, Curve] = {"batch_cross_entropy": 0.4, "output_low": -3.0, "output_high": 4.0}
    late: Mapping[str, Curve] = {
        "val_accuracy": [0.2, 0.7, 0.82, 0.7, 0.62, 0.6],
        "train_accuracy": [0.2, 0.8, 0.95, 0.98, 0.99, 0.99],
    }
    trace = loop(late, squares)
    trace.meta["loss_form"] = {"name": "squared error", "scale": 1.0, "summed": False}
    found = diagnose(trace)
    assert causes(found) == ["late-stopping"]
    assert "unsuited-loss" in {note.rule for note in found.notes}


def test_what_is_plain_without_a_symptom_does_not_fold() -> None:
    """Images in both splits are there whatever the loop does."""
    leaked: Mapping[str, Curve] = {"leaked_share@val": 0.4, "leaked_by_group@val": 0.4}
    found = diagnose(loop(FLAT, SLIPS["uncleared-gradients"], leaked))
    assert causes(found) == ["uncleared-gradients", "split-leakage"]
    assert found.root is not None
    assert "split-leakage" not in found.root.explains


def test_a_slip_explains_a_net_that_learns_less_than_a_linear_classifier() -> None:
    beaten: Mapping[str, Curve] = {"reference_balanced_accuracy@handmade": 0.99, "reference_images@handmade": 400.0}
    poor = altered(healthy_trace(recipe=None, val_accuracy=0.7, train_accuracy=0.75), beaten)
    assert diagnose(poor).verdict == "undecided"
    assert causes(diagnose(altered(poor, SLIPS["unshuffled-batches"]))) == ["unshuffled-batches"]
