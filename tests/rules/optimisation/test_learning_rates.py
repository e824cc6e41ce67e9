"""learning-rate-too-low and learning-rate-too-high: by the exam, by the trace alone, and never both."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from netvet.recipe import Recipe
from netvet.testing import Curve, altered, assert_fires, assert_rules_out, assert_silent, findings, healthy_trace
from netvet.trace import Trace

Array = NDArray[np.float64]
CAREFUL = Recipe().change({"optimizer.lr": 0.0002})
LOW, HIGH = "learning-rate-too-low", "learning-rate-too-high"
FLAT: dict[str, Curve] = {"loss": 1.9}  # above half of guessing to the end


def _examined(trace: Trace, low: float, best: float, high: float, *, flat: bool = False) -> Trace:
    answer: Mapping[str, Curve] = {"lr_range_low": low, "lr_range_best": best, "lr_range_high": high}
    curve = {"lr_range_loss@seed 0": [2.1, 2.0, 1.5, 1.2, 3.0]}
    return altered(trace, {**({} if flat else answer), **curve, "lr_range_flat": float(flat)})


def test_the_exam_decides() -> None:
    trace = healthy_trace()  # its rate peaks at 0.05
    assert_fires(LOW, _examined(trace, 0.5, 1.0, 3.0))
    assert_fires(HIGH, _examined(trace, 1e-5, 1e-4, 1e-3))
    fine = _examined(trace, 0.005, 0.05, 0.5)
    assert_silent(LOW, fine)
    assert_silent(HIGH, fine)
    assert "not too low" in assert_rules_out(LOW, fine).message


def test_a_rate_below_the_range_is_cleared_by_the_stretches_and_not_by_the_range() -> None:
    rates = {"low": 0.62, "best": 1.2, "high": 3.5}
    alike = assert_rules_out(LOW, _proven(healthy_trace(), 1.01, 1.0, rates)).message
    assert "ends at a loss of 1.01 at its peak (0.05), at 1.00 at 1.2, near the best rate" in alike
    assert "lower the loss" not in alike


def test_a_flat_exam_clears_both() -> None:
    slow = altered(healthy_trace(recipe=CAREFUL), {"update_ratio@*": 1e-5})
    assert_fires(LOW, slow)
    assert_silent(LOW, _examined(slow, 1, 1, 1, flat=True))
    assert_silent(HIGH, _examined(slow, 1, 1, 1, flat=True))


def test_a_flat_exam_does_not_excuse_a_rate_that_wrecked_the_run() -> None:
    """Where no rate helps in the ramps, what the run itself shows still counts: at its rate the net broke."""
    broken = altered(healthy_trace(), {"loss": lambda old: np.where(np.arange(len(old)) < 26, old, np.nan)})
    assert "finite" in assert_fires(HIGH, _examined(broken, 1, 1, 1, flat=True)).message
    killed = altered(healthy_trace(), {**FLAT, "update_ratio@*": 0.05, "dead_fraction@features.2.act": [0.0, 0.9, 1.0]})
    assert_fires(HIGH, _examined(killed, 1, 1, 1, flat=True))
    assert_silent(HIGH, _examined(healthy_trace(), 1, 1, 1, flat=True))


def test_a_sane_first_loss_makes_an_early_leap_the_fault_of_the_rate() -> None:
    first = altered(healthy_trace(), {"loss": lambda old: np.where(np.arange(len(old)) == 1, 642634.0, 2.08)})
    found = assert_fires(HIGH, first)
    assert "step 1," in found.message
    assert found.limit == pytest.approx(3 * np.log(8), rel=0.1)  # the loss that it was held against


def test_a_leap_from_which_the_loss_comes_back_is_not_the_fault_of_the_rate() -> None:
    def leapt(end: Callable[[Array], Array] | float, at: int = 30) -> Trace:
        def curve(old: Array) -> Array:
            after = end(old) if callable(end) else np.full(len(old), end)
            steps = np.arange(len(old))
            return np.where(steps == at, 90.0, np.where(steps < at, old, after))

        return altered(healthy_trace(), {"loss": curve})

    assert_silent(HIGH, leapt(lambda old: old))
    assert_silent(HIGH, leapt(1.6, at=1))  # slow, and below what it was
    assert_fires(HIGH, leapt(1.6, at=250))  # learnt until then, and lost
    assert_fires(HIGH, leapt(2.06))
    assert_fires(HIGH, leapt(np.nan))


def test_the_limit_that_is_shown_is_the_one_that_was_used() -> None:
    killed = altered(healthy_trace(), {**FLAT, "update_ratio@*": 0.05, "dead_fraction@features.2.act": [0.0, 0.9, 1.0]})
    assert assert_fires(HIGH, killed).limit == pytest.approx(0.1 / 3)
    assert assert_fires(HIGH, _examined(healthy_trace(), 1e-5, 1e-4, 1e-3)).limit == pytest.approx(2e-3)
    assert assert_fires(LOW, _examined(healthy_trace(), 0.5, 1.0, 3.0)).limit == pytest.approx(0.25)
    stalled = altered(healthy_trace(), {"train_loss": [2.08, 2.0, 1.99]})
    inside = {"low": 0.01, "best": 0.3, "high": 1.0}
    assert assert_fires(LOW, _proven(stalled, 1.9, 1.4, inside)).limit == pytest.approx(0.1)


def _proven(trace: Trace, own: float, reached: float, rates: Mapping[str, float]) -> Trace:
    known = {f"lr_range_{name}": value for name, value in rates.items()}
    stretches = {"lr_range_stretch@own": own, "lr_range_stretch@best": reached, "lr_range_guess": 2.08}
    changes: dict[str, Curve] = {**known, **stretches, "lr_range_flat": 0.0, "lr_range_loss@seed 0": [2.1, 1.2, 3.0]}
    return altered(trace, changes)


def test_a_stretch_at_the_best_rate_proves_it_or_clears_it() -> None:
    trace = altered(healthy_trace(), {"train_loss": [2.08, 2.0, 1.99]})  # its rate peaks at 0.05
    low, high = {"low": 0.2, "best": 0.5, "high": 1.0}, {"low": 1e-4, "best": 1e-3, "high": 4e-3}
    assert "1.40" in assert_fires(LOW, _proven(trace, 2.05, 1.4, low)).message
    assert "at none that is finite" in assert_fires(HIGH, _proven(trace, np.inf, 1.4, high)).message
    for rates in (low, high):
        alike = _proven(trace, 1.45, 1.4, rates)
        assert_silent(LOW, alike)
        assert_silent(HIGH, alike)


def test_inside_the_range_it_counts_only_where_the_stretch_came_further_than_the_run() -> None:
    rates = {"low": 0.01, "best": 0.3, "high": 1.0}
    stalled = altered(healthy_trace(), {"train_loss": [2.08, 2.0, 1.99]})
    assert_fires(LOW, _proven(stalled, 1.9, 1.4, rates))
    assert_silent(LOW, _proven(healthy_trace(), 1.9, 1.4, rates))


def test_a_run_that_came_further_than_the_stretch_is_not_ailed_by_its_rate() -> None:
    """As with a dropout of 0.9: 40 steps at the run's own rate look bad, and so do those at the best."""
    run = altered(healthy_trace(), {"train_loss": [2.08, 1.75, 1.72]})
    assert_silent(HIGH, _proven(run, 2.45, 1.96, {"low": 0.005, "best": 0.01, "high": 0.02}))
    assert_silent(LOW, _proven(run, 2.45, 1.96, {"low": 0.2, "best": 0.5, "high": 1.0}))


