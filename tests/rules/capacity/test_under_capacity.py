"""under-capacity: who cannot learn one batch by heart, and who is kept from it by something else."""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.testing import altered, assert_fires, assert_rules_out, assert_silent, healthy_trace
from netvet.trace import Trace

RULE = "under-capacity"


def _examined(reference: float, own: float, tenth: float, recipe: Recipe | None = None) -> Trace:
    found = {"overfit_batch_accuracy@reference": reference, "overfit_batch_accuracy@own": own}
    return altered(healthy_trace(), {**found, "overfit_tenth_accuracy": tenth}, recipe=recipe)


def test_fires_where_the_reference_cannot_learn_a_batch_by_heart() -> None:
    found = assert_fires(RULE, _examined(0.4, 0.3, 0.3))
    assert "30%" in found.message
    assert found.confidence > assert_fires(RULE, _examined(0.85, 0.8, 0.8)).confidence


def test_a_tenth_of_the_images_may_be_too_many() -> None:
    assert_fires(RULE, _examined(1.0, 1.0, 0.5))


def test_ruled_out_where_it_can_and_says_whether_the_optimiser_is_at_fault() -> None:
    assert "can memorise a batch" in assert_rules_out(RULE, _examined(1.0, 1.0, 1.0)).message
    assert "20% with the run's own optimiser" in assert_rules_out(RULE, _examined(1.0, 0.2, 1.0)).message
    assert_silent(RULE, _examined(1.0, 0.2, 1.0))


def test_silent_where_no_signal_gets_through() -> None:
    sick = _examined(0.2, 0.2, 0.2)
    assert_silent(RULE, altered(sick, {"dead_fraction@features.2.act": 1.0}))
    assert_silent(RULE, altered(sick, {"grad_rms@features.0.conv": 1e-9, "grad_rms@features.1.conv": 1e-9}))
    assert_silent(RULE, _examined(0.2, 0.2, 0.2, Recipe().change({"model.init": "constant"})))


def test_without_the_exam_few_weights_are_a_hint() -> None:
    assert assert_fires(RULE, altered(healthy_trace(), {"parameters": 100.0})).confidence < 0.7
    assert_silent(RULE, altered(healthy_trace(), {"parameters": 5000.0}))
    for seed in range(3):
        assert_silent(RULE, healthy_trace(seed=seed))
