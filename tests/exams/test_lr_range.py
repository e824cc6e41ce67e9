"""The range test reads curves whose answer is known, and is taken for real on a rendered reef."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from netvet.exams.lr_range import DECADES, STEPS, read
from netvet.recipe import Recipe
from netvet.trace import Trace
from tests.trained import shifted

RATES = 10.0 * 10.0 ** np.linspace(-DECADES, 0, STEPS)


def curve(fall: float, rise: float, noise: float, seed: int, depth: float = 0.5) -> NDArray[np.float64]:
    """A loss that falls around the learning rate `fall` and rises around `rise`."""
    x = np.log10(RATES)
    clean = 2.3 * (1 - depth / (1 + np.exp(-4 * (x - np.log10(fall))))) + 9 / (
        1 + np.exp(-6 * (x - np.log10(rise) - 0.7))
    )
    noisy: NDArray[np.float64] = clean + np.random.default_rng(seed).normal(0, noise, len(x))
    return noisy


@given(fall=st.floats(-3.3, -1.5), gap=st.floats(1.2, 2.0), noise=st.floats(0, 0.1), seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_the_answer_is_near_the_truth(fall: float, gap: float, noise: float, seed: int) -> None:
    answer = read(RATES, curve(10**fall, 10 ** (fall + gap), noise, seed))
    assert answer is not None
    low, best, high = answer
    assert low <= best <= high
    assert abs(np.log10(best) - fall) < 0.9
    assert 10**fall < high < 10 ** (fall + gap + 0.9)


@pytest.mark.parametrize("noise", [0.01, 0.1, 0.3])
def test_a_flat_curve_hardly_ever_has_an_answer(noise: float) -> None:
    """One curve in 70 (measured on 3,000); the exam takes the majority of three."""
    curves = (np.random.default_rng(seed).normal(2.3, noise, STEPS) for seed in range(500))
    assert sum(read(RATES, curve) is not None for curve in curves) <= 0.03 * 500


def test_a_curve_that_explodes_at_once_has_no_answer() -> None:
    assert read(RATES, np.array([2.3, 2.4, 9.0])) is None


@pytest.mark.slow
@pytest.mark.trained
def test_taken_for_real(tmp_path: Path) -> None:
    from netvet.pipeline import run_exam_on
    from netvet.training import train

    recipe = Recipe().change(
        {
            "data.source": "reef:species=4,n=60",
            "data.image_size": 24,
            "model.depth": 3,
            "model.width": 12,
            "stop.epochs": 1,
        }
    )
    train(shifted(recipe), out=tmp_path / "run")
    before = (tmp_path / "run" / "last.pt").read_bytes()
    sentence = run_exam_on("lr-range", tmp_path / "run")
    trace = Trace.open(tmp_path / "run")
    low, best, high = (trace.last(f"lr_range_{name}") for name in ("low", "best", "high"))
    assert 1e-5 < low <= best <= high <= 10
    assert trace.meta["exams"]["lr-range"] == sentence
    assert (tmp_path / "run" / "last.pt").read_bytes() == before
    run_exam_on("lr-range", tmp_path / "run")
    assert len(Trace.open(tmp_path / "run").series("lr_range_best")) == 1
