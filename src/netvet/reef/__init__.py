"""The reef: synthetic fish to try netvet on, with faults planted on purpose.

Each class is an invented species with its own body outline, fins, tail, pattern and palette; pose, scale, light, tint
and turbidity of the water, weed in front and the scene behind vary from image to image. The same options paint the same
pixels (on one kind of processor and version of NumPy), and no image depends on how many others are painted or in what
order: it is drawn from the seed, its species and its number.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from netvet.base.errors import BadInput
from netvet.locale import _

from .faults import class_sizes, plan, reencode
from .options import Reef, parse
from .renderer import render_chunk

__all__ = ["Reef", "RenderedReef", "class_sizes", "load_reef", "parse", "render"]

_CHUNK_PIXELS = 2**16
_SIZES = (16, 1024)
_MOST_BYTES = 2**33


@dataclass(frozen=True)
class RenderedReef:
    """A rendered reef.

    images: uint8 (images, size, size, 3), RGB. labels: int64 (images,), the numbers of `classes`, noise included.
    groups: int64 (images,), the number of the fish, or None when every image is another fish.
    split: int8 (images,), 0 train, 1 val, 2 test, or None when no split was asked for.
    truth: what was planted, one value an image: `label` the clean class, `mislabelled`, `degraded` (blurred or
        darkened), `morph` (0 = the class's own look), `fish`, `duplicate_of` (row of the copied image, -1 = none), and
        `faulty`: any of mislabelled, degraded, a duplicate.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    groups: npt.NDArray[np.int64] | None
    split: npt.NDArray[np.int8] | None
    truth: dict[str, npt.NDArray[np.int64] | npt.NDArray[np.bool_]]


def render(reef: Reef, image_size: int = 64, *, workers: int | None = None, chunk: int | None = None) -> RenderedReef:
    """Paints the reef at 16..1024 pixels a side; raises BadInput for another size and for more than 8 GiB of images.

    workers: threads, default one a core. chunk: images painted at once. The pixels do not depend on either.
    """
    low, high = _SIZES
    if not low <= image_size <= high:
        raise BadInput(
            _("The reef cannot be rendered at {size} pixels; use an image size from {low} to {high}.").format(
                size=image_size, low=low, high=high
            )
        )
    count = int(class_sizes(reef).sum())
    if count * image_size**2 * 3 > _MOST_BYTES:
        raise BadInput(
            _("A reef of {n} images of {size} pixels needs more than 8 GiB; lower n, species or the size.").format(
                n=count, size=image_size
            )
        )
    sketch = plan(reef)
    images = np.empty((count, image_size, image_size, 3), np.uint8)
    original = np.flatnonzero(sketch.duplicate_of < 0)
    step = chunk or max(1, _CHUNK_PIXELS // image_size**2)

    def fill(start: int) -> None:
        rows = original[start : start + step]
        genomes = sketch.looks[sketch.look[rows]]
        images[rows] = render_chunk(reef, genomes, sketch.species[rows], sketch.index[rows], image_size)

    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        for _done in pool.map(fill, range(0, len(original), step)):
            pass
    for row in np.flatnonzero(sketch.duplicate_of >= 0):
        images[row] = reencode(images[sketch.duplicate_of[row]], reef.seed, int(row))
    mislabelled = sketch.labels != sketch.species
    victim = (sketch.species >= reef.victim) & (sketch.species < reef.victim + reef.victims)
    degraded = victim & (reef.blur > 0 or reef.dark > 0)
    return RenderedReef(
        images=images,
        labels=sketch.labels,
        classes=sketch.names,
        groups=sketch.group if reef.groups > 1 else None,
        split=sketch.split,
        truth={
            "label": sketch.species,
            "mislabelled": mislabelled,
            "degraded": degraded,
            "morph": sketch.morph,
            "fish": sketch.group,
            "duplicate_of": sketch.duplicate_of,
            "faulty": mislabelled | degraded | (sketch.duplicate_of >= 0),
        },
    )


def load_reef(
    options: str, image_size: int
) -> tuple[
    npt.NDArray[np.uint8],
    npt.NDArray[np.int64],
    tuple[str, ...],
    npt.NDArray[np.int64] | None,
    npt.NDArray[np.int8] | None,
]:
    """Images, labels, class names, groups and split (as in `RenderedReef`) of `reef:OPTIONS`. Raises BadInput."""
    painted = render(parse(options), image_size)
    return painted.images, painted.labels, painted.classes, painted.groups, painted.split
