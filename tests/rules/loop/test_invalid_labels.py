"""invalid-labels: labels of no class, where they cost a class; none where images are merely unlabelled."""

from __future__ import annotations

from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
from netvet.trace import Trace

RULE = "invalid-labels"
COUNTS = {"labels_seen": 960.0, "labels_none": 0.0, "labels_without_a_one": 0.0, "labels_beyond": 0.0}


def loop(**seen: float) -> Trace:
    return altered(healthy_trace(recipe=None), {**COUNTS, **seen})


def test_rows_without_a_one_and_a_class_without_images() -> None:
    found = assert_fires(RULE, altered(loop(labels_without_a_one=120.0), {"class_images@species 0": 0.0}))
    assert "120 of the 960" in found.message
    assert "species 0 has no image" in found.message
    assert "8)" in found.fix


def test_many_rows_without_a_one() -> None:
    assert_fires(RULE, loop(labels_without_a_one=100.0))
    assert_silent(RULE, loop(labels_without_a_one=20.0))


def test_images_without_a_label_are_no_fault_unless_they_are_a_class() -> None:
    assert_silent(RULE, loop(labels_none=60.0))
    found = assert_fires(RULE, altered(loop(labels_none=120.0), {"class_images@species 3": 0.0}), where="species 3")
    assert "-100" in found.message


def test_numbers_beyond_the_columns_unless_the_loss_leaves_them_out() -> None:
    beyond = loop(labels_beyond=5.0)
    assert_fires(RULE, beyond)
    beyond.meta["loss_form"] = {"name": "cross-entropy"}
    assert_silent(RULE, beyond)


def test_a_class_that_weighs_nothing() -> None:
    weights = {f"{name}@species {k}": value for k in range(8) for name, value in
               (("loss_weight", 1.0), ("loss_weight_images", 20.0))}  # fmt: skip
    assert_silent(RULE, altered(loop(), weights))
    assert_fires(RULE, altered(loop(), {**weights, "loss_weight@species 2": 0.0}), where="species 2")