def test_large_first_weights_come_before_the_rate() -> None:
    rates = {"low": 1e-4, "best": 1e-3, "high": 4e-3}
    trace = altered(healthy_trace(), {"train_loss": 2.08})
    loud = altered(trace, {"loss": lambda old: np.where(np.arange(len(old)) < 3, 60.0, old)})
    assert assert_fires(HIGH, _proven(loud, np.inf, 1.4, rates)).confidence < 0.65
    assert assert_fires(HIGH, _proven(trace, np.inf, 1.4, rates)).confidence > 0.9


def test_low_by_the_trace_alone() -> None:
    slow = altered(healthy_trace(recipe=CAREFUL), {"update_ratio@*": 2e-5})
    assert assert_fires(LOW, slow).confidence < 0.8
    assert_silent(LOW, altered(slow, {"dead_fraction@*": 1.0}))  # nothing to learn from
    assert_silent(LOW, altered(slow, {"grad_rms@features.0.conv": 1e-9, "grad_rms@features.1.conv": 1e-9}))
    assert_silent(LOW, altered(healthy_trace(), {"update_ratio@features.0.conv": 2e-5}))  # one layer of several


def test_weights_that_only_decay_say_nothing_of_the_learning_rate() -> None:
    """At a rate of 0.05, decay of 5e-4 and momentum of 0.9 every weight shrinks by 2.5e-4 a step, gradient or none."""
    assert_silent(LOW, altered(healthy_trace(), {"update_ratio@*": 2.5e-4}))


def test_high_by_the_trace_alone() -> None:
    assert_fires(HIGH, altered(healthy_trace(), {**FLAT, "update_ratio@*": 0.4}))
    assert_silent(HIGH, altered(healthy_trace(), {"update_ratio@*": 0.4}))  # the loss came down all the same
    spiked = altered(healthy_trace(), {"loss": lambda old: np.where(np.arange(len(old)) == 60, 90.0, 2.07)})
    assert "90" in assert_fires(HIGH, spiked).message
    assert_fires(HIGH, altered(healthy_trace(), {"loss": lambda old: np.where(np.arange(len(old)) < 60, old, np.nan)}))
    early = altered(healthy_trace(), {"loss": lambda old: np.where(np.arange(len(old)) < 3, 90.0, old)})
    assert_silent(HIGH, early)


@pytest.mark.parametrize("seed", range(3))
def test_silent_on_healthy_runs(seed: int) -> None:
    assert_silent(LOW, healthy_trace(seed=seed))
    assert_silent(HIGH, healthy_trace(seed=seed))


@given(
    ratio=st.floats(1e-8, 10),
    spike=st.floats(0.1, 1e6),
    dead=st.floats(0, 1),
    exam=st.none() | st.tuples(*[st.floats(1e-7, 10)] * 3),
)
def test_never_both(ratio: float, spike: float, dead: float, exam: tuple[float, float, float] | None) -> None:
    trace = altered(
        healthy_trace(epochs=4, classes=3, layers=2),
        {
            "update_ratio@*": ratio,
            "dead_fraction@*": dead,
            "loss": lambda old: np.where(np.arange(len(old)) == 30, spike, old),
        },
    )
    if exam is not None:
        low, best, high = sorted(exam)
        trace = _examined(trace, low, best, high)
    assert not (findings(LOW, trace) and findings(HIGH, trace))
