"""class-learning-curve: would more images of a class help?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from netvet.exams import ExamContext, _described, class_learning_curve, run_exam
from netvet.images.dataset import ImageSet
from netvet.trace import Trace
from tests.exams.contexts import admit, squares


def test_the_log_odds_and_subsets_of_the_curve() -> None:
    random = np.random.default_rng(0)
    scores = random.normal(size=(3, 2, 50))
    positive = np.arange(50) < 15
    found = class_learning_curve.auc_of(scores, positive)
    assert found[2, 1] == pytest.approx(roc_auc_score(positive, scores[2, 1]))
    member = np.arange(40) // 5
    part = class_learning_curve.subset(np.arange(40), member, 12, random)
    assert len(part) == 10
    assert np.bincount(member[part], minlength=8).tolist().count(5) == 2
    odds = np.array([-0.5, 0.0, 0.5])
    line = np.repeat(1 / (1 + np.exp(-odds)), 4).reshape(3, 4)
    assert class_learning_curve.doubled(np.array([5, 10, 20]), line) == pytest.approx(1 / (1 + np.exp(-1.0)))


def admitted(run: Path, images: ImageSet) -> ExamContext:
    """A context whose class a stays behind."""
    context = admit(run, images=images, steps=1)
    for name in images.classes:
        context.record.add(0, "val_auc", 0.7 if name == "a" else 0.95, name)
    context.record.flush()
    return context


def grey(apart: float, images: ImageSet) -> ImageSet:
    """Class a differs from the noisy grey of the others by so much in the amplitude of a fine pattern."""
    random = np.random.default_rng(3)
    pixels = random.normal(128, 40, images.images.shape)
    pattern = np.random.default_rng(4).normal(0, 1, images.images.shape[1:])
    pixels[images.labels == 0] += apart * pattern
    return replace(images, images=pixels.clip(0, 255).astype(np.uint8))


def test_a_class_that_takes_many_images_has_a_rising_curve(tmp_path: Path) -> None:
    run_exam("class-learning-curve", admitted(tmp_path, grey(9, squares(240, 240))))
    trace = Trace.open(tmp_path)
    rows = trace.array("class_curve", "a")
    assert rows is not None
    assert rows[:, 0].tolist() == [8, 15, 30, 60]
    assert rows[-1, 1] > rows[0, 1] + 0.03
    assert trace.last("curve_auc_twice", "a") > trace.last("curve_auc", "a")
    assert trace.last("curve_gain_low", "a") < trace.last("curve_gain_high", "a")


def test_a_class_that_is_told_at_once_has_a_flat_one(tmp_path: Path) -> None:
    sentence = run_exam("class-learning-curve", admitted(tmp_path, squares(240, 240)))
    trace = Trace.open(tmp_path)
    assert trace.places("curve_auc") == ["a"]
    assert trace.last("curve_auc", "a") > 0.98
    assert trace.last("curve_gain_high", "a") < 0.02
    assert sentence.startswith("Half of the 60 training images of a gave an AUC of")


def test_a_rare_class_is_asked_about_and_equal_ones_are_not(tmp_path: Path) -> None:
    images = squares(240, 60)
    few = np.flatnonzero((images.labels != 0) | (images.split == 1) | (np.arange(len(images.labels)) % 24 == 0))
    rare = replace(images, images=images.images[few], labels=images.labels[few], split=images.split[few])
    run_exam("class-learning-curve", admit(tmp_path / "rare", images=rare, steps=1))
    assert Trace.open(tmp_path / "rare").places("curve_auc") == ["a"]
    sentence = run_exam("class-learning-curve", admit(tmp_path / "equal", images=images, steps=1))
    assert sentence.startswith("No class that is rare or stays behind")
    assert not Trace.open(tmp_path / "equal").places("curve_auc")


def test_too_few_images(tmp_path: Path) -> None:
    assert run_exam("class-learning-curve", admitted(tmp_path, squares(16, 8))).startswith("No class that is rare")
    assert not Trace.open(tmp_path).places("curve_auc")


def test_groups_are_taken_or_left_together(tmp_path: Path) -> None:
    """Four tracks of 15 frames: an eighth and a quarter of the images are one track alike."""
    images = squares(240, 240)
    groups = np.array([f"{label} {i // 60}" for i, label in enumerate(images.labels.tolist())])
    run_exam("class-learning-curve", admitted(tmp_path, replace(images, known_groups=groups)))
    rows = Trace.open(tmp_path).array("class_curve", "a")
    assert rows is not None
    assert rows[:, 0].tolist() == [15, 30, 60]


def test_features_are_made_once_for_the_same_images(monkeypatch: pytest.MonkeyPatch) -> None:
    from netvet.audit import features

    asked: list[int] = []
    true = features.extract

    def counted(images: NDArray[np.uint8], **_options: object) -> features.Features:
        asked.append(len(images))
        return true(images, kind="handmade")

    monkeypatch.setattr(features, "extract", counted)
    images, others = squares(), squares(seed=1)
    first = _described.described(images)
    assert _described.described(replace(images, labels=images.labels[::-1])) is first
    assert not np.array_equal(_described.described(others), first)
    assert asked == [180, 180]
