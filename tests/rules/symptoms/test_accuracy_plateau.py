"""accuracy-plateau: low in training and validation, and no longer rising."""

from __future__ import annotations

import pytest

from netvet.testing import altered, assert_fires, assert_silent, healthy_trace

RULE = "accuracy-plateau"


@pytest.mark.parametrize(
    ("train", "val"), [([0.12, 0.13, 0.13], [0.12, 0.12, 0.13]), ([0.2, 0.4, 0.4, 0.4], [0.2, 0.35])]
)
def test_fires_when_both_stay_low(train: list[float], val: list[float]) -> None:
    assert_fires(RULE, altered(healthy_trace(), {"train_accuracy": train, "val_accuracy": val}))


@pytest.mark.parametrize(
    ("train", "val"),
    [
        ([0.3, 0.62, 0.62], [0.3, 0.6, 0.6]),  # hard data at its honest ceiling
        ([0.15, 0.3, 0.45], [0.15, 0.28, 0.42]),  # still rising
        ([0.5, 0.98, 0.98], [0.2, 0.3, 0.3]),  # a gap, another symptom
    ],
)
def test_silent_otherwise(train: list[float], val: list[float]) -> None:
    assert_silent(RULE, altered(healthy_trace(), {"train_accuracy": train, "val_accuracy": val}))


def test_chance_is_the_largest_class() -> None:
    """Half right is far above chance with 8 equal classes, hardly where one class has 45 % of the images."""
    half = altered(healthy_trace(), {"train_accuracy": 0.55, "val_accuracy": 0.55})
    assert_silent(RULE, half)
    assert_fires(RULE, altered(half, {"class_images@species 0": 700.0}))
