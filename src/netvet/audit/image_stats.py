"""One pass over all images: a thumbnail, a hash of the pixels and what can be measured of the quality of each.

Images are read block by block from the memory-mapped cache, and the pages that were read are given back, so that the
memory that is used does not grow with the pixels; what is kept of an image is its row of `ImageStats`, about 1 kB.

Sources: the Laplacian as a measure of focus, Pech-Pacheco et al. 2000, https://doi.org/10.1109/ICPR.2000.903548; a
comparison of such measures, Pertuz et al. 2013, https://doi.org/10.1016/j.patcog.2012.11.011.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from netvet.audit.colours import BINS, histogram
from netvet.audit.frames import content, framed

SIDE = 16  # of a thumbnail
COARSE = 32  # pixels a side at which colours are counted
SHARP = 64  # pixels a side at which quality is measured: the same for every image, whatever the cache holds
BLOCK = 64
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
WHITE = 250
_TINY_ENERGY = 1e-7

Advance = Callable[[int], None]


@dataclass(frozen=True)
class ImageStats:
    """What is measured of each image; n rows.

    Attributes:
        thumbnails: (n, 16, 16, 3) RGB 0..255, means of blocks (fewer pixels a side where the images are smaller), of
            the pictures without their frames (`netvet.audit.frames`), as light, contrast and glare.
        colours: (n, 216) histogram, as `netvet.audit.colours` makes it.
        hashes: (n,) of the decoded pixels; equal for exact copies.
        detail: log10 of the energy of the Laplacian at 64 px over that at 32 px. Falls where the finest detail is gone;
            does not depend on contrast.
        outline: log10 of the energy of the Laplacian at 32 px over that at 8 px, less what the noise at 64 px would
            give there. Falls where a blur is wide, also under sensor noise, which hides it from `detail`.
        light: the 90th percentile of luma, 0..1: low where even the bright parts are dark.
        contrast: the standard deviation of luma, 0..0.5.
        glare: share of the pixels whose three channels are all at least 250, 0..1.
    """

    thumbnails: NDArray[np.uint8]
    colours: NDArray[np.uint8]
    hashes: NDArray[np.uint64]
    detail: NDArray[np.float32]
    outline: NDArray[np.float32]
    light: NDArray[np.float32]
    contrast: NDArray[np.float32]
    glare: NDArray[np.float32]


def look(images: NDArray[np.uint8], *, workers: int = 2, advance: Advance | None = None) -> ImageStats:
    """Measure every image of (n, size, size, 3). `advance` is called with the number of images done."""
    n, size = images.shape[:2]
    side = min(SIDE, size)
    thumbnails = np.empty((n, side, side, 3), np.uint8)
    colours, hashes = np.empty((n, BINS**3), np.uint8), np.empty(n, np.uint64)
    numbers = np.empty((5, n), np.float32)

    def work(start: int) -> int:
        rows = slice(start, min(n, start + BLOCK))
        block = np.array(images[rows])
        frame = framed(block)
        seen = content(block, frame)
        pixels = seen.pixels.astype(np.float32)
        thumbnails[rows] = np.rint(shrink(pixels, side))
        cells = min(COARSE, size)
        colours[rows] = histogram(
            shrink(pixels, cells), shrink(seen.frame[..., None].astype(np.float32), cells)[..., 0]
        )
        hashes[rows] = [int.from_bytes(blake2b(image.data, digest_size=8).digest(), "big") for image in block]
        numbers[:, rows] = quality(block, frame)
        return len(block)

    for done in each_block(images, work, BLOCK, workers):
        if advance is not None:
            advance(done)
    return ImageStats(thumbnails, colours, hashes, *numbers)


def quality(block: NDArray[np.uint8], frame: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    """`detail`, `outline`, `light`, `contrast`, `glare` of (k, size, size, 3), as (5, k); the last three of what
    is not `frame`, (k, size, size).
    """
    size = block.shape[1]
    frame = framed(block) if frame is None else frame
    pixels = np.asarray(block @ LUMA, np.float32)[..., None]
    luma = shrink(pixels, min(SHARP, size))[..., 0] / np.float32(255)
    side = luma.shape[1] // 8 * 8
    scales: list[NDArray[np.float32]] = [luma[:, :side, :side]]
    for _step in range(3):
        scales.append(shrink(scales[-1][..., None], scales[-1].shape[1] // 2)[..., 0])
    energy = [_laplacian(scale).var(axis=(1, 2)) if scale.shape[1] >= 3 else np.zeros(len(block)) for scale in scales]
    # white noise of variance v gives the Laplacian 20 v, and a quarter of that after each halving
    middle, low = energy[1] - energy[0] / 4, energy[3] - energy[0] / 64
    light, contrast, glare = _levels(luma, frame, np.asarray((block >= WHITE).all(axis=-1), np.bool_))
    return np.stack(
        [
            np.log10(np.maximum(energy[0], _TINY_ENERGY)) - np.log10(np.maximum(energy[1], _TINY_ENERGY)),
            np.log10(np.maximum(middle, _TINY_ENERGY)) - np.log10(np.maximum(low, _TINY_ENERGY)),
            light,
            contrast,
            glare,
        ]
    ).astype(np.float32)


def _levels(
    luma: NDArray[np.float32], frame: NDArray[np.bool_], white: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """`light`, `contrast`, `glare`. `luma`: (k, side, side); `frame`, `white`: (k, size, size). Of a picture that is
    all frame, what it is as a whole.
    """
    flat = luma.reshape(len(luma), -1)
    light, contrast = np.quantile(flat, 0.9, axis=1), flat.std(axis=1)
    glare = white.mean(axis=(1, 2))
    inner = shrink(frame.astype(np.float32)[..., None], luma.shape[1])[..., 0] < 0.5
    for row in np.flatnonzero(frame.any(axis=(1, 2))).tolist():
        if inner[row].any() and not frame[row].all():
            kept = luma[row][inner[row]]
            light[row], contrast[row] = np.quantile(kept, 0.9), kept.std()
            glare[row] = white[row][~frame[row]].mean()
    return light, contrast, glare


def shrink(block: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """(k, size, size, channels) to (k, side, side, channels) by the means of blocks; `side` at most the size."""
    size = block.shape[1]
    if size == side:
        return block
    if size % side == 0:
        step = size // side
        shape = (len(block), side, step, side, step, block.shape[3])
        return block.reshape(shape).mean(axis=(2, 4))  # type: ignore[no-any-return]
    edges = np.linspace(0, size, side + 1).astype(np.int64)
    total = np.add.reduceat(np.add.reduceat(block, edges[:-1], axis=1), edges[:-1], axis=2)
    lengths = np.diff(edges).astype(np.float32)
    return np.asarray(total / (lengths[:, None] * lengths)[..., None], np.float32)


def _laplacian(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    inner = luma[:, 1:-1, 1:-1]
    return np.asarray(
        luma[:, :-2, 1:-1] + luma[:, 2:, 1:-1] + luma[:, 1:-1, :-2] + luma[:, 1:-1, 2:] - 4 * inner, np.float32
    )


def each_block(images: NDArray[np.uint8], work: Callable[[int], int], block: int, workers: int) -> Iterator[int]:
    """Calls `work` with the first row of each block, in threads (NumPy lets go of the GIL); gives back what it says.

    Pages of a memory-mapped file are released as it goes.
    """
    with ThreadPoolExecutor(workers) as pool:
        for at, done in enumerate(pool.map(work, range(0, len(images), block))):
            if at % 16 == 15:
                release(images)
            yield done
    release(images)


def release(images: NDArray[np.uint8]) -> None:
    """Give the pages of a memory-mapped array back to the system; they are read again when they are needed."""
    owner: object = images
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)
