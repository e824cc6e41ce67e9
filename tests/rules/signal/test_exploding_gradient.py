"""exploding-gradient: growth with depth at the first step, spikes in training."""

from __future__ import annotations

import numpy as np

from netvet.testing import altered, assert_fires, assert_rules_out, assert_silent
from netvet.trace import Trace
from tests.rules.signal._traces import examined, fading, signal_trace

RULE = "exploding-gradient"


def _growing(layers: int, factor: float) -> Trace:
    trace = signal_trace(layers)
    grads = {
        f"grad_rms@{layer}": 1e-4 * factor ** (layers - i) for i, layer in enumerate(trace.places("grad_rms")[:-1])
    }
    return altered(trace, grads)


def test_growth_over_fifty_layers() -> None:
    found = assert_fires(RULE, _growing(50, 1.14), where="features.0.conv")
    assert "1.1 per layer on its way back through 50 layers" in found.message
    mended = examined(_growing(50, 1.14), {"own": False, "residual": True}, slope=-0.05)
    assert "With shortcuts" in assert_fires(RULE, mended).message


def test_near_misses() -> None:
    assert_silent(RULE, _growing(30, 1.14))
    assert_silent(RULE, _growing(5, 4.0))  # widths and poolings
    assert_silent(RULE, examined(_growing(40, 1.14), {"own": True, "residual": True}))


def test_weights_that_are_too_large_are_the_root() -> None:
    large = fading(_growing(12, 3.0), 3.0, 4.24)
    assert_silent(RULE, large)
    assert_fires("bad-initialisation", large)


def test_a_spike_in_training_at_low_confidence() -> None:
    spike = lambda old: np.where(np.arange(len(old)) == 20, 500.0, old)  # noqa: E731
    found = assert_fires(RULE, altered(signal_trace(), {"grad_norm@": spike}))
    assert found.confidence <= 0.5
    assert "At step 200" in found.message
    first = lambda old: np.where(np.arange(len(old)) == 0, 500.0, old)  # noqa: E731
    assert_silent(RULE, altered(signal_trace(), {"grad_norm@": first}))


def test_rules_itself_out() -> None:
    assert_rules_out(RULE, signal_trace(12))
    for layers in (3, 6, 12):
        assert_silent(RULE, signal_trace(layers))
