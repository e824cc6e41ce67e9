"""no-momentum: by the exam, by the trace alone, and not where a higher rate does as well."""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.rules import diagnose
from netvet.testing import Curve, altered, assert_fires, assert_rules_out, assert_silent, healthy_trace
from netvet.trace import Trace

RULE = "no-momentum"
PLAIN = Recipe().change({"optimizer.momentum": 0.0})
STALLED: dict[str, Curve] = {"train_loss": [2.08, 2.0, 1.9, 1.88, 1.87], "train_accuracy": 0.3, "val_accuracy": 0.3}


def _stalled(recipe: Recipe = PLAIN) -> Trace:
    return altered(healthy_trace(recipe=recipe), STALLED)


def _examined(own: float, helped: float) -> Trace:
    losses = {"momentum_loss@own": own, "momentum_loss@0.9": helped, "momentum_gain": own / helped}
    return altered(_stalled(), {**losses, "momentum_rate@own": 0.1, "momentum_rate@0.9": 0.03})


def test_fires_where_momentum_gains_at_the_best_rate_of_each() -> None:
    found = assert_fires(RULE, _examined(1.8, 1.3))
    assert "1.80" in found.message
    assert "1.30" in found.message
    assert found.confidence > assert_fires(RULE, _examined(1.8, 1.65)).confidence


def test_ruled_out_where_a_higher_rate_does_as_well() -> None:
    assert "Momentum is not the problem" in assert_rules_out(RULE, _examined(1.35, 1.3)).message
    assert_silent(RULE, _examined(1.35, 1.3))


def test_by_the_trace_alone_it_is_a_guess_that_others_outweigh() -> None:
    assert assert_fires(RULE, _stalled()).confidence < 0.6
    assert_silent(RULE, altered(_stalled(), {"update_ratio@*": 1e-4}))  # too low a rate
    assert_silent(RULE, altered(_stalled(), {"update_ratio@*": 0.4, "loss": 2.0}))  # too high a rate
    assert_silent(RULE, altered(_stalled(), {"dead_fraction@*": 1.0}))


def test_silent_with_momentum_with_adam_and_on_healthy_runs() -> None:
    assert_silent(RULE, _stalled(Recipe()))
    assert_silent(RULE, _stalled(PLAIN.change({"optimizer.name": "adam"})))
    for seed in range(3):
        assert_silent(RULE, healthy_trace(recipe=PLAIN, seed=seed))


def test_it_goes_before_a_learning_rate_that_could_be_higher_too() -> None:
    both = altered(
        _examined(1.8, 1.3),
        {
            "lr_range_flat": 0.0,
            "lr_range_low": 0.2,
            "lr_range_best": 0.5,
            "lr_range_high": 1.0,
            "lr_range_guess": 2.08,
            "lr_range_stretch@own": 2.0,
            "lr_range_stretch@best": 1.7,
        },
    )
    root = diagnose(both).root
    assert root is not None
    assert root.rule == RULE
    assert "learning-rate-too-low" in root.explains
