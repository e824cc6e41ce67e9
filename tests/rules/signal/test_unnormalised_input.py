"""unnormalised-input: bytes that are felt, bytes that a norm takes away, and a mean far from 0."""

from __future__ import annotations

import pytest

from netvet.recipe import Recipe
from netvet.testing import altered, assert_fires, assert_rules_out, assert_silent
from netvet.trace import Trace
from tests.rules.signal._traces import examined, signal_trace

RULE = "unnormalised-input"
BYTES = {"input_mean": 100.0, "input_std": 60.0}


def test_bytes_that_are_felt() -> None:
    felt = altered(signal_trace(), {**BYTES, "activation_std@features.0.act": 90.0})
    assert "60" in assert_fires(RULE, felt).message


def test_bytes_that_a_norm_takes_away() -> None:
    assert_silent(RULE, altered(signal_trace(), BYTES))


def test_bytes_before_tanh() -> None:
    full = altered(signal_trace(bounded=True), {**BYTES, "saturated_fraction@features.0.act": 0.99})
    assert_fires(RULE, full)
    assert_silent("saturated-activation", altered(signal_trace(bounded=True), BYTES))


def test_the_exam_decides() -> None:
    felt = altered(signal_trace(), {**BYTES, "activation_std@features.0.act": 90.0})
    mended = examined(felt, {"own": False, "normalised": True, "residual": False, "norm": True})
    assert "standardised" in assert_fires(RULE, mended).message
    assert_silent(RULE, examined(felt, {"own": True, "normalised": True}))
    assert_silent(RULE, examined(felt, {"own": False, "normalised": False, "he": True}))


def test_a_mean_far_from_0() -> None:
    far = {"input_mean": 0.95, "input_std": 0.1}
    bare = signal_trace(recipe=Recipe().change({"model.norm_after": "none"}))
    assert assert_fires(RULE, altered(bare, far)).confidence < 0.7
    assert_silent(RULE, altered(signal_trace(), far))
    assert_silent(RULE, altered(bare, {"input_mean": 0.47, "input_std": 0.25}))


def test_says_so_where_the_input_is_sane() -> None:
    assert_rules_out(RULE, signal_trace())
    assert_silent(RULE, signal_trace())


def test_bytes_where_activations_are_plain_functions() -> None:
    own = signal_trace()
    weighing = own.places("grad_rms")
    rows = [row for row in own.observations() if row.name != "activation_std" or row.where in weighing]
    plain = Trace(rows, recipe=own.recipe, meta=own.meta)
    assert_fires(RULE, altered(plain, {**BYTES, f"activation_std@{weighing[0]}": 58.0}))
    assert_silent(RULE, altered(plain, BYTES))


def test_pixels_divided_twice_are_faint_though_biases_spread() -> None:
    """The biases that PyTorch draws spread by up to 0.17 behind a ReLU, whatever the images."""
    faint = {"input_mean": 0.0011, "input_std": 0.0013, "activation_std@features.0.act": 0.15}
    assert "standard deviation of 0.0013" in assert_fires(RULE, altered(signal_trace(), faint)).message


def test_faint_pixels_behind_a_norm_are_not_called_well_scaled() -> None:
    normed = {"input_mean": 0.001, "input_std": 0.0013, "activation_std@features.0.act": 0.58}
    trace = altered(signal_trace(), normed)
    assert_silent(RULE, trace)
    with pytest.raises(AssertionError, match="does not rule its cause out"):
        assert_rules_out(RULE, trace)
