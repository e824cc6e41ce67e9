"""dead-relu: the share of dead units, for how long, and since when."""

from __future__ import annotations

import numpy as np

from netvet.rules import diagnose
from netvet.testing import Curve, altered, assert_fires, assert_rules_out, assert_silent, findings, healthy_trace
from tests.rules.signal._traces import examined, fading, signal_trace

RULE = "dead-relu"


def test_fires_on_a_layer_that_stays_dead() -> None:
    found = assert_fires(RULE, altered(healthy_trace(), {"dead_fraction@features.4.act": 0.81}), where="features.4.act")
    assert "81%" in found.message
    assert "first step" in found.message


def test_says_since_when() -> None:
    killed = altered(
        healthy_trace(), {"dead_fraction@features.4.act": lambda old: (old * 0 + 0.9) * (old.cumsum() > 0.3)}
    )
    steps = killed.series("dead_fraction", "features.4.act")
    first = int(steps.steps[steps.values > 0.5][0])
    assert first > 0
    message = assert_fires(RULE, killed).message
    assert f"(above 50% since step {first}, at a learning rate of 0.0" in message


def test_names_the_worst_layer_and_counts_the_others() -> None:
    sick = altered(healthy_trace(), {"dead_fraction@*": 0.7, "dead_fraction@features.2.act": 0.95})
    (found,) = findings(RULE, sick)
    assert found.where == "features.2.act"
    assert "5 more layers" in found.message


def test_silent_on_one_high_value_and_below_the_limit() -> None:
    spike = lambda old: old + 0.9 * (abs(range(len(old)) - old * 0 - 12) < 1)  # noqa: E731
    assert_silent(RULE, altered(healthy_trace(), {"dead_fraction@features.4.act": spike}))
    assert_silent(RULE, altered(healthy_trace(), {"dead_fraction@*": 0.4}))


def test_rules_itself_out_where_units_live() -> None:
    assert_rules_out(RULE, healthy_trace())
    assert_silent(RULE, healthy_trace())


def test_the_exam_tells_of_biases() -> None:
    dead = altered(healthy_trace(), {"dead_fraction@features.4.act": 0.9})
    assert "biases" not in assert_fires(RULE, examined(dead, {"own": False, "he": True})).message
    assert "biases of 0" in assert_fires(RULE, examined(dead, {"own": False, "unbiased": True, "norm": True})).message


def test_weights_that_are_too_large_explain_it() -> None:
    wild = lambda old: np.where(np.arange(len(old)) < 3, 280.0, old)  # noqa: E731
    still = {"train_loss": 2.08, "train_accuracy": 0.125, "val_accuracy": 0.125}
    large: dict[str, Curve] = {**still, "loss": wild, "dead_fraction@features.4.act": [0.0, 0.9, 0.9, 0.9]}
    found = diagnose(altered(fading(signal_trace(5), 3.5, 4.24), large))
    assert found.root is not None
    assert found.root.rule == "bad-initialisation"
    assert "dead-relu" in found.root.explains
