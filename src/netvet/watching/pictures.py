"""Pictures in what a network is fed, whatever their layout."""

from __future__ import annotations

import math

from torch import Tensor


def pictures(images: Tensor) -> Tensor | None:
    """Images as (n, channels, height, width), a view where possible: as they are, rows of pixels (n, height, width) as
    one channel, flat pixels (n, pixels) as one square or three. None for an input that is none of these.
    """
    if images.ndim == 4:
        return images
    if images.ndim == 3:
        return images[:, None]
    if images.ndim != 2:
        return None
    for channels in (1, 3):
        side = math.isqrt(images.shape[1] // channels)
        if side > 3 and channels * side**2 == images.shape[1]:
            return images.reshape(-1, channels, side, side)
    return None
