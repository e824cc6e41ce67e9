"""late-stopping: a peak of validation accuracy that the run did not keep."""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.testing import altered, assert_fires, assert_silent, healthy_trace

RULE = "late-stopping"
PEAK = [0.2, 0.6, 0.8, 0.82, 0.78, 0.72, 0.7, 0.68, 0.66]


def test_fires_on_an_accuracy_that_falls() -> None:
    found = assert_fires(RULE, altered(healthy_trace(), {"val_accuracy": PEAK}))
    assert found.evidence[0].last < (found.limit or 0)
    assert found.confidence > 0.9


def test_a_rising_loss_alone_weighs_less() -> None:
    trace = altered(
        healthy_trace(),
        {"val_accuracy": [0.2, 0.7, 0.8, 0.8, 0.8, 0.8, 0.8], "val_loss": [2, 0.9, 0.7, 0.9, 1.2, 1.5, 1.6]},
    )
    assert assert_fires(RULE, trace).confidence < 0.75


def test_silent_when_accuracy_rises_with_the_loss() -> None:
    trace = altered(
        healthy_trace(),
        {"val_accuracy": [0.2, 0.5, 0.6, 0.7, 0.8, 0.85, 0.88], "val_loss": [2, 0.9, 0.7, 0.9, 1.2, 1.5, 1.6]},
    )
    assert_silent(RULE, trace)


def test_silent_on_a_zigzag() -> None:
    assert_silent(
        RULE, altered(healthy_trace(), {"val_accuracy": [0.3, 0.7, 0.86, 0.84, 0.87, 0.83, 0.86, 0.84, 0.86, 0.85]})
    )


def test_silent_with_early_stopping_and_on_healthy_runs() -> None:
    stopped = Recipe().change({"stop.early_stopping": 5})
    assert_silent(RULE, altered(healthy_trace(), {"val_accuracy": PEAK}, recipe=stopped))
    for seed in range(5):
        assert_silent(RULE, healthy_trace(seed=seed))


def test_few_validation_images_prove_little() -> None:
    slight = altered(healthy_trace(), {"val_accuracy": [0.2, 0.6, 0.8, 0.8, 0.76, 0.76, 0.75, 0.75]})
    assert_silent(RULE, altered(slight, {"val_images@*": 5.0}))
    assert_fires(RULE, altered(slight, {"val_images@*": 500.0}))


def test_what_never_rose_above_guessing_has_no_peak() -> None:
    guessing = [0.14, 0.16, 0.17, 0.15, 0.08, 0.04, 0.03, 0.03, 0.02]
    assert_silent(RULE, altered(healthy_trace(), {"val_accuracy": guessing}))


def test_silent_where_training_lost_as_much() -> None:
    """A net that came apart, as at too high a rate, did not go on for too long."""
    peak = {"val_accuracy": [0.2, 0.7, 0.82, 0.5, 0.3, 0.25]}
    assert_fires("late-stopping", altered(healthy_trace(), peak))
    assert_silent(
        "late-stopping", altered(healthy_trace(), {**peak, "train_accuracy": [0.2, 0.7, 0.85, 0.5, 0.3, 0.3]})
    )
