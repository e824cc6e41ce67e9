"""generalisation-gap: the gap, its interval, and the epoch that counts."""

from __future__ import annotations

import pytest

from netvet.recipe import Recipe
from netvet.testing import altered, assert_fires, assert_silent, healthy_trace

RULE = "generalisation-gap"


@pytest.mark.parametrize(("train", "val"), [(0.915, 0.54), (0.98, 0.62), (1.0, 0.78)])
def test_fires_on_a_gap(train: float, val: float) -> None:
    found = assert_fires(RULE, healthy_trace(train_accuracy=train, val_accuracy=val))
    assert found.evidence[0].last > (found.limit or 9)
    assert f"{100 * found.evidence[0].last:.1f} points" in found.message


@pytest.mark.parametrize(("train", "val"), [(0.986, 0.89), (0.99, 0.87), (0.6, 0.6), (0.3, 0.28)])
def test_silent_on_ordinary_runs(train: float, val: float) -> None:
    assert_silent(RULE, healthy_trace(train_accuracy=train, val_accuracy=val))


def test_silent_when_so_few_images_prove_nothing() -> None:
    many = altered(healthy_trace(), {"train_accuracy": 1.0, "val_accuracy": 0.75})
    assert_fires(RULE, many)
    assert_silent(RULE, altered(many, {"val_images@*": 2.0}))


def test_judges_the_epoch_that_early_stopping_yields() -> None:
    curves = {"train_accuracy": [0.5, 0.8, 0.99, 1.0], "val_accuracy": [0.5, 0.78, 0.7, 0.6]}
    last = altered(healthy_trace(), {**curves, "val_balanced_accuracy": curves["val_accuracy"]})
    assert_fires(RULE, last)
    assert_silent(RULE, altered(last, {}, recipe=Recipe().change({"stop.early_stopping": 20})))


def test_a_log_that_counts_no_images_needs_a_wider_gap() -> None:
    """Nothing says how sure the gap is."""
    uncounted = {"val_images@*": None, "class_images@*": None}
    assert_silent(RULE, altered(healthy_trace(train_accuracy=0.97, val_accuracy=0.77), uncounted))
    found = assert_fires(RULE, altered(healthy_trace(train_accuracy=0.98, val_accuracy=0.62), uncounted))
    assert found.limit == 0.25
    assert "surely" not in found.message
