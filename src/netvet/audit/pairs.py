"""Pairs of images compared by what is known of each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

BLOCK = 8_192  # rows held as float32 at once

Bytes = NDArray[np.uint8]


def cosines(
    values: Bytes, pairs: NDArray[np.int64], unit: Callable[[Bytes], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """(k,) the product of the two of each pair of rows, each made a vector of unit length, -1..1; block by block."""
    found = np.empty(len(pairs), np.float32)
    for start in range(0, len(pairs), BLOCK):
        part = slice(start, start + BLOCK)
        one, other = (unit(values[pairs[part, k]]) for k in (0, 1))
        found[part] = np.einsum("ij,ij->i", one, other)
    return found
