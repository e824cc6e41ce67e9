"""The files of the image cache: where they lie, how they are named, written whole and thrown away."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from netvet.base.errors import BadInput
from netvet.base.files import put
from netvet.images.decode import VERSION
from netvet.locale import _

Images = NDArray[np.uint8]

_KEPT = 30 * 86400  # seconds after its last use for which a pack is kept
_ABANDONED = 86400  # seconds after which a temporary file belongs to no living run


def folder() -> Path:
    """Where decoded images are kept: $NETVET_CACHE, else $XDG_CACHE_HOME/netvet, else ~/.cache/netvet."""
    own = os.environ.get("NETVET_CACHE")
    if own:
        return Path(own).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "netvet"


@dataclass(frozen=True)
class Index:
    """What is remembered of one source.

    Attributes:
        files: path -> size in bytes, modification time in ns, hash of the content.
        packs: image size -> key of the pack that was last written or found.
    """

    files: Mapping[str, tuple[int, int, str]] = field(default_factory=dict)
    packs: Mapping[str, str] = field(default_factory=dict)

    def digest(self, file: str, stamp: tuple[int, int] | None) -> str | None:
        """The hash of a file that is as it was; None for one that is new, changed or gone."""
        entry = self.files.get(file)
        return entry[2] if entry is not None and stamp == (entry[0], entry[1]) else None


@dataclass(frozen=True)
class Store:
    """The folder of the cache. Packs are `packs/KEY.npy` beside `KEY.json` (the hash of each row, and the rejects)."""

    root: Path

    def read_index(self, source: str) -> Index:
        """What is remembered of a source; nothing where that is absent or damaged."""
        try:
            raw = json.loads(self._index_path(source).read_text())
            files = {
                file: (int(size), int(time_ns), str(digest)) for file, (size, time_ns, digest) in raw["files"].items()
            }
            return Index(files, {str(size): str(key) for size, key in raw["packs"].items()})
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return Index()

    def write_index(self, source: str, index: Index) -> None:
        """Remember a source. Raises `BadInput` where the cache cannot be written."""
        with self._complaining(0):
            self._replace(self._index_path(source), json.dumps({"packs": index.packs, "files": index.files}))

    def key(self, digests: Sequence[str], image_size: int) -> str:
        """The name of the pack of files with these hashes, in this order."""
        return blake2b(json.dumps([VERSION, image_size, list(digests)]).encode(), digest_size=16).hexdigest()

    def find(self, digests: Sequence[str], image_size: int) -> tuple[Images, dict[str, str]] | None:
        """The images of a pack and its rejects (hash -> reason); None where it is absent or damaged."""
        key = self.key(digests, image_size)
        try:
            about = json.loads(self._pack(key, "json").read_text())
            images = self._map(key, len(about["rows"]), image_size)
            rejects = {str(digest): str(reason) for digest, reason in about["rejects"].items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        with contextlib.suppress(OSError):  # used just now: `prune` goes by this
            os.utime(self._pack(key, "json"))
        return images, rejects

    def rows(self, index: Index, image_size: int) -> dict[str, Images]:
        """The images by hash, of the pack that the source had last at this size."""
        key = index.packs.get(str(image_size))
        if key is None:
            return {}
        try:
            digests = json.loads(self._pack(key, "json").read_text())["rows"]
            return dict(zip(digests, self._map(key, len(digests), image_size), strict=True))
        except (OSError, ValueError, TypeError, KeyError):
            return {}

    @contextmanager
    def writer(self, count: int, image_size: int) -> Iterator[Writer]:
        """Writes one pack of at most `count` images; nothing stays where the block is left early.

        Raises:
            BadInput: the folder cannot be written, or the disk has too little room.
        """
        needed = count * image_size * image_size * 3
        with self._complaining(needed):
            path = self._pack(f".{uuid.uuid4().hex}", "tmp")
            path.parent.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(path.parent).free < needed:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            try:
                with path.open("w+b") as stream:
                    yield Writer(self, path, stream, image_size)
            finally:
                path.unlink(missing_ok=True)

    def prune(self) -> None:
        """Throw away packs that no run has opened for 30 days, and what killed runs left."""
        now = time.time()
        for pack in self.root.glob("packs/*.npy"):
            about = pack.with_suffix(".json")
            with contextlib.suppress(OSError):
                if now - (about if about.exists() else pack).stat().st_mtime > _KEPT:
                    about.unlink(missing_ok=True)
                    pack.unlink()
        for abandoned in self.root.glob("*/.*.tmp"):
            with contextlib.suppress(OSError):
                if now - abandoned.stat().st_mtime > _ABANDONED:
                    abandoned.unlink()

    def _pack(self, key: str, suffix: str) -> Path:
        return self.root / "packs" / f"{key}.{suffix}"

    def _index_path(self, source: str) -> Path:
        name = blake2b(source.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return self.root / "sources" / f"{name}.json"

    def _map(self, key: str, count: int, image_size: int) -> Images:
        images: Images = np.load(self._pack(key, "npy"), mmap_mode="r", allow_pickle=False)
        if images.shape != (count, image_size, image_size, 3) or images.dtype != np.uint8:
            raise ValueError("not the images that the pack is said to hold")
        return images

    def _replace(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        put(path, text, part=path.with_name(f".{uuid.uuid4().hex}.tmp"))

    @contextmanager
    def _complaining(self, needed: int) -> Iterator[None]:
        """Turns an error of the disk into a sentence; `needed` bytes were to be written."""
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
                raise BadInput(
                    _(
                        "The disk of {folder} is full: the decoded images need {megabytes:.0f} MB there; free some "
                        "space, or set NETVET_CACHE to a folder on another disk."
                    ).format(folder=self.root, megabytes=max(1, needed / 1e6))
                ) from error
            raise BadInput(
                _(
                    "The decoded images cannot be stored in {folder} ({problem}): set NETVET_CACHE to a writable "
                    "folder."
                ).format(folder=self.root, problem=error.strerror or error)
            ) from error


class Writer:
    """A pack that is being written; see `Store.writer`."""

    def __init__(self, store: Store, path: Path, stream: BinaryIO, image_size: int) -> None:
        self._store, self._path, self._stream, self._image_size = store, path, stream, image_size
        self._count = 0
        self._header(0)

    def write(self, images: Images) -> None:
        """Append (k, size, size, 3)."""
        self._stream.write(np.ascontiguousarray(images).data)
        self._count += len(images)

    def finish(self, digests: Sequence[str], rejects: Mapping[str, str]) -> Images:
        """Give the pack its name and return its images, memory-mapped; without any image nothing is kept.

        Args:
            digests: hashes of all files that were read, in order, those of rejects too: the key.
            rejects: hash -> reason.
        """
        if not self._count:
            return np.empty((0, self._image_size, self._image_size, 3), np.uint8)
        self._stream.seek(0)
        self._header(self._count)
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        key = self._store.key(digests, self._image_size)
        self._path.replace(self._store._pack(key, "npy"))
        rows = [digest for digest in digests if digest not in rejects]
        self._store._replace(self._store._pack(key, "json"), json.dumps({"rows": rows, "rejects": dict(rejects)}))
        return self._store._map(key, self._count, self._image_size)

    def _header(self, count: int) -> None:
        # numpy leaves room in the header for the first axis to grow, so that its length does not depend on `count`
        shape = (count, self._image_size, self._image_size, 3)
        npy.write_array_header_1_0(self._stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
