"""Features of a patient's images that owe nothing to its run, and which images are of one animal, for the exams that
judge the data: described once, though several exams ask.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from netvet.images.dataset import ImageSet

Floats = NDArray[np.float32]

_last: tuple[weakref.ref[NDArray[np.uint8]], Floats] | None = None


def described(images: ImageSet) -> Floats:
    """(n, d) features as `netvet.audit.features` makes them: pretrained where the weights are there, else handmade."""
    import torch

    from netvet.audit import features

    global _last
    if _last is not None and _last[0]() is images.images:
        return _last[1]
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):  # building a network draws random numbers
        values = features.extract(images.images).values
    values.setflags(write=False)
    _last = weakref.ref(images.images), values
    return values


def member(images: ImageSet, rows: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """The number of the group of each row (of all); of its near-duplicates, where no groups are known."""
    from netvet.audit import duplicates, looks

    chosen = np.arange(len(images.labels)) if rows is None else rows
    known, pixels = images.known_groups, images.images if rows is None else images.images[chosen]
    return duplicates.members(
        None if known is None else known[chosen],
        len(chosen),
        lambda: duplicates.find(looks.look(pixels), images.labels[chosen], None, pixels),
    )
