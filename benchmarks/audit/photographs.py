"""The photographs that errors are planted in, as `netvet inspect` sees them."""

from __future__ import annotations

import os
from pathlib import Path

from netvet.base.errors import BadInput
from netvet.images.dataset import ImageSet, load

SIZE = 128  # pixels a side, as in `netvet inspect` for sets of this size


def folder(given: str | None = None) -> str:
    """The folder of f4k23."""
    root = Path(given or os.environ.get("NETVET_DATA") or Path(__file__).parents[3] / "shared" / "data" / "f4k23")
    if not (root / "manifest.csv").is_file():
        raise BadInput(f"The photographs f4k23 are not in {root}: set NETVET_DATA, or give --data.")
    return str(root)


def photographs(data: str, *, size: int = SIZE, group: str = "auto") -> ImageSet:
    """All of them; `group="none"` splits them by chance and not by trajectory."""
    return load(data, image_size=size, group=group)
