"""Shifted splits: planted shifts are found, chance and clusters are not taken for one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from netvet.audit import shift

Ints = NDArray[np.int64]


def animals(n: int = 150, frames: int = 4, seed: int = 0) -> tuple[NDArray[np.float32], Ints, Ints]:
    """Features, labels and groups: frames of one animal lie close together, as in a film."""
    random = np.random.default_rng(seed)
    kind = np.arange(n) % 3
    body = random.normal(size=(n, 12)) + kind[:, None]
    values = body.repeat(frames, axis=0) + random.normal(0, 0.2, (n * frames, 12))
    return values.astype(np.float32), kind.repeat(frames), np.arange(n).repeat(frames)


def split_of(groups: NDArray[np.int64], seed: int = 0) -> NDArray[np.int8]:
    """60, 20 and 20 % of the groups."""
    part = np.random.default_rng(seed).choice(3, int(groups.max()) + 1, p=(0.6, 0.2, 0.2))
    return np.asarray(part[groups], np.int8)


@pytest.mark.parametrize("seed", range(6))
def test_a_split_by_chance_is_not_shifted(seed: int) -> None:
    values, kinds, groups = animals(seed=seed)
    found = shift.compare(values, kinds, split_of(groups, seed), groups)
    assert not [each for each in found.found if each.shifted]


def test_a_split_that_was_filmed_elsewhere_is_shifted() -> None:
    values, kinds, groups = animals()
    split = split_of(groups)
    values[split == 2, 0] += 2.0
    found = shift.compare(values, kinds, split, groups)
    assert {each.split for each in found.found if each.shifted and each.where < 0} == {"test"}
    assert set(found.strangest["test"].tolist()) == set(np.flatnonzero(split == 2).tolist())


def test_one_class_that_was_filmed_elsewhere_is_named() -> None:
    values, kinds, groups = animals(n=300)
    split = split_of(groups)
    values[(split == 1) & (kinds == 2), 0] += 4.0
    found = shift.compare(values, kinds, split, groups)
    worst = max((each for each in found.found if each.where >= 0), key=lambda each: each.auc)
    assert (worst.split, worst.where, worst.shifted) == ("val", 2, True)


def test_other_proportions_of_the_classes_are_no_shift() -> None:
    values, kinds, groups = animals(n=400)
    split = split_of(groups)
    keep = (split != 1) | (kinds == 0) | (groups % 5 == 0)
    found = shift.compare(values[keep], kinds[keep], split[keep], groups[keep])
    assert not [each for each in found.found if each.shifted and each.where < 0]


def test_a_split_that_is_too_small_is_not_judged() -> None:
    values, kinds, groups = animals(n=40, frames=1)
    split = np.zeros(40, np.int8)
    split[:3] = 1
    assert shift.compare(values, kinds, split, groups).found == ()
