"""Features of a context's images that owe nothing to its run, and which images are asked about and which of them are of
one animal, for the exams that judge the data: described once, though several exams ask.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from netvet.audit import duplicates, features, image_stats
from netvet.audit.leakage import as_inspected
from netvet.base.arrays import Floats32
from netvet.base.errors import BadInput

if TYPE_CHECKING:
    from netvet.audit.features import Kind
    from netvet.images.dataset import ImageSet


SIDE, MOST = 128, 4_000  # pixels a side that features look at; images of which as many are held at that size
_kept: tuple[weakref.ref[NDArray[np.uint8]], dict[tuple[str, str], Any]] | None = None
Made = TypeVar("Made")


def described(images: ImageSet, source: str = "") -> Floats32:
    """(n, d) features as `netvet.audit.features` makes them: pretrained where the weights are there, else handmade; of
    the images as they are stored where their `source` is named.
    """

    def make() -> Floats32:
        values = describe(as_stored(images, source) if source else images.images)
        values.setflags(write=False)
        return values

    return _once(images, ("features", source), make)


def looked_at(images: ImageSet, source: str) -> image_stats.ImageStats:
    """What one look at the images as they are stored tells."""
    return _once(images, ("looks", source), lambda: image_stats.look(as_stored(images, source)))


def as_stored(images: ImageSet, source: str) -> NDArray[np.uint8]:
    """(n, size, size, 3): the images from their files at `SIDE` pixels a side, where the run's own are smaller and not
    more than `MOST`; else, and where a file is no longer there, the run's own.
    """
    if images.images.shape[1] >= SIDE or len(images.labels) > MOST:
        return images.images
    found = _once(images, ("pixels", source), lambda: _from_files(images, source))
    return images.images if found is None else found


def _from_files(images: ImageSet, source: str) -> NDArray[np.uint8] | None:
    """None where the images are not those of files that are there: the run's own are not to be kept here."""
    try:
        found = as_inspected(images, source, SIDE)
    except BadInput:
        return None
    return None if found is images else found.images


def _once(images: ImageSet, key: tuple[str, str], make: Callable[[], Made]) -> Made:
    """What was made of these images, or is made now: kept until other images are asked about."""
    global _kept
    if _kept is None or _kept[0]() is not images.images:
        _kept = weakref.ref(images.images), {}
    made = _kept[1]
    if key not in made:
        made[key] = make()
    return made[key]  # type: ignore[no-any-return]


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
