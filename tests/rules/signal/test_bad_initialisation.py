"""bad-initialisation: units alike, weights of the wrong size, and what only looks so."""

from __future__ import annotations

import numpy as np
import pytest

from netvet.testing import Curve, altered, assert_fires, assert_rules_out, assert_silent
from tests.rules.signal._traces import examined, fading, signal_trace

RULE = "bad-initialisation"


def test_units_that_stay_the_same() -> None:
    same = altered(signal_trace(), {"unit_spread@features.1.conv": 0.0, "unit_spread@features.2.conv": 0.001})
    assert "1 more layer" in assert_fires(RULE, same, where="features.1.conv").message


def test_units_that_part_or_a_head_of_zeros_are_no_illness() -> None:
    assert_silent(RULE, altered(signal_trace(), {"unit_spread@features.1.conv": [0.0, 0.6, 0.9]}))
    assert_silent(RULE, altered(signal_trace(), {"unit_spread@head": 0.0}))


def test_too_small_by_default() -> None:
    """PyTorch's own weights in 16 ReLU layers."""
    found = assert_fires(RULE, fading(signal_trace(16), 0.41, 0.577))
    assert "too small" in found.message
    assert "Over 16 layers the signal is multiplied by 0.41 per layer." in found.message


@pytest.mark.parametrize(
    ("layers", "factor", "gain"), [(5, 0.41, 0.577), (5, 0.7, 1.0), (16, 0.9, 1.41), (50, 1.0, 0.3)]
)
def test_near_misses(layers: int, factor: float, gain: float) -> None:
    """PyTorch's and Glorot's own in a shallow net, a mild slope, and small weights that a norm makes harmless."""
    assert_silent(RULE, fading(signal_trace(layers), factor, gain))


def test_a_signal_that_fades_for_another_reason() -> None:
    """Negative biases: the activations fade, and the weights are He's."""
    assert_silent(RULE, fading(signal_trace(16), 0.41, 1.414))


def test_too_large() -> None:
    wild = lambda old: np.where(np.arange(len(old)) < 3, 280.0, old)  # noqa: E731
    large = altered(fading(signal_trace(5), 3.5, 4.24), {"loss": wild})
    found = assert_fires(RULE, large)
    assert "too large" in found.message
    assert_silent(RULE, fading(signal_trace(3), 1.0, 4.24))  # large weights behind norms


def test_an_input_that_is_too_large_is_the_inputs_fault() -> None:
    wild = lambda old: np.where(np.arange(len(old)) < 3, 280.0, old)  # noqa: E731
    fed: dict[str, Curve] = {"input_std": 60.0, "activation_std@features.0.act": 92.0, "loss": wild}
    assert_silent(RULE, altered(signal_trace(), fed))


def test_the_exam_decides() -> None:
    sick = fading(signal_trace(16), 0.41, 0.577)
    assert (
        "With He initialisation" in assert_fires(RULE, examined(sick, {"own": False, "he": True, "norm": True})).message
    )
    assert_silent(RULE, examined(sick, {"own": False, "he": False, "relu": True}))
    assert_silent(RULE, examined(sick, {"own": False, "normalised": True, "he": True}))
    assert_fires(RULE, examined(signal_trace(), {"own": False, "he": True}))
    healthy = examined(signal_trace(), {"own": True, "he": True}, slope=0.0)
    assert "by 1 per layer" in assert_rules_out(RULE, healthy).message
    assert_silent(RULE, healthy)


def test_without_a_slope_no_number_is_given() -> None:
    shallow = examined(signal_trace(), {"own": True, "he": True}, slope=float("nan"))
    assert assert_rules_out(RULE, shallow).message.endswith("the signal gets through, forward and back.")
    wild = fading(signal_trace(2), 20.0, 30.0)
    assert "nan" not in assert_fires(RULE, altered(wild, {"loss": 90.0})).message


def test_large_weights_before_tanh_are_saturation() -> None:
    full = {f"saturated_fraction@features.{i}.act": 0.65 for i in range(6)}
    large = altered(fading(signal_trace(bounded=True), 1.0, 5.0), full)
    assert_silent(RULE, large)
    assert_silent(RULE, examined(large, {"own": False, "he": True}))


def test_small_weights_before_tanh() -> None:
    assert_fires(RULE, fading(signal_trace(16, bounded=True), 0.5, 0.577))


def test_random_biases_keep_the_activations_up_but_not_the_gradient() -> None:
    """PyTorch's biases are drawn too: only the gradient shows what the weights do."""
    trace = fading(signal_trace(16), 1.0, 0.577)
    grads = {f"grad_rms@{layer}": 1e-2 * 0.41 ** (15 - i) for i, layer in enumerate(trace.places("grad_rms")[:-1])}
    assert_fires(RULE, altered(trace, grads))


def test_silent_on_a_healthy_run() -> None:
    for trace in (signal_trace(), signal_trace(3), signal_trace(bounded=True)):
        assert_silent(RULE, trace)
