"""What simple features tell of labels: much where there is something, nothing where labels are shuffled."""

from __future__ import annotations

import numpy as np
import pytest

from netvet.watching.likeness import answers, balanced, features, told


def coloured(seed: int, n: int = 90) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    images = random.normal(0, 1, (n, 3, 16, 16))
    images[np.arange(n), labels] += 0.5
    return images, labels


def test_features_tell_what_colours_tell() -> None:
    images, labels = coloured(0)
    found = told(features(images), labels)
    assert found.accuracy > 0.9
    assert found.chance == pytest.approx(1 / 3, abs=0.05)


def test_shuffled_labels_are_at_chance() -> None:
    images, labels = coloured(0)
    found = told(features(images), np.random.default_rng(1).permutation(labels))
    assert abs(found.accuracy - found.chance) < 3 * found.spread


def test_an_image_left_out_is_told_as_if_it_had_never_been_there() -> None:
    images, labels = coloured(2, 30)
    x = features(images)
    rest = np.arange(1, 30)
    assert answers(x[rest], labels[rest], x[:1]).shape == (1,)


def test_other_images_are_told_by_those_that_are_known() -> None:
    (known, labels), (asked, wanted) = coloured(0), coloured(5)
    x = features(np.concatenate([known, asked]))
    assert balanced(answers(x[:90], labels, x[90:]), wanted) > 0.9
