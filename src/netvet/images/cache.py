"""The cache of decoded images: one memory-mapped `.npy` file, (n, size, size, 3) uint8, for each set and size.

A pack is named by the content of the files that are in it (blake2b of the bytes), the image size and the decoder's
version. An index for each source remembers the hash of each (path, size, modification time), so that a second run
reads no file. Of what is new or changed, rows that the source's last pack holds are copied, and the rest is decoded.
Packs are written through a plain file, chunk by chunk (a full disk is then an error and not a signal, and memory
stays flat), under a temporary name, and renamed when they are whole: two runs at once, a kill or Ctrl-C leave no
broken pack.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netvet.base.errors import BadInput
from netvet.images.decode import Undecodable, decode, read, strictly
from netvet.images.store import Images, Index, Store, folder
from netvet.locale import _, later

_UNIT_BYTES = 1 << 20  # decoded bytes in a unit of work, which has 1 to 64 images


@dataclass(frozen=True)
class Pack:
    """Decoded images of a list of files.

    Attributes:
        images: (kept, size, size, 3) RGB, memory-mapped, read-only.
        kept: positions in the list of files, (kept,), ascending.
        digests: hash of the bytes of each kept file, in the same order.
        reasons: position in the list of files -> why it is not in `images`.
    """

    images: Images
    kept: NDArray[np.int64]
    digests: tuple[str, ...]
    reasons: Mapping[int, str]


def open_pack(source: str, files: Sequence[str], image_size: int, *, progress: bool = False) -> Pack:
    """The decoded images of `files`, from the cache or decoded now.

    Args:
        source: a name for the list, the same from run to run (the path of the folder or the CSV).
        files: paths that can be opened from here.
        image_size: pixels a side.
        progress: show a bar on stderr while decoding, where that is a terminal.

    Raises:
        BadInput: the cache cannot be written, or the disk is full.
    """
    store = Store(folder())
    index = store.read_index(source)
    stamps = [_stamp(file) for file in files]
    digests = [index.digest(file, stamp) for file, stamp in zip(files, stamps, strict=True)]
    known = [digest for digest in digests if digest is not None]
    if known:  # a source seen before: hash what is new, and the pack may be there
        new = [i for i, digest in enumerate(digests) if digest is None and stamps[i] is not None]
        for i, digest in zip(new, _hashes([files[i] for i in new]), strict=True):
            digests[i] = digest
        known = [digest for digest in digests if digest is not None]
        found = store.find(known, image_size)
        if found is not None:
            images, rejects = found
            if new or len(index.files) != len(known):
                with suppress(BadInput):  # all that was wanted is there
                    store.write_index(source, _index(store, index, files, stamps, digests, image_size))
            return _pack(images, files, digests, rejects)

    rows = store.rows(index, image_size)
    rejects = {}
    with store.writer(len(files), image_size) as writer, _bar(len(files), progress) as advance, strictly():
        done = 0
        with closing(_in_order(files, tuple(digests), image_size, rows)) as units:
            for array, outcomes in units:
                writer.write(array)
                for digest, reason in outcomes:
                    digests[done] = digest
                    if digest is not None and reason is not None:
                        rejects[digest] = reason
                    done += 1
                advance(len(outcomes))
        known = [digest for digest in digests if digest is not None]
        images = writer.finish(known, rejects)
    store.write_index(source, _index(store, index, files, stamps, digests, image_size))
    store.prune()
    return _pack(images, files, digests, rejects)


def subset(pack: Pack, rows: NDArray[np.int64]) -> Images:
    """Those rows of a pack as a pack of their own, memory-mapped: copied chunk by chunk, decoded never again."""
    store = Store(folder())
    image_size = pack.images.shape[1]
    digests = [pack.digests[row] for row in rows.tolist()]
    found = store.find(digests, image_size)
    if found is not None:
        return found[0]
    with store.writer(len(rows), image_size) as writer:
        chunk = _unit(image_size) * 8
        for start in range(0, len(rows), chunk):
            writer.write(pack.images[rows[start : start + chunk]])
        return writer.finish(digests, {})


def _pack(images: Images, files: Sequence[str], digests: Sequence[str | None], rejects: Mapping[str, str]) -> Pack:
    kept: list[int] = []
    reasons: dict[int, str] = {}
    for i, digest in enumerate(digests):
        if digest is None:
            reasons[i] = _why_unread(files[i])
        elif digest in rejects:
            reasons[i] = rejects[digest]
        else:
            kept.append(i)
    return Pack(images, np.array(kept, dtype=np.int64), tuple(str(digests[i]) for i in kept), reasons)


def _index(
    store: Store,
    index: Index,
    files: Sequence[str],
    stamps: Sequence[tuple[int, int] | None],
    digests: Sequence[str | None],
    image_size: int,
) -> Index:
    known = [digest for digest in digests if digest is not None]
    entries = {
        file: (*stamp, digest)
        for file, stamp, digest in zip(files, stamps, digests, strict=True)
        if stamp is not None and digest is not None
    }
    return Index(entries, {**index.packs, str(image_size): store.key(known, image_size)})


def _stamp(file: str) -> tuple[int, int] | None:
    """Size and modification time in ns; None where there is no such file."""
    try:
        found = Path(file).stat()
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns


def _why_unread(file: str) -> str:
    try:
        read(file)
    except Undecodable as reason:
        return str(reason)
    return later("changed while it was read")


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


def _hashes(files: Sequence[str]) -> list[str | None]:
    def one(file: str) -> str | None:
        try:
            return _digest(read(file))
        except Undecodable:
            return None

    if len(files) < 64:
        return [one(file) for file in files]
    with ThreadPoolExecutor(_workers()) as pool:
        return list(pool.map(one, files, chunksize=64))


def _workers() -> int:
    if sys.platform == "linux":
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def _unit(image_size: int) -> int:
    return max(1, min(64, _UNIT_BYTES // (image_size * image_size * 3)))


_Outcome = tuple[str | None, str | None]  # hash of the bytes (None: not read), reason of a reject


def _in_order(
    files: Sequence[str], digests: Sequence[str | None], image_size: int, rows: Mapping[str, NDArray[np.uint8]]
) -> Generator[tuple[NDArray[np.uint8], list[_Outcome]]]:
    """Decoded units, in the order of the files, by threads that run a few units ahead (Pillow lets go of the GIL)."""
    size = _unit(image_size)

    def work(start: int) -> tuple[NDArray[np.uint8], list[_Outcome]]:
        images: list[NDArray[np.uint8]] = []
        outcomes: list[_Outcome] = []
        for file, digest in zip(files[start : start + size], digests[start : start + size], strict=True):
            reason = None
            try:
                if digest is None or digest not in rows:
                    data = read(file)
                    digest = _digest(data)
                images.append(rows[digest] if digest in rows else decode(data, image_size))
            except Undecodable as error:
                reason = str(error)
            outcomes.append((digest, reason))
        array = np.stack(images) if images else np.empty((0, image_size, image_size, 3), np.uint8)
        return array, outcomes

    workers = _workers()
    pool = ThreadPoolExecutor(workers)
    ahead: deque[Future[tuple[NDArray[np.uint8], list[_Outcome]]]] = deque()
    try:
        for start in range(0, len(files), size):
            ahead.append(pool.submit(work, start))
            if len(ahead) > 2 * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _bar(total: int, progress: bool) -> Iterator[Callable[[int], None]]:
    """Yields what to call with the number of files done; draws only on a terminal."""
    if not (progress and sys.stderr.isatty()):
        yield lambda _count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(_("Decoding images"), total=total)
        yield lambda count: bar.advance(task, count)
