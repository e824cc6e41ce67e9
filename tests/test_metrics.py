"""Metrics, each against scikit-learn or a plain calculation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from netvet.metrics import auc_interval, one_vs_rest_auc, summarise


@given(seed=st.integers(0, 2**32 - 1), classes=st.integers(2, 6), ties=st.booleans())
@settings(max_examples=30, deadline=None)
def test_auc_is_that_of_scikit_learn(seed: int, classes: int, ties: bool) -> None:
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), random.integers(0, classes, 40)])
    scores = random.random((len(labels), classes)).astype(np.float32)
    if ties:
        scores = scores.round(1)
    found = one_vs_rest_auc(scores, labels)
    expected = [roc_auc_score(labels == c, scores[:, c]) for c in range(classes)]
    assert found == pytest.approx(expected)


def test_numbers_against_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 5, (300,), generator=generator)
    logits = torch.randn(300, 5, generator=generator)
    logits[torch.arange(300), labels] += 1
    summary = summarise(logits, labels, "abcde")
    predicted = logits.argmax(1)
    assert summary.numbers["accuracy"] == pytest.approx(float((predicted == labels).float().mean()))
    assert summary.numbers["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, predicted))
    assert 0 < summary.numbers["entropy"] < 1
    assert summary.confusion.sum() == 300


def test_a_class_that_is_absent_is_left_out() -> None:
    summary = summarise(torch.eye(3)[[0, 0, 1, 1]], torch.tensor([0, 0, 1, 1]), ["a", "b", "never"])
    assert set(summary.per_class["auc"]) == {"a", "b"}
    assert summary.numbers["balanced_accuracy"] == 1


def test_logits_that_are_not_finite_are_no_error() -> None:
    logits = torch.full((4, 2), float("nan"))
    summary = summarise(logits, torch.tensor([0, 1, 0, 1]), ["a", "b"])
    assert np.isnan(summary.numbers["loss"])
    assert summary.numbers["accuracy"] == 0.5


def test_the_interval_covers_and_does_not_collapse() -> None:
    """Over 400 draws of 12 positives and 120 negatives, the truth lies inside about 95 times in 100."""
    random = np.random.default_rng(1)
    truth, inside = 0.76025, 0  # Phi(1 / sqrt 2)
    for _ in range(400):
        scores = np.concatenate([random.normal(1, 1, 12), random.normal(0, 1, 120)])
        labels = np.repeat([1, 0], [12, 120])
        auc = np.array([roc_auc_score(labels, scores)])
        low, high = auc_interval(auc, np.array([12]), np.array([120]))
        inside += int(low[0] <= truth <= high[0])
    assert 0.92 <= inside / 400 <= 0.99
    low, high = auc_interval(np.array([1.0]), np.array([3]), np.array([600]))
    assert high[0] == 1
    assert 0.5 < low[0] < 0.9
