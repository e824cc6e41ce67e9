"""loss-plateau: the level of the training loss, and whether it still falls."""

from __future__ import annotations

import pytest

from netvet.testing import altered, assert_fires, assert_silent, healthy_trace

RULE = "loss-plateau"


@pytest.mark.parametrize(
    "curve",
    [
        [2.08, 2.08, 2.07],  # at what guessing costs
        [2.08, 1.95, 1.85, 1.78],  # crawls
        [2.08, 1.5, 1.45, 1.45],  # flat far above 0
        [5.0, 3.0, 2.5, 2.4],  # above guessing
    ],
)
def test_fires_when_it_stays_high(curve: list[float]) -> None:
    found = assert_fires(RULE, altered(healthy_trace(), {"train_loss": curve}))
    assert found.evidence[0].last > (found.limit or 9)


@pytest.mark.parametrize(
    "curve",
    [
        [2.0, 0.9, 0.3, 0.1],
        [2.0, 1.2, 0.85, 0.8, 0.8],  # hard data at its honest ceiling
    ],
)
def test_silent_when_it_comes_down(curve: list[float]) -> None:
    assert_silent(RULE, altered(healthy_trace(), {"train_loss": curve}))


def test_silent_on_a_run_cut_short_while_it_fell_fast() -> None:
    short = healthy_trace(epochs=3)
    assert_silent(RULE, altered(short, {"train_loss": [1.9, 1.5, 1.1], "learning_rate": 0.05}))


def test_a_schedule_that_ends_near_zero_does_not_make_it_look_flat() -> None:
    curve = [1.95, 1.6, 1.3, 1.16, 1.12]  # falls with the learning rate, which is spent by then
    rates = [0.1, 0.1, 0.1, 0.01, 0.0]
    short = healthy_trace(epochs=5)
    assert_silent(RULE, altered(short, {"train_loss": curve, "learning_rate": rates}))
