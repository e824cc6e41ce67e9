"""saturated-activation: full layers at birth or since when, gates and answers left alone."""

from __future__ import annotations

import pytest

from netvet.rules import diagnose
from netvet.testing import altered, assert_fires, assert_rules_out, assert_silent, healthy_trace
from netvet.trace import Observation, Trace
from tests.rules.signal._traces import examined, signal_trace

RULE = "saturated-activation"
FULL = {"saturated_fraction@features.3.act": 0.9, "saturated_fraction@features.4.act": 0.7}


def test_full_from_the_first_step() -> None:
    found = assert_fires(RULE, altered(signal_trace(bounded=True), FULL), where="features.3.act")
    assert "first step" in found.message
    assert "1 more layer" in found.message


def test_full_since_a_step_at_lower_confidence() -> None:
    found = assert_fires(RULE, altered(signal_trace(bounded=True), {"saturated_fraction@features.3.act": [0.1, 0.9]}))
    assert "since step" in found.message
    assert found.confidence < 0.7


def test_the_exam_says_what_mends_it() -> None:
    sick = altered(signal_trace(bounded=True), FULL)
    assert "biases of 0" in assert_fires(RULE, examined(sick, {"own": False, "unbiased": True})).message
    assert "He initialisation" in assert_fires(RULE, examined(sick, {"own": False, "he": True})).message


def test_a_spike_is_no_illness() -> None:
    spike = lambda old: old + 0.8 * (abs(range(len(old)) - old * 0 - 9) < 1)  # noqa: E731
    assert_silent(RULE, altered(signal_trace(bounded=True), {"saturated_fraction@features.3.act": spike}))
    assert_silent(RULE, altered(signal_trace(bounded=True), {"saturated_fraction@*": 0.4}))


def _with(place: str, before: str) -> Trace:
    """A ReLU net with one full sigmoid at a place, in the forward order before another ("" for the end)."""
    trace = signal_trace()
    order = [(name, where) for name in trace.names() for where in trace.places(name)]
    rows = []
    for name, where in order:
        if name == "activation_std" and where == before:
            rows += [Observation(step, "activation_std", 0.3, place) for step in (0, 10, 20)]
        series = trace.series(name, where)
        rows += [Observation(int(s), name, float(v), where) for s, v in zip(series.steps, series.values, strict=True)]
    if not before:
        rows += [Observation(step, "activation_std", 0.3, place) for step in (0, 10, 20)]
    rows += [Observation(step, "saturated_fraction", 0.95, place) for step in (0, 10, 20)]
    return Trace(rows, recipe=trace.recipe, meta=trace.meta)


@pytest.mark.parametrize("before", ["features.3.conv", ""])
def test_gates_and_answers_may_be_full(before: str) -> None:
    """Squeeze and excitation in a ReLU net; a sigmoid after the head."""
    assert_silent(RULE, _with("gate", before))


def test_rules_itself_out() -> None:
    assert_rules_out(RULE, signal_trace(bounded=True))
    assert_silent(RULE, signal_trace(bounded=True))


def test_a_net_without_bounded_activations_has_nothing_to_assess() -> None:
    assert RULE in diagnose(healthy_trace()).not_assessed  # layers were not looked at
    assert RULE not in diagnose(signal_trace()).not_assessed  # they were, and none is bounded
