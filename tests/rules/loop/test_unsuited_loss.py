"""unsuited-loss: exact by the loss's value and by the weights that the gradient shows."""

from __future__ import annotations

import math
from typing import Any

import pytest

from netvet.rules import diagnose
from netvet.testing import altered, assert_fires, assert_silent, findings, healthy_trace
from netvet.trace import Observation, Trace

RULE = "unsuited-loss"


def loop(name: str, *, scale: float = 1.0, summed: bool = False, **seen: float) -> Trace:
    base = {"batch_cross_entropy": 0.4, "output_low": -3.0, "output_high": 4.0, "output_log_probabilities": 0.0}
    trace = altered(healthy_trace(recipe=None), {**base, **seen})
    trace.meta["loss_form"] = {"name": name, "scale": scale, "summed": summed}
    return trace


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("log-likelihood of the output", "raw outputs"),
        ("log-likelihood of softmax", "given probabilities"),
        ("cross-entropy of one column", "single column"),
        ("squared error of every image to every label", "every label"),
        ("binary cross-entropy of column 0", "one of them alone"),
        ("squared error of the class number", "quantities"),
        ("absolute error", "absolute error to one-hot"),
    ],
)
def test_fires_on_a_loss_that_does_not_suit(name: str, said: str) -> None:
    found = assert_fires(RULE, loop(name))
    assert said in found.message
    assert found.fix


def test_a_minus_comes_before_anything_else() -> None:
    assert "minus the cross-entropy" in assert_fires(RULE, loop("cross-entropy", scale=-1.0)).message


@pytest.mark.parametrize(
    "name",
    ["", "cross-entropy", "cross-entropy, labels smoothed", "margin", "binary cross-entropy with logits",
     "log-likelihood of the output's logarithm"],
)  # fmt: skip
def test_silent_on_a_loss_that_suits(name: str) -> None:
    assert_silent(RULE, loop(name))
    assert_silent(RULE, loop("log-likelihood of the output", output_log_probabilities=1.0))


def test_squares_that_learn_are_a_note() -> None:
    verdict = diagnose(loop("squared error"))
    assert verdict.verdict == "healthy"
    assert [note.rule for note in verdict.notes] == [RULE]


def test_a_sum_is_told_where_steps_grow_with_it() -> None:
    summed = loop("cross-entropy", summed=True)
    assert "summed over the batch" in assert_fires(RULE, summed).message
    summed.meta["optimizer_class"] = "AdamW"
    assert_silent(RULE, summed)


def test_a_loss_that_is_no_number_at_the_first_step() -> None:
    lost = loop("", loss=math.nan, output_high=4.0)
    first = [Observation(0, "output_low", -3.0), Observation(0, "output_high", 4.0)]
    broken = Trace([*first, *lost.observations()], meta=lost.meta)
    assert "before any weight has changed" in assert_fires(RULE, broken).message
    assert_silent(RULE, altered(broken, {"output_high": math.nan}))  # the output broke first
    assert_silent(RULE, loop("", output_high=4.0))


def test_weights_that_favour_the_large_class() -> None:
    weights = {f"loss_weight@species {k}": 1.0 for k in range(8)}
    counts: dict[str, Any] = {"class_images@species 0": 600.0, "class_images@species 1": 100.0}
    wrong = altered(loop("", **counts), {**weights, "loss_weight@species 0": 3.0, "loss_weight@species 1": 0.5})
    found = assert_fires(RULE, wrong, where="species 1")
    assert "6 times as much" in found.message
    right = altered(wrong, {"loss_weight@species 0": 0.5, "loss_weight@species 1": 3.0})
    assert findings(RULE, right) == []
    assert findings(RULE, altered(wrong, weights)) == []


def test_a_loss_that_a_line_mends_names_no_remedy_beside_it() -> None:
    loop = altered(healthy_trace(recipe=None), {"batch_cross_entropy": 0.4})
    loop.meta["loss_form"] = {"name": "cross-entropy", "scale": -1.0}
    assert assert_fires("unsuited-loss", loop).remedies == ()


def test_a_loss_of_any_kind_that_trains_away_from_the_labels() -> None:
    away = altered(healthy_trace(recipe=None), {"batch_cross_entropy": 4.9, "label_pushed": 1.0})
    assert "100% of the images" in assert_fires("unsuited-loss", away).message
    assert_silent("unsuited-loss", altered(away, {"label_pushed": 0.6}))


def test_classes_that_do_not_compete() -> None:
    assert "does not make classes compete" in assert_fires(RULE, loop("", answer_pushed=0, pushed_images=200)).message
    assert_silent(RULE, loop("", answer_pushed=0.9, pushed_images=200))
    assert_silent(RULE, loop("", answer_pushed=0, pushed_images=5))
    shares = loop("", answer_pushed=0, pushed_images=200, output_log_probabilities=1)  # raising one lowers the others
    assert_silent(RULE, shares)


def test_an_optimiser_that_climbs() -> None:
    climbing = loop("cross-entropy", label_pushed=0.0)
    climbing.meta["maximize"] = True
    assert assert_fires(RULE, climbing).fix == "maximize=False"
    negated = loop("cross-entropy", scale=-1.0, label_pushed=1.0)  # minus the loss, maximised: as it should be
    negated.meta["maximize"] = True
    assert_silent(RULE, negated)
    turned = loop("cross-entropy", scale=-1.0, label_pushed=1.0, answer_pushed=0, pushed_images=200)
    turned.meta["maximize"] = True
    assert_silent(RULE, turned)


def test_a_softmax_over_one_column_comes_before_weights_that_never_change() -> None:
    constant = loop("", output_low=1.0, output_high=1.0, output_probabilities=1.0)
    found = assert_fires(RULE, constant)
    assert "always 1" in found.message
    assert "unchanged-weights" in found.explains
    assert_silent(RULE, loop("", output_low=0.2, output_high=1.0, output_probabilities=1.0))
    assert "unchanged-weights" not in assert_fires(RULE, loop("cross-entropy", scale=-1.0)).explains
