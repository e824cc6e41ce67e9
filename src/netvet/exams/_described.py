"""Features of a context's images that owe nothing to its run, and which images are asked about and which of them are of
one animal, for the exams that judge the data: described once, though several exams ask.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from netvet.audit import duplicates, features, image_stats
from netvet.base.arrays import Floats32

if TYPE_CHECKING:
    from netvet.audit.features import Kind
    from netvet.images.dataset import ImageSet


_last: tuple[weakref.ref[NDArray[np.uint8]], Floats32] | None = None


def described(images: ImageSet) -> Floats32:
    """(n, d) features as `netvet.audit.features` makes them: pretrained where the weights are there, else handmade."""
    global _last
    if _last is not None and _last[0]() is images.images:
        return _last[1]
    values = describe(images.images)
    values.setflags(write=False)
    _last = weakref.ref(images.images), values
    return values


def describe(pixels: NDArray[np.uint8], kind: Kind = "auto") -> Floats32:
    """(n, d) features of (n, size, size, 3); random numbers stay as they are."""
    import torch

    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):  # building a network draws random numbers
        return features.extract(pixels, kind=kind).values


def sample(labels: NDArray[np.int64], classes: Sequence[int], most: int) -> NDArray[np.int64]:
    """At most so many rows of each of the classes, ascending, always the same."""
    random = np.random.default_rng(0)
    chosen = [random.permutation(np.flatnonzero(labels == k))[:most] for k in classes]
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def member(images: ImageSet, rows: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """The number of the group of each row (of all); of its near-duplicates, where no groups are known."""
    chosen = np.arange(len(images.labels)) if rows is None else rows
    known = images.known_groups

    def near() -> duplicates.Duplicates:
        pixels = images.images if rows is None else images.images[chosen]
        return duplicates.find(image_stats.look(pixels), images.labels[chosen], None, pixels)

    return duplicates.members(None if known is None else known[chosen], images.labels[chosen], near)
