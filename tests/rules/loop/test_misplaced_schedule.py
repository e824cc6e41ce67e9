from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from netvet.testing import Curve, altered, assert_fires, assert_silent, healthy_trace
from netvet.trace import Trace

Rates = Callable[[NDArray[np.float64]], NDArray[np.float64]]
STEPS, EPOCHS = 15, 20


def loop(rate: Rates, **changes: Curve) -> Trace:
    """20 epochs of 15 steps; `rate`: of the step, an array."""
    named = {name.replace("__", "@"): value for name, value in changes.items()}
    rates: Curve = lambda old: rate(np.arange(len(old), dtype=np.float64))  # noqa: E731
    return altered(healthy_trace(recipe=None), {"learning_rate": rates, **named})


def cosine(span: float) -> Rates:
    return lambda step: np.asarray(0.05 * (1 + np.cos(np.pi * step / span)) / 2)


def epochs(of_epoch: Callable[[Any], Any]) -> Rates:
    return lambda step: of_epoch(step // STEPS)


@pytest.mark.parametrize(
    "rate",
    [
        lambda step: 0.1 * 0.95**step,
        lambda step: 0.1 * 0.1 ** (step // 10),
        lambda step: np.where(step < 20, 0.1, np.where(step < 40, 0.01, 0.0001)),
    ],
)  # fmt: skip
def test_a_schedule_of_epochs_that_is_stepped_every_batch_is_found(rate: Rates) -> None:
    found = assert_fires("misplaced-schedule", loop(rate))
    assert "still to come" in found.message
    assert "once an epoch" in found.fix


def test_a_schedule_whose_step_is_as_long_as_an_epoch_is_found_by_its_own_count() -> None:
    rate = epochs(lambda epoch: 0.1 * 0.1**epoch)
    assert_silent("misplaced-schedule", loop(rate))
    assert_fires("misplaced-schedule", loop(rate, schedule_steps__StepLR=STEPS * EPOCHS))


def test_a_short_cosine_that_is_run_through_over_and_over_is_found() -> None:
    counts: dict[str, Curve] = {"schedule_steps__CosineAnnealingLR": 300, "schedule_span__CosineAnnealingLR": 20}
    assert "stepped 300 times" in assert_fires("misplaced-schedule", loop(cosine(20), **counts)).message
    assert_silent("misplaced-schedule", loop(cosine(20)))  # whose schedule it is is not known: it may be on purpose


def test_a_schedule_of_batches_that_is_stepped_once_an_epoch_is_found() -> None:
    rate = epochs(lambda epoch: 0.002 * (1 + epoch / 10))
    found = assert_fires("misplaced-schedule", loop(rate, planned_rate=0.05, schedule_span__OneCycleLR=300))
    assert "has come to 0.0058" in found.message
    assert "after every optimizer.step()" in found.fix
    assert_fires("misplaced-schedule", loop(rate, planned_rate=0.05))  # a warm-up that is a function
    assert_silent("misplaced-schedule", loop(rate, planned_rate=0.05, schedule_span__OneCycleLR=40))


@pytest.mark.parametrize(
    "rate",
    [
        cosine(STEPS * EPOCHS),
        cosine(30),  # up and down, on purpose
        lambda step: 0.05 * (1 - step / 300) ** 2,
        lambda step: 0.05 * np.minimum(1, step / 50),
        lambda step: step * 0 + 1e-6,
        epochs(lambda epoch: 0.05 * 0.5 ** (epoch // 2)),
        epochs(lambda epoch: 0.05 * (epoch + 1) / EPOCHS),
    ],
)  # fmt: skip
def test_schedules_at_their_own_rhythm_are_left_alone(rate: Rates) -> None:
    assert_silent("misplaced-schedule", loop(rate, planned_rate=0.05))


def test_a_run_of_netvet_s_own_steps_its_own_schedule() -> None:
    trace = altered(healthy_trace(), {"learning_rate": lambda old: np.asarray(0.1 * 0.9 ** np.arange(len(old)))})
    assert_silent("misplaced-schedule", trace)
