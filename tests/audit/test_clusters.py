"""The forms of a class: clouds that are apart are found, one cloud is not, and frames of one animal count once."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from netvet.audit.clusters import clusters

Clouds = tuple[NDArray[np.float64], NDArray[np.int64]]


def clouds(apart: float, *, kinds: int = 3, each: int = 20, seed: int = 0) -> Clouds:
    """Four classes of one cloud each, 6 from the origin; a fifth of so many clouds, `apart` from the origin."""
    random = np.random.default_rng(seed)
    axes = np.eye(12)
    centres = [(6 * axes[k], k) for k in range(4) for _ in range(3)]
    centres += [(apart * axes[4 + j], 4) for j in range(kinds)]
    points = np.concatenate([centre + random.normal(0, 1, (each, 12)) for centre, _ in centres])
    return points, np.repeat([k for _, k in centres], each)


def test_clouds_that_lie_apart_are_forms() -> None:
    points, labels = clouds(12)
    found = clusters(points, labels, np.arange(len(labels)), 4)
    assert found is not None
    assert found.count == 3
    assert found.distance > 1.5
    assert found.chance == 0
    assert np.bincount(found.form).tolist() == [20, 20, 20]
    assert all(len(set(found.form[20 * j : 20 * j + 20])) == 1 for j in range(3))
    assert np.array_equal(labels[found.rows], np.full(60, 4))


@pytest.mark.parametrize("seed", range(4))
def test_one_cloud_is_parted_and_told_as_chance(seed: int) -> None:
    points, labels = clouds(6, kinds=1, each=60, seed=seed)
    found = clusters(points, labels, np.arange(len(labels)), 4)
    assert found is None or found.chance > 0.05


def test_frames_of_one_animal_count_once() -> None:
    """Five animals of 60 frames are five observations: too few for forms, however far apart their frames lie."""
    points, labels = clouds(12)
    member = np.arange(len(labels))
    member[labels == 4] = 1000 + np.arange(60) // 12
    assert clusters(points, labels, member, 4) is None


def test_a_class_alone_has_nothing_to_be_measured_against() -> None:
    points, labels = clouds(12)
    mine = labels == 4
    assert clusters(points[mine], labels[mine], np.arange(60), 4) is None


def test_the_same_images_give_the_same_forms() -> None:
    points, labels = clouds(4)
    once, again = (clusters(points, labels, np.arange(len(labels)), 4, draws=5) for _ in range(2))
    assert once is not None
    assert again is not None
    assert (once.count, once.silhouette, once.chance) == (again.count, again.silhouette, again.chance)
