"""Classes that an exam marks are told without a symptom."""

from __future__ import annotations

import numpy as np
import pytest

from netvet.rules import diagnose
from netvet.testing import altered, assert_fires, assert_silent, healthy_trace, stuck_trace
from netvet.trace import Trace

SOUND = {"label_error_share": 0.05, "label_error_together": 0.5, "image_auc": 0.93}
SOUND |= {"label_core_wrong": 0.05, "label_core_images": 30.0, "label_core_back": 0.0}


def audited(**measured: float) -> Trace:
    """A healthy run whose label audit was taken, with other values for species 3."""
    base = healthy_trace()
    values = {f"{name}@{each}": value for each in base.meta["classes"] for name, value in SOUND.items()}
    return altered(base, {**values, **{f"{name}@species 3": value for name, value in measured.items()}})


def confused(trace: Trace) -> Trace:
    """The trace, of species 3 and 4 taken for one another."""
    n = len(trace.meta["classes"])
    matrix = np.diag(np.full(n, 20))
    matrix[3, 4] = matrix[4, 3] = 5
    return Trace(trace.observations(), recipe=trace.recipe, arrays={("val_confusion", ""): matrix}, meta=trace.meta)


def test_a_core_with_other_labels_makes_a_run_without_symptom_sick() -> None:
    found = diagnose(audited(label_core_wrong=0.55))
    assert found.verdict == "sick"
    assert found.root is not None
    assert (found.root.rule, found.root.where) == ("label-noise", "species 3")
    assert not found.symptoms


def test_sound_labels_leave_a_healthy_run_alone() -> None:
    assert_silent("label-noise", audited())


@pytest.mark.parametrize(
    "measured",
    [
        {"image_auc": 0.8},  # features that do not know the class do not know its core
        {"label_error_share": 0.35},  # it overlaps with others: their images are taken for it, and its own for theirs
        {"label_core_back": 0.3},  # look-alikes: each has the other's label in its core
        {"label_core_images": 6.0, "label_core_wrong": 0.5},  # too few to be sure
    ],
)
def test_a_hard_class_is_not_mislabelled(measured: dict[str, float]) -> None:
    assert_silent("label-noise", audited(**{"label_core_wrong": 0.55, **measured}))


def test_a_label_that_says_nothing_is_mislabelled() -> None:
    said = {"image_auc": 0.55, "val_auc": 0.6, "label_error_share": 0.5, "label_error_together": 0.3}
    assert "next to nothing" in assert_fires("label-noise", audited(**said), where="species 3").message
    assert_silent("label-noise", audited(**said | {"label_error_together": 0.9}))


def test_groups_whose_labels_disagree_are_mislabelled() -> None:
    groups = {f"label_torn@species {i}": 0.0 for i in range(8)} | {
        f"label_torn_pairs@species {i}": 90.0 for i in range(8)
    }
    clean = altered(audited(), groups)
    assert_silent("label-noise", clean)
    assert "contradict" in assert_fires("label-noise", altered(clean, {"label_torn@species 3": 0.4})).message
    assert_silent("label-noise", altered(clean, {"label_torn@species 3": 0.4, "label_torn_pairs@species 3": 5.0}))


def test_groups_that_are_places_and_hold_every_class_accuse_none() -> None:
    torn = {f"label_torn@species {i}": 0.8 for i in range(8)} | {
        f"label_torn_pairs@species {i}": 90.0 for i in range(8)
    }
    assert_silent("label-noise", altered(audited(), torn))


def test_a_class_recognised_by_its_blur_is_a_shortcut() -> None:
    taken = {"quality_taken": 0.7, "quality_taken_plain": 0.02, "quality_rest": 0.2, "quality_rest_plain": 0.8}
    trace = audited(**taken, quality_asked=100.0, quality_change=0.0, quality_strength=2.0)
    finding = assert_fires("low-quality-images", trace, where="species 3")
    assert "falls from 80% to 20%" in finding.message
    assert "darkness" in assert_fires("low-quality-images", altered(trace, {"quality_change@species 3": 1.0})).message
    assert diagnose(trace).verdict == "sick"
    assert_silent("low-quality-images", altered(trace, {"quality_taken@species 3": 0.25}))


def test_two_classes_at_chance_are_one_or_exchanged() -> None:
    pair = {"image_pair_auc": 0.5, "image_rest_auc": 0.95}
    pair |= {"label_core_wrong": 0.5, "label_core_back": 0.5}
    both = {f"{name}@species {k}": value for name, value in pair.items() for k in (3, 4)}
    finding = assert_fires("look-alike-classes", confused(altered(audited(), both)), where="species 3")
    assert "exchanged" in finding.message
    assert_silent("look-alike-classes", confused(altered(audited(), both | {"image_pair_auc@species 4": 0.9})))


def test_a_handful_of_images_among_many_is_an_imbalance() -> None:
    few = {"class_images@species 3": 3.0, "val_images@species 3": 1.0}
    finding = assert_fires("class-imbalance", altered(healthy_trace(), few), where="species 3")
    assert finding.certain
    assert_silent("class-imbalance", altered(healthy_trace(), {**few, "class_images@species 3": 30.0}))


def test_a_handful_of_images_that_are_surely_learnt_is_none() -> None:
    few = {"class_images@species 3": 5.0, "val_images@species 3": 24.0, "val_recall@species 3": 1.0}
    assert_silent("class-imbalance", altered(healthy_trace(), few))


def test_what_is_marked_comes_before_another_class_that_is_stuck() -> None:
    trace = stuck_trace("species 5", quality_dark=0.95, quality_surely=0.9)
    marks = {f"{name}@species {i}": value for i in range(8) for name, value in SOUND.items() if "core" in name}
    found = diagnose(altered(trace, marks | {"label_core_wrong@species 3": 0.6}))
    assert found.root is not None
    assert found.root.rule == "label-noise"
