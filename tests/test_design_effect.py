"""Images in groups say less than independent ones, and intervals know it."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netvet.design_effect import correlation, design_effect
from netvet.metrics import Summary, summarise
from netvet.rules import diagnose
from netvet.rules._chance import independent, interval, seen
from netvet.testing import altered, assert_fires, assert_silent, healthy_trace

CLASSES = ("bream", "burbot", "perch")


def draw(rho: float, groups: int, size: int, seed: int = 0, recall: float = 0.6) -> tuple[np.ndarray, ...]:
    """(right, labels, groups) of three classes; with the chance rho an image is as its group is."""
    random = np.random.default_rng(seed)
    member = np.repeat(np.arange(3 * groups), size)
    whole = random.random(3 * groups) < recall
    own = random.random(len(member)) < recall
    right = np.where(random.random(len(member)) < np.sqrt(rho), whole[member], own)
    return right, np.repeat(np.arange(3), groups * size), member


def test_the_correlation_within_groups_is_what_was_put_in() -> None:
    for rho in (0.0, 0.25, 0.6, 1.0):
        found = [correlation(*draw(rho, groups=20, size=5, seed=seed)) for seed in range(60)]
        assert abs(np.mean(found) - rho) < 0.05


def test_few_groups_do_not_bias_it() -> None:
    right = [draw(0.5, groups=4, size=6, seed=seed) for seed in range(400)]
    assert abs(np.mean([correlation(*each) for each in right]) - 0.5) < 0.08


def test_independent_images_have_no_design_effect() -> None:
    assert design_effect(np.arange(50), rho=0.7) == 1.0


def test_a_single_group_counts_as_one_image_whatever_the_correlation() -> None:
    assert 9 / design_effect(np.zeros(9, int), rho=0.0) == 1.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.floats(0, 1))
def test_images_count_at_least_as_many_as_a_share_of_groups_and_at_most_all(groups: list[int], rho: float) -> None:
    effect = design_effect(np.array(groups), rho)
    assert 1 <= effect <= len(groups) + 1e-9


def covered(counts_groups: bool) -> float:
    """Share of 95 % intervals that hold the true recall, over sets of 8 groups of 6."""
    held = []
    for seed in range(300):
        right, labels, groups = draw(0.5, groups=8, size=6, seed=seed)
        rho = correlation(right, labels, groups)
        for k in range(3):
            mine = labels == k
            effect = design_effect(groups[mine], rho) if counts_groups else 1.0
            low, high = interval(float(right[mine].mean()), mine.sum() / effect)
            held.append(low <= 0.6 <= high)
    return float(np.mean(held))


def test_an_interval_over_groups_holds_the_truth_as_often_as_it_says_and_one_over_images_does_not() -> None:
    assert 0.92 <= covered(counts_groups=True) <= 0.98
    assert covered(counts_groups=False) < 0.85


def summary(groups: np.ndarray | None) -> Summary:
    """Twelve images of each class, in four groups; burbot in one, all of it missed."""
    labels = np.repeat(np.arange(3), 12)
    logits = np.random.default_rng(0).normal(0, 0.1, (36, 3)) + 3 * np.eye(3)[labels]
    logits[labels == 1] = logits[labels == 0]
    return summarise(torch.from_numpy(logits), torch.from_numpy(labels), CLASSES, groups)


def test_the_interval_of_an_auc_is_wider_over_groups() -> None:
    groups = np.arange(36) // 3
    plain, grouped = summary(None).per_class, summary(groups).per_class
    for name in CLASSES:
        assert grouped["auc"][name] == plain["auc"][name]
        assert grouped["auc_low"][name] < plain["auc_low"][name]


def test_a_class_with_one_group_counts_as_one_image() -> None:
    groups = np.arange(36) // 3
    groups[12:24] = 99
    found = summary(groups)
    assert found.per_class["design_effect"]["burbot"] == 12.0
    assert found.numbers["design_effect"] > 1


def test_without_groups_nothing_is_said_of_them() -> None:
    assert "design_effect" not in summary(None).numbers


def test_one_video_makes_no_class_stuck() -> None:
    missed = altered(healthy_trace(), {"val_recall@species 3": 0.02})
    images = missed.last("val_images", "species 3")
    assert_fires("stuck-class", missed)
    assert_silent("stuck-class", altered(missed, {"val_design_effect@species 3": images}))


def test_many_groups_still_do() -> None:
    missed = altered(healthy_trace(), {"val_recall@species 3": 0.02, "val_design_effect@species 3": 1.3})
    assert assert_fires("stuck-class", missed).where == "species 3"


def test_what_rules_count_are_independent_images() -> None:
    trace = altered(healthy_trace(), {"val_design_effect": 4.0})
    assert seen(trace, "val") == seen(healthy_trace(), "val") / 4
    assert independent(trace, 12.0, "val", "species 3") == 12.0
    assert diagnose(trace).verdict == "healthy"
