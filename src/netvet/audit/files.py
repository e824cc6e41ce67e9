"""What the headers of the files say: size, channels and format, before anything is decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from netvet.images.decode import FORMATS, strictly
from netvet.images.sources import open_source


@dataclass(frozen=True)
class Headers:
    """`width`, `height`: (n,) pixels as stored, 0 where a header could not be read. `mode`: (n,) Pillow's name of the
    channels ("RGB", "L", "CMYK"...). `format`: (n,) "JPEG", "PNG"...
    """

    width: NDArray[np.int64]
    height: NDArray[np.int64]
    mode: tuple[str, ...]
    format: tuple[str, ...]

    @property
    def side(self) -> NDArray[np.float64]:
        """(n,) the square root of width x height: what one number says of a size."""
        return np.asarray(np.sqrt(self.width * self.height), np.float64)

    def summary(self) -> dict[str, Any]:
        """Sizes, modes and formats as plain values."""
        quantiles = {"smallest": 0.0, "median": 0.5, "largest": 1.0}
        return {
            "width": {name: int(np.quantile(self.width, q)) for name, q in quantiles.items()},
            "height": {name: int(np.quantile(self.height, q)) for name, q in quantiles.items()},
            "modes": dict(Counter(self.mode).most_common()),
            "formats": dict(Counter(self.format).most_common()),
        }


def headers(source: str, paths: Sequence[str], *, workers: int = 2) -> Headers | None:
    """The headers of the images of a set, in the order of `paths`; None for a source that has no files (the reef)."""
    files = open_source(source).files()
    if files is None:
        return None

    def one(path: str) -> tuple[int, int, str, str]:
        try:
            with Image.open(files[path], formats=FORMATS) as image:
                return image.width, image.height, image.mode, image.format or "?"
        except (OSError, ValueError, KeyError, SyntaxError, Image.DecompressionBombError):
            return 0, 0, "?", "?"  # changed since it was decoded

    with strictly(), ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(one, paths, chunksize=64))
    width, height, mode, kind = zip(*found, strict=True) if found else ((), (), (), ())
    return Headers(np.array(width, np.int64), np.array(height, np.int64), tuple(mode), tuple(kind))
