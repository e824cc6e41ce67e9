"""Held-out images that have a twin among the training images: of the same group, or nearly the same picture.

`netvet inspect` and the record of a run tell the same numbers: both ask the same search (`netvet.audit.duplicates`), at
the same size of the pictures. On 4,179 underwater photographs of 1,348 tracked fish it finds 1.1 to 2.8 % of the
validation or test images of a split by track (two splits), and 29 % of a random one where tracks are unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from netvet.audit.duplicates import Duplicates, find
from netvet.audit.image_stats import look
from netvet.images.dataset import ImageSet
from netvet.images.sources import open_source
from netvet.images.splits import TRAIN

FINE, COARSE = 128, 64  # pixels a side at which the pictures of a source are looked at; the finer for at most `MANY`
MANY = 20_000  # images: at 128 px these take 1 GB of the disk
HELD_OUT = {"val": 1, "test": 2}

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Leakage:
    """`shares`: split -> observation name -> share 0..1. `pairs`: (k, 2) rows of the set, held out and training,
    closest first.
    """

    shares: dict[str, dict[str, float]]
    pairs: Rows


def leakage(images: ImageSet, found: Duplicates | None = None) -> Leakage:
    """How much of the validation and the test split has a twin in training, and which pairs. `found`: what a search of
    these images found, where there was one.
    """
    if found is None:
        found = find(look(images.images), images.labels, images.known_groups, images.images)
    known, shares = images.known_groups, dict[str, dict[str, float]]()
    across = found.pairs[found.across(images.split)]
    across = across[(images.split[across] >= TRAIN).all(axis=1)]  # images that were left out are in no split
    swapped = images.split[across[:, 0]] == TRAIN
    pairs = np.where(swapped[:, None], across[:, ::-1], across)
    touched = np.zeros(len(images.labels), np.bool_)
    touched[pairs[:, 0]] = True
    for name, number in HELD_OUT.items():
        mine = images.split == number
        if not mine.any() or not (images.split == TRAIN).any():
            continue
        leaked, numbers = touched[mine], {"leaked_by_look": float(touched[mine].mean())}
        if known is not None:
            by_group = np.isin(known[mine], known[images.split == TRAIN])
            numbers["leaked_by_group"], leaked = float(by_group.mean()), leaked | by_group
        shares[name] = {"leaked_share": float(leaked.mean()), **numbers}
    return Leakage(shares, np.concatenate([pairs, _siblings(images, touched)]))


def _siblings(images: ImageSet, touched: NDArray[np.bool_]) -> Rows:
    """Held-out images that share a group with training and are like none of it, each with the first of its group."""
    known = images.known_groups
    if known is None:
        return np.empty((0, 2), np.int64)
    train = images.indices("train")
    names, first = np.unique(known[train], return_index=True)
    held = np.flatnonzero((images.split > TRAIN) & ~touched & np.isin(known, names))
    return np.stack([held, train[first[np.searchsorted(names, known[held])]]], axis=1).astype(np.int64)


def audit_size(source: str) -> int:
    """Pixels a side at which the images of a source are looked at, by how many it lists."""
    count = open_source(source).count()
    return FINE if count is None or count <= MANY else COARSE


def as_inspected(images: ImageSet, source: str, size: int | None = None) -> ImageSet:
    """A set with the pixels that `netvet inspect` sees, or with so many a side, where its images are files of the
    source; as it is otherwise.

    Raises BadInput where the files are no longer there.
    """
    reader = open_source(source)
    files = reader.files()
    if files is None or not all(path in files for path in images.paths):
        return images
    size = size or audit_size(source)
    if images.images.shape[1] == size:
        return images
    raw = reader.read(size, progress=False)
    place = {path: row for row, path in enumerate(raw.paths)}
    if not all(path in place for path in images.paths):
        return images
    rows = np.array([place[path] for path in images.paths], np.int64)
    same = len(rows) == len(raw.paths) and np.array_equal(rows, np.arange(len(rows)))
    return replace(images, images=raw.images if same else raw.images[rows])
