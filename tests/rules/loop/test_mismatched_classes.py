"""mismatched-classes: a renumbering that makes validation right, and classes that one split lacks."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
from netvet.trace import Trace

RULE = "mismatched-classes"
N = 8


def validated(confusion: NDArray[np.int64], train: float = 0.98) -> Trace:
    base = healthy_trace(recipe=None, train_accuracy=train)
    return Trace(base.observations(), arrays={("val_confusion", ""): confusion}, meta=base.meta)


def good() -> NDArray[np.int64]:
    return 20 * np.eye(N, dtype=np.int64) + 1


def test_fires_on_a_renumbering_and_says_what_it_would_give() -> None:
    found = assert_fires(RULE, validated(np.roll(good(), 3, axis=1)))
    assert "3.6% of its images are right" in found.message
    assert "75.0% with 8 classes renumbered" in found.message


def test_two_of_many_classes_are_enough() -> None:
    assert "2 classes" in assert_fires(RULE, validated(good()[:, [1, 0, 2, 3, 4, 5, 6, 7]])).message


def test_silent_where_numbers_agree_or_nothing_was_learnt() -> None:
    assert_silent(RULE, validated(good()))
    guesses = np.random.default_rng(0).multinomial(20, np.full(N, 1 / N), N).astype(np.int64)
    assert_silent(RULE, validated(guesses))
    assert_silent(RULE, validated(np.roll(good(), 3, axis=1), train=0.05))  # training is not right either


@pytest.mark.parametrize("named", range(N))
def test_silent_where_one_class_is_always_named(named: int) -> None:
    always = np.zeros((N, N), dtype=np.int64)
    always[:, named] = 20
    assert_silent(RULE, validated(always))


def test_silent_on_look_alikes_that_are_taken_for_one_another() -> None:
    alike = good()
    alike[:2, :2] = [[9, 12], [12, 9]]
    assert_silent(RULE, validated(alike))


def test_a_class_without_validation_images_where_chance_does_not_explain_it() -> None:
    without = validated(good())
    none = Trace(altered(without, {"val_images@species 3": 0.0}).observations(), meta=without.meta,
                 arrays={("val_confusion", ""): good()})  # fmt: skip
    assert "no validation image" in assert_fires(RULE, none, where="species 3").message
    rare = altered(none, {"class_images@species 3": 5.0})
    assert_silent(RULE, Trace(rare.observations(), meta=none.meta, arrays={("val_confusion", ""): good()}))


def test_validation_of_classes_that_training_lacks_is_told_first() -> None:
    """A list sorted by class was cut in two."""
    confusion = np.zeros((N, N), dtype=np.int64)
    confusion[N // 2 :, : N // 2] = 6
    cut = {f"class_images@species {k}": 120.0 if k < 4 else 0.0 for k in range(N)}
    cut |= {f"val_images@species {k}": 0.0 if k < 4 else 24.0 for k in range(N)}
    base = altered(healthy_trace(recipe=None), cut)
    trace = Trace(base.observations(), arrays={("val_confusion", ""): confusion}, meta=base.meta)
    found = assert_fires(RULE, trace)
    assert "96 of the 96 validation images" in found.message
