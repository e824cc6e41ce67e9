"""divergence: not finite, blown up, or forgotten; and the step at which it began."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
from netvet.trace import Observation, Trace

RULE = "divergence"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_names_the_first_step_that_is_not_finite(bad: float) -> None:
    sick = altered(healthy_trace(), {"loss": lambda old: np.where(np.arange(len(old)) < 47, old, bad)})
    found = assert_fires(RULE, sick)
    assert "step 47" in found.message
    assert found.confidence == 1


def test_fires_when_it_ends_far_above_guessing() -> None:
    sick = altered(healthy_trace(), {"loss": lambda old: np.where(np.arange(len(old)) < 100, old, 40.0)})
    assert "step 100" in assert_fires(RULE, sick).message


def test_fires_when_all_that_was_learnt_is_lost() -> None:
    sick = altered(healthy_trace(), {"loss": lambda old: np.where(np.arange(len(old)) < 150, old, 2.08)})
    assert_fires(RULE, sick)


def test_silent_on_a_spike_that_passes() -> None:
    spike = altered(healthy_trace(), {"loss": lambda old: np.where(np.abs(np.arange(len(old)) - 100) < 5, 50.0, old)})
    assert_silent(RULE, spike)


def test_silent_on_a_high_start_and_on_a_plateau() -> None:
    assert_silent(RULE, altered(healthy_trace(), {"loss": [60.0, 8.0, 1.5, 0.6, 0.4]}))
    assert_silent(RULE, altered(healthy_trace(), {"loss": [2.08, 2.05, 2.06]}))
    assert_silent(RULE, healthy_trace())


@pytest.mark.parametrize(
    ("tensor", "said"), [("weight", "before step 40"), ("activation", "output"), ("gradient", "gradient")]
)
def test_names_the_layer_and_the_tensor_that_broke_first(tensor: str, said: str) -> None:
    sick = altered(healthy_trace(), {"loss": lambda old: np.where(np.arange(len(old)) < 41, old, np.nan)})
    rows = [*sick.observations(), Observation(41, "nonfinite", 1.0, "head weight")]
    rows += [Observation(40, "nonfinite", 1.0, f"features.2.conv {tensor}")]
    found = assert_fires(RULE, Trace(rows, recipe=sick.recipe, meta=sick.meta), where="features.2.conv")
    assert said in found.message
    assert "step 41" in found.message
    assert "step 40" in found.message


def test_a_run_whose_very_last_batch_happens_to_be_low_diverges_all_the_same() -> None:
    def curve(old: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(
            np.arange(len(old)) < len(old) // 2, 0.5, np.where(np.arange(len(old)) < len(old) - 1, 9.0, 0.5)
        )

    assert_fires("divergence", altered(healthy_trace(), {"loss": curve}))
