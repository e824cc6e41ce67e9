"""Which colours a picture has, wherever they are: a second thing that pictures of one scene share.

A histogram of 6 x 6 x 6 cells of red, green and blue at 32 px, each pixel shared by the eight cells around it, without
the picture's frame (`netvet.audit.frames`); two pictures are compared by the Bhattacharyya coefficient (1943), the
cosine of the roots of their histograms, 0..1. Other fish before another part of a reef may fill a 16 px thumbnail in
the same way; they seldom have the same colours too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netvet.audit.pairs import cosines

BINS = 6

Rows = NDArray[np.int64]


def histogram(pixels: NDArray[np.float32], frame: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The roots of the shares of the cells, in 255ths: (k, 216) of (k, side, side, 3), 0..255. `frame`: (k, side,
    side), the share of each pixel that is frame and does not count.
    """
    place = np.clip(pixels / 256 * BINS - 0.5, 0, BINS - 1)
    low = np.floor(place).astype(np.int64)
    above, high = place - low, np.minimum(low + 1, BINS - 1)
    cells = np.zeros(len(pixels) * BINS**3)
    for corner in range(8):
        index, weight = np.arange(len(pixels))[:, None, None], 1 - frame.astype(np.float64)
        for channel in range(3):
            upper = corner >> channel & 1
            index = index * BINS + (high if upper else low)[..., channel]
            weight = weight * (above if upper else 1 - above)[..., channel]
        cells += np.bincount(index.ravel(), weight.ravel(), minlength=len(cells))
    shares = cells.reshape(len(pixels), -1)
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-6)
    return np.asarray(np.rint(255 * np.sqrt(shares)), np.uint8)


def likeness(histograms: NDArray[np.uint8], pairs: Rows) -> NDArray[np.float32]:
    """The Bhattacharyya coefficient of the two of each pair of rows, 0..1."""
    return cosines(histograms, pairs, _unit)


def _unit(roots: NDArray[np.uint8]) -> NDArray[np.float32]:
    values = roots.astype(np.float32)
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6), np.float32)
