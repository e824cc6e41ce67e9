"""What the exams measure by which a class is marked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from netvet.exams.label_audit import cores, torn
from netvet.exams.quality_shortcut import as_poor
from netvet.images.dataset import ImageSet


def test_the_core_of_a_class_shows_labels_that_contradict_it() -> None:
    labels = np.repeat([0, 1], 40)
    probabilities = np.where(labels[:, None] == np.arange(2), 0.9, 0.1)
    renamed = labels.copy()
    renamed[:24] = 1  # 60 % of class 0
    found = cores(probabilities, renamed)
    assert found["label_core_wrong"][0] > 0.5
    assert found["label_core_wrong"][1] == 0
    assert found["label_core_class"][0] == 1
    assert found["label_core_back"][0] == 0
    assert max(cores(probabilities, labels)["label_core_wrong"].values()) == 0


def test_a_class_of_few_images_has_no_core() -> None:
    labels = np.array([0] * 20 + [1] * 3)
    assert 1 not in cores(np.full((23, 2), 0.5), labels)["label_core_wrong"]


def test_groups_are_torn_where_their_labels_differ() -> None:
    groups = np.repeat(np.array(["a", "b", "c"]), 4)
    labels = np.array([0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3])
    images = cast("ImageSet", SimpleNamespace(known_groups=groups, labels=labels, classes=("w", "x", "y", "z")))
    found = torn(images)
    assert found["label_torn"][0] == pytest.approx(4 / 5)
    assert found["label_torn"][2] == 0
    assert found["label_torn_pairs"][3] == 6


def pictures(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 32, 32, 3)).astype(np.uint8)


def test_other_images_are_blurred_as_far_as_the_class_is() -> None:
    images = pictures(40)
    soft = gaussian_filter(images[:20].astype(np.float32), (0, 1.6, 1.6, 0))
    images[:20] = soft.astype(np.uint8)
    changed = as_poor(images, np.repeat([0, 1], 20), np.arange(20, 40), 0, "blur")
    assert changed is not None
    assert changed[1] == pytest.approx(1.6, abs=0.4)


def test_a_class_that_is_no_darker_at_this_size_is_not_darkened_to() -> None:
    images = pictures(40)
    assert as_poor(images, np.repeat([0, 1], 20), np.arange(20, 40), 0, "dark") is None
    images[:20] //= 4
    changed = as_poor(images, np.repeat([0, 1], 20), np.arange(20, 40), 0, "dark")
    assert changed is not None
    assert changed[1] == pytest.approx(0.25, abs=0.02)
