"""vanishing-gradient: the gradient by depth, and whether the early layers move."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from netvet.recipe import Recipe
from netvet.rules import diagnose
from netvet.testing import Curve, altered, assert_fires, assert_rules_out, assert_silent, findings, healthy_trace
from netvet.trace import Trace
from tests.rules.signal._traces import examined

RULE = "vanishing-gradient"
DEEP = [f"features.{i}.conv" for i in range(12)] + ["head"]


def _vanished(per_layer: float = 0.2) -> Mapping[str, Curve]:
    grads = {f"grad_rms@{place}": 1e-2 * per_layer ** (12 - i) for i, place in enumerate(DEEP)}
    still = {f"weight_distance@{place}": 1e-3 if i < 6 else 0.8 for i, place in enumerate(DEEP)}
    return {**grads, **still}


def test_fires_when_it_shrinks_by_layer() -> None:
    found = assert_fires(RULE, altered(healthy_trace(layers=12), _vanished()), where="features.0.conv")
    assert found.evidence[0].last < (found.limit or 0)


def test_adam_moves_early_weights_all_the_same() -> None:
    moved = {**_vanished(), "weight_distance@*": 1.0}
    adam = Recipe().change({"optimizer.name": "adam", "optimizer.lr": 0.001})
    assert_silent(RULE, altered(healthy_trace(layers=12), moved))
    assert_fires(RULE, altered(healthy_trace(layers=12, recipe=adam), moved))


def test_says_so_where_early_layers_learn() -> None:
    assert "Early layers learn" in assert_rules_out(RULE, healthy_trace()).message
    assert_silent(RULE, healthy_trace())


def test_silent_on_a_mild_slope_and_on_a_dead_network() -> None:
    assert_silent(RULE, altered(healthy_trace(layers=12), _vanished(0.7)))
    assert_silent(RULE, altered(healthy_trace(layers=12), {"grad_rms@*": 0.0}))


def test_silent_where_no_layer_moves() -> None:
    """A learning rate that is too low: every layer stands still, and the gradient is fine."""
    assert_silent(RULE, altered(healthy_trace(), {"weight_distance@*": 1e-4}))


def test_says_the_factor_per_layer_and_what_the_exam_found() -> None:
    sick = altered(healthy_trace(layers=12), _vanished())
    assert "0.2 per layer" in assert_fires(RULE, sick).message
    assert "with ReLU" in assert_fires(RULE, examined(sick, {"own": False, "relu": True, "norm": True})).message
    assert "With shortcuts" in assert_fires(RULE, examined(sick, {"own": False, "residual": True})).message


def test_two_layers_before_the_head_have_a_factor_too() -> None:
    tiny = {"grad_rms@features.0.conv": 1e-8, "grad_rms@features.1.conv": 1e-4, "grad_rms@head": 1.0}
    still = {"weight_distance@features.0.conv": 1e-3, "weight_distance@features.1.conv": 1.0}
    assert "0.0001 per layer" in assert_fires(RULE, altered(healthy_trace(layers=2), {**tiny, **still})).message


def test_the_head_does_not_count_as_a_late_layer() -> None:
    """Its first weights are so small that it moves by ten times their norm, and its gradient is the largest."""
    head = {"weight_distance@head": 17.0, "grad_rms@head": 0.5}
    assert "Early layers learn" in assert_rules_out(RULE, altered(healthy_trace(), head)).message
    assert_silent(RULE, altered(healthy_trace(), {**head, "grad_rms@head": 50.0}))


def _decayed(early: float) -> Trace:
    """A run in which decay alone moves a weight by this, and half of the layers by no more."""
    base = healthy_trace(layers=12)
    rates = base.series("learning_rate").values.sum()
    decay = -np.log1p(-early) * (1 - 0.9) / rates
    recipe = Recipe().change({"optimizer.weight_decay": float(decay)})
    still: dict[str, Curve] = {f"weight_distance@{place}": early if i < 6 else 0.8 for i, place in enumerate(DEEP)}
    return altered(healthy_trace(layers=12, recipe=recipe), still)


def test_what_weight_decay_moves_is_not_learnt() -> None:
    shrunk = _decayed(0.3)
    assert findings(RULE, altered(shrunk, {k: v for k, v in _vanished().items() if "grad_rms" in k}))
    with pytest.raises(AssertionError, match="does not rule its cause out"):
        assert_rules_out(RULE, shrunk)
    learnt = altered(shrunk, {f"weight_distance@{place}": 0.6 for place in DEEP[:6]})
    assert_rules_out(RULE, learnt)


def test_a_watched_loop_says_how_far_a_layer_turned_and_by_which_optimiser() -> None:
    loop = altered(healthy_trace(layers=12, recipe=None), {**_vanished(), "weight_distance@*": 1.0})
    turned: dict[str, Curve] = {f"weight_turn@{place}": 1e-4 if i < 6 else 0.8 for i, place in enumerate(DEEP)}
    assert_silent(RULE, loop)
    assert_fires(RULE, altered(loop, turned))
    loop.meta["optimizer_class"] = "AdamW"
    assert_fires(RULE, loop)


EXAMINED: dict[str, Curve] = {
    "reinitialised_together_fall@features.0.conv": 0.04,
    "reinitialised_together_fall@features.1.conv": 0.31,
    "early_probe_trained": 0.72,
    "early_probe_initial": 0.44,
}


def test_the_exam_says_what_early_layers_give() -> None:
    told = assert_rules_out(RULE, altered(healthy_trace(), EXAMINED))
    assert "31.0 points lower" in told.message
    assert "72.0%" in told.message
    assert "44.0%" in told.message


def test_a_gap_orders_the_exam_and_is_not_blamed_on_early_layers() -> None:
    gap = healthy_trace(layers=12, train_accuracy=0.98, val_accuracy=0.62)
    assert "early-layers" in diagnose(gap).exams
    found = assert_fires(RULE, altered(gap, {**_vanished(), **EXAMINED}))
    assert "31.0 points lower" in found.message
    assert "generalisation-gap" not in found.explains
