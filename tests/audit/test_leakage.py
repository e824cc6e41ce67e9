"""Leakage: planted twins are found, by group and by look, and a clean split is left alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from netvet.audit.leakage import leakage
from netvet.images.dataset import ImageSet, load


def image_set(
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    split: NDArray[np.int8],
    groups: NDArray[np.str_] | None = None,
) -> ImageSet:
    n = len(labels)
    return ImageSet(
        classes=("a", "b"),
        images=pixels,
        labels=labels,
        groups=None,
        known_groups=groups,
        paths=tuple(f"{i}.png" for i in range(n)),
        split=split,
        rejected=(),
        notes=(),
        digest="",
    )


@pytest.fixture
def noise() -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int8]]:
    """60 pictures that have nothing in common: 40 training, 10 validation, 10 test."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    return pixels, np.arange(60) % 2, np.repeat([0, 1, 2], [40, 10, 10]).astype(np.int8)


def test_nothing_leaks_where_nothing_is_alike(
    noise: tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int8]],
) -> None:
    found = leakage(image_set(*noise))
    assert found.shares["val"] == {"leaked_share": 0, "leaked_by_look": 0}
    assert found.shares["test"] == {"leaked_share": 0, "leaked_by_look": 0}
    assert len(found.pairs) == 0


def test_copies_that_were_relit_and_shaken_are_found(
    noise: tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int8]],
) -> None:
    pixels, labels, split = noise
    random = np.random.default_rng(1)
    for held, twin in ((40, 0), (41, 1), (50, 2)):
        copy = pixels[twin].astype(float) * 0.8 + random.normal(0, 8, pixels[twin].shape)
        pixels[held] = copy.clip(0, 255).astype(np.uint8)
    found = leakage(image_set(pixels, labels, split))
    assert found.shares["val"]["leaked_by_look"] == pytest.approx(0.2)
    assert found.shares["test"]["leaked_by_look"] == pytest.approx(0.1)
    assert {tuple(pair) for pair in found.pairs.tolist()} == {(40, 0), (41, 1), (50, 2)}


def test_a_copy_of_another_class_raises_the_limit_instead(
    noise: tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int8]],
) -> None:
    """Where other classes come as close, looking alike means nothing: one background, one camera."""
    pixels, labels, split = noise
    pixels[:] = np.clip(pixels[0] * 0.9 + pixels * 0.05, 0, 255)
    assert leakage(image_set(pixels, labels, split)).shares["val"]["leaked_by_look"] == 0


def test_groups_on_both_sides_are_found_and_shown_with_their_nearest(
    noise: tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int8]],
) -> None:
    pixels, labels, split = noise
    groups = np.array([f"g{i}" for i in range(60)])
    groups[44] = groups[54] = groups[4]
    found = leakage(image_set(pixels, labels, split, groups))
    assert found.shares["val"]["leaked_by_group"] == pytest.approx(0.1)
    assert found.shares["test"]["leaked_share"] == pytest.approx(0.1)
    assert {tuple(pair) for pair in found.pairs.tolist()} == {(44, 4), (54, 4)}


def test_real_fish_leak_when_split_at_random_and_not_by_track(f4k23: Path) -> None:
    loose, kept = (load(str(f4k23), image_size=64, group=group) for group in ("none", "auto"))
    random, by_track = leakage(loose), leakage(kept)
    assert random.shares["val"]["leaked_by_group"] > 0.7
    assert random.shares["val"]["leaked_by_look"] > 0.1
    assert by_track.shares["val"]["leaked_by_group"] == 0
    assert by_track.shares["val"]["leaked_by_look"] < 0.05
