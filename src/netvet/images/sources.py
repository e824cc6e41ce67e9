"""A source with its images decoded, before it is split."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from netvet.base.errors import BadInput
from netvet.images import cache, sources
from netvet.locale import _
from netvet.reef import load_reef


@dataclass(frozen=True)
class Rejected:
    """A file that is left out.

    Attributes:
        path: as in the source.
        reason: a short plain phrase: "zero bytes", "truncated", "not an image", "missing", "image bomb: 50000 x 50000
            pixels declared".
    """

    path: str
    reason: str


@dataclass(frozen=True)
class Raw:
    """A source with its decoded images, before it is split.

    Attributes:
        images: (n, size, size, 3) RGB.
        labels: class name of each image.
        paths: as in the source.
        digests: hash of the content of each image.
        columns: further columns of the source, the group column among them.
        split: given split, -1 where an image has none; None where the source gives none.
        rejected: files that are left out.
        notes: sentences on what was passed over.
        pack: the images in the cache; None where they were painted.
    """

    images: NDArray[np.uint8]
    labels: tuple[str, ...]
    paths: tuple[str, ...]
    digests: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]
    split: NDArray[np.int8] | None
    rejected: tuple[Rejected, ...]
    notes: tuple[str, ...]
    pack: cache.Pack | None


def read_source(source: str, image_size: int, progress: bool) -> Raw:
    """Read and decode whatever `load` takes. Raises `BadInput`."""
    if source.startswith("hf:"):
        raise BadInput(
            _(
                "{source}: sets of the Hugging Face hub are not read yet; save it as a folder of class folders, "
                "or as images with a CSV path,label, and give that."
            ).format(source=source)
        )
    if source == "reef" or source.startswith("reef:"):
        return _read_reef(source.partition(":")[2], image_size)
    listing = sources.list_source(source)
    if len(set(listing.labels)) < 2:
        raise BadInput(
            _("{source} has images of one class only ({name}): a classifier needs two or more.").format(
                source=source, name=listing.labels[0]
            )
        )
    pack = cache.open_pack(listing.name, listing.files, image_size, progress=progress)
    rejected = tuple(Rejected(path, reason) for path, reason in listing.rejected.items()) + tuple(
        Rejected(listing.paths[i], reason) for i, reason in pack.reasons.items()
    )
    kept = pack.kept.tolist()
    if not kept:
        first = rejected[-1]
        raise BadInput(
            _("{source} holds no readable image: all {n} files were left out, {path} for one ({reason}).").format(
                source=source, n=len(rejected), path=first.path, reason=_(first.reason)
            )
        )
    notes = list(listing.notes)
    empty = sorted(set(listing.labels) - {listing.labels[i] for i in kept})
    if empty:
        notes.append(_("Without a readable image and therefore left out: {names}.").format(names=", ".join(empty)))
    return Raw(
        images=pack.images,
        labels=tuple(listing.labels[i] for i in kept),
        paths=tuple(listing.paths[i] for i in kept),
        digests=pack.digests,
        columns={name: tuple(column[i] for i in kept) for name, column in listing.columns.items()},
        split=None if listing.split is None else np.array([listing.split[i] for i in kept], dtype=np.int8),
        rejected=rejected,
        notes=tuple(notes),
        pack=pack,
    )


def _read_reef(options: str, image_size: int) -> Raw:
    images, labels, classes, groups, split = load_reef(options, image_size)
    return Raw(
        images=images,
        labels=tuple(str(classes[label]) for label in labels.tolist()),
        paths=tuple(f"reef/{i:06d}.png" for i in range(len(images))),
        digests=tuple(blake2b(image.tobytes(), digest_size=16).hexdigest() for image in images),
        columns={} if groups is None else {"group": tuple(str(name) for name in groups)},
        split=None if split is None else np.asarray(split, dtype=np.int8),
        rejected=(),
        notes=(),
        pack=None,
    )
