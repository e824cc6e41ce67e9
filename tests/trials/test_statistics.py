"""What is said of a few seeds is right as often as it claims to be."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from netvet.trials.statistics import Comparison, compare, degrees

Draw = Callable[[np.random.Generator, int, int], tuple[NDArray[np.float64], NDArray[np.float64]]]


def _equal(random: np.random.Generator, arms: int, seeds: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return random.normal(size=(arms, seeds)), random.normal(size=seeds)


def _wild_arm(random: np.random.Generator, arms: int, seeds: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    treated, control = _equal(random, arms, seeds)
    treated[0] *= 10
    return treated, control


def _wild_control(
    random: np.random.Generator, arms: int, seeds: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    treated, control = _equal(random, arms, seeds)
    return treated, 10 * control


def _judged(treated: NDArray[np.float64], control: NDArray[np.float64]) -> dict[str, Comparison]:
    return compare({str(i): (arm - control).tolist() for i, arm in enumerate(treated)})


@pytest.mark.parametrize("draw", [_equal, _wild_arm, _wild_control])
@pytest.mark.parametrize(("arms", "seeds"), [(1, 3), (3, 2), (3, 3), (6, 5)])
def test_a_remedy_that_does_nothing_is_seldom_said_to_help(draw: Draw, arms: int, seeds: int) -> None:
    """At most 5 % of families; with 1,500 draws, 6.5 % would be 2.7 standard errors above that."""
    random = np.random.default_rng(1)
    families = [_judged(*draw(random, arms, seeds)) for _ in range(1500)]
    wrong = sum(any(found.interval[0] > 0 for found in family.values()) for family in families)
    assert wrong / len(families) <= 0.065


@pytest.mark.parametrize(("arms", "seeds"), [(1, 3), (3, 3), (4, 5)])
def test_intervals_cover_the_truth(arms: int, seeds: int) -> None:
    """All intervals of a family together, in 95 % of families; conservative by at most 4 points."""
    random = np.random.default_rng(2)
    truth = np.linspace(-1, 2, arms)
    hits = 0
    for _ in range(1500):
        treated, control = _equal(random, arms, seeds)
        found = _judged(treated + truth[:, None], control)
        hits += all(f.interval[0] <= t <= f.interval[1] for f, t in zip(found.values(), truth, strict=True))
    assert 0.935 <= hits / 1500 <= 0.995


def test_an_effect_is_found() -> None:
    """Three standard deviations of a run, among three remedies and with five seeds: in four of five trials."""
    random = np.random.default_rng(3)
    found = 0
    for _ in range(400):
        treated, control = _equal(random, 3, 5)
        treated[0] += 3
        found += _judged(treated, control)["0"].interval[0] > 0
    assert found / 400 > 0.8


def test_an_arm_that_collapses_does_not_hide_another_s_effect() -> None:
    steady = {"good": [0.10, 0.11, 0.12], "idle": [0.00, 0.01, -0.01]}
    alone = compare({**steady, "third": [0.01, 0.0, 0.02]})["good"]
    beside = compare({**steady, "third": [0.0, -0.6, 0.02]})["good"]
    assert alone.interval[0] > 0
    assert beside.interval[0] > 0


def test_one_arm_is_the_paired_t_test() -> None:
    differences = [0.02, 0.05, 0.01, 0.04]
    found = compare({"only": differences})["only"]
    interval = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert found.interval == pytest.approx((interval.low, interval.high))
    assert found.p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)


def test_more_remedies_widen_every_interval() -> None:
    arms = {"a": [0.02, 0.03, 0.04], "b": [0.0, 0.01, 0.02]}
    few, many = compare(arms), compare(arms, family=6)
    assert many["a"].interval[0] < few["a"].interval[0]
    assert many["a"].p > few["a"].p
    assert many["a"].effect == few["a"].effect


def test_a_single_seed_proves_nothing() -> None:
    found = compare({"one": [0.5], "two": [0.1, 0.2], "none": []})
    assert found["one"] == Comparison(0.5, (-math.inf, math.inf), 1.0, 1)
    assert math.isnan(found["none"].effect)
    assert math.isfinite(found["two"].interval[0])


def test_equal_differences_are_no_proof_when_images_are_few() -> None:
    """Twenty validation images: the metric moves in steps of 5 points, and two steps may be equal by chance."""
    assert compare({"a": [0.05, 0.05]}, resolution=0.05)["a"].interval[0] < 0
    assert compare({"a": [0.05, 0.05]})["a"].interval == pytest.approx((0.05, 0.05))
    assert compare({"a": [0.0, 0.0]})["a"].p == 1.0


def test_degrees_of_freedom_are_satterthwaite_s() -> None:
    """Simulated: the variance of a pooled variance is 2 / degrees times its squared mean."""
    random = np.random.default_rng(4)
    pooled = []
    for _ in range(4000):
        treated, control = _equal(random, 3, 4)
        pooled.append(np.mean(np.var(treated - control, axis=1, ddof=1)))
    assert 2 * np.mean(pooled) ** 2 / np.var(pooled) == pytest.approx(degrees([4, 4, 4]), rel=0.1)


@settings(deadline=None)  # a busy machine is no failure
@given(
    st.dictionaries(
        st.sampled_from("abcdef"), st.lists(st.floats(-1, 1, allow_subnormal=False), max_size=8), min_size=1
    ),
    st.sampled_from([0.0, 0.001, 0.05]),
)
def test_interval_and_p_agree(differences: dict[str, list[float]], resolution: float) -> None:
    for found in compare(differences, resolution=resolution).values():
        if found.seeds < 2:
            continue
        low, high = found.interval
        assert low <= found.effect <= high
        assert 0 <= found.p <= 1
        if low > 1e-9 or high < -1e-9:
            assert found.p < 0.05 + 1e-9
        elif low < -1e-9 and high > 1e-9:
            assert found.p > 0.05 - 1e-9
