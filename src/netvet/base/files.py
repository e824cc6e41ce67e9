"""Files that are whole or not there: written beside, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole(path: Path, *, part: Path | None = None, sync: bool = False) -> Iterator[BinaryIO]:
    """A file to write, which gets its name when the block ends; where the block fails, what was there before stays.

    `part`: what is written meanwhile, in the same folder, by default `path` with `.part`; one of its own where several
    processes may write at once. `sync`: wait until the disk has it, so that it outlives a power cut. Raises OSError.
    """
    beside = part or path.with_name(path.name + ".part")
    try:
        with beside.open("wb") as file:
            yield file
            file.flush()
            if sync:
                os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def put(path: Path, text: str, *, part: Path | None = None) -> Path:
    """Write a text file in UTF-8, whole or not at all (see `whole`); returns its path."""
    with whole(path, part=part) as file:
        file.write(text.encode("utf-8"))
    return path
