"""batch-norm-mismatch: by what the exam measured; without it, by lagging statistics and two losses that part."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from netvet.recipe import Recipe
from netvet.rules import diagnose, rules
from netvet.testing import altered, assert_fires, assert_rules_out, assert_silent, healthy_trace
from netvet.trace import Trace

RULE = "batch-norm-mismatch"
NORMS = ["features.0.norm", "features.1.norm", "features.2.norm"]
Curves = Mapping[str, object]


def normed(gap: float = 0.05, curves: Curves | None = None, recipe: Recipe | None = None) -> Trace:
    """A healthy run with batch norms, `gap` standard deviations from their batches, the middle one half more."""
    gaps = {f"norm_mean_gap@{layer}": gap for layer in NORMS} | {f"norm_std_gap@{layer}": gap / 2 for layer in NORMS}
    gaps["norm_mean_gap@features.1.norm"] = 1.5 * gap
    return altered(healthy_trace(), {**gaps, **(curves or {})}, recipe=recipe)  # type: ignore[dict-item]


def examined(running: float, mended: float, surely: float, gap: float = 0.4) -> Trace:
    measured = {"norm_running_accuracy": running, "norm_recalibrated_accuracy": mended, "norm_gain_low": surely}
    swaps = {f"norm_swap_fall@{layer}": 0.1 for layer in NORMS} | {f"norm_swap_gain@{layer}": 0.05 for layer in NORMS}
    swaps["norm_swap_fall@features.2.norm"] = 0.3
    gaps = {f"norm_mean_gap@{layer}": gap for layer in NORMS}
    return altered(healthy_trace(), {**measured, **swaps, **gaps})


LAGGING = {"train_loss": [2.1, 3.5, 3.0], "val_loss": [2.1, 3.6, 3.1], "train_accuracy": 0.2, "val_accuracy": 0.2}


def test_the_trace_alone_shows_a_lag() -> None:
    found = assert_fires(RULE, normed(0.4, LAGGING), where="features.1.norm")
    assert "0.60 standard deviations" in found.message
    assert "In evaluation the loss on the training images is 3.00" in found.message
    assert 0.9 < found.confidence < 0.97  # the losses lie far apart


def test_it_is_the_root_cause_and_orders_the_exam() -> None:
    diagnosis = diagnose(normed(0.4, LAGGING))
    assert diagnosis.root is not None
    assert diagnosis.root.rule == RULE
    assert {"accuracy-plateau", "loss-plateau"} <= set(diagnosis.root.explains)
    assert "batch-norm-agreement" in diagnosis.exams


@pytest.mark.parametrize(
    ("gap", "curves"),
    [
        (0.05, {}),  # healthy
        (0.4, {}),  # a lag that harms nothing
        (0.05, LAGGING),  # two losses that part, but not at the norms
        (0.4, LAGGING | {"loss": 2.05}),  # the batches are not learnt either: the learning rate, say
        (0.4, LAGGING | {"train_loss": None}),
        (0.4, LAGGING | {"train_loss": float("nan")}),
    ],
)
def test_silent_without_both_signs(gap: float, curves: Curves) -> None:
    assert_silent(RULE, normed(gap, curves))


def test_small_batches_scatter_that_far_by_chance() -> None:
    tiny = Recipe().change({"batch_size": 2})
    assert_silent(RULE, normed(0.3, LAGGING, recipe=tiny))
    assert_fires(RULE, normed(0.5, LAGGING, recipe=tiny))


@pytest.mark.parametrize("changes", [{"loss.name": "focal"}, {"loss.class_weights": "balanced"}])
def test_a_loss_of_another_kind_is_not_compared(changes: dict[str, str]) -> None:
    assert_silent(RULE, normed(0.4, LAGGING, recipe=Recipe().change(changes)))


def test_in_a_loop_of_ones_own_validation_takes_the_place_of_training() -> None:
    own = normed(0.4, {"val_loss": [2.1, 3.6, 3.1]})
    bare = Trace(own.observations(), meta=own.meta)
    found = assert_fires(RULE, bare)
    assert "In evaluation the loss on the validation images is 3.10" in found.message
    assert "val_loss" in [series.name for series in found.evidence]
    plain = normed(0.4)
    assert_silent(RULE, Trace(plain.observations(), meta=plain.meta))


def test_the_exam_decides_and_names_the_layer_that_does_harm() -> None:
    found = assert_fires(RULE, examined(0.30, 0.85, 0.45), where="features.2.norm")
    assert "30.0%" in found.message
    assert "85.0%" in found.message
    assert found.confidence > 0.95


def test_the_exam_can_rule_it_out_whatever_the_trace_says() -> None:
    for trace in (examined(0.85, 0.86, -0.02), examined(0.85, 0.70, -0.2)):
        assert_silent(RULE, trace)
        assert "agree" in assert_rules_out(RULE, trace).message


def test_a_gain_that_may_be_chance_is_neither_found_nor_ruled_out() -> None:
    assert not list(rules()[RULE].check(examined(0.70, 0.85, 0.08)))
    modest = assert_fires(RULE, examined(0.70, 0.82, 0.11))
    assert modest.confidence < 0.9


def test_without_a_layer_the_whole_is_named() -> None:
    trace = altered(
        normed(0.4), {"norm_running_accuracy": 0.3, "norm_recalibrated_accuracy": 0.9, "norm_gain_low": 0.5}
    )
    found = assert_fires(RULE, trace)
    assert found.where == ""
    assert "harm" not in found.message
