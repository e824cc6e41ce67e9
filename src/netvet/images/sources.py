"""Where images come from, and what is asked of any such source: nothing else looks at how `data.source` begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from netvet.base.errors import BadInput
from netvet.images import cache
from netvet.images.decode import Undecodable, decode_file, strictly
from netvet.images.listing import list_source
from netvet.locale import _
from netvet.reef import class_sizes, load_reef, parse


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


class Source(Protocol):
    """Where labelled images come from."""

    @property
    def name(self) -> str:
        """How the folder of a run of it begins."""
        ...

    def count(self) -> int | None:
        """How many images it lists; None where only reading it tells. Raises BadInput."""
        ...

    def files(self) -> Mapping[str, str] | None:
        """The file of each path; None for a source that has none. Raises BadInput."""
        ...

    def read(self, image_size: int, *, progress: bool) -> Raw:
        """Its images, decoded at `image_size` pixels a side. Raises BadInput."""
        ...

    def pixels(self, paths: Sequence[str], image_size: int) -> NDArray[np.uint8] | None:
        """Some of its images anew, (paths, size, size, 3); None where they are no longer there."""
        ...


def open_source(text: str) -> Source:
    """The source that `data.source` names: `reef[:options]`, `hf:NAME`, or a folder or CSV. Nothing is read yet."""
    kind, _colon, rest = text.partition(":")
    if text == "reef" or text.startswith("reef:"):
        return Rendered(rest)
    return Hub(text) if kind == "hf" else Files(text)


@dataclass(frozen=True)
class Files:
    """Images in files: a folder, or a CSV that lists them."""

    text: str

    @property
    def name(self) -> str:
        """The folder's or file's own name, without its ending."""
        return Path(self.text).resolve().stem

    def count(self) -> int:
        """See `Source`."""
        return len(list_source(self.text).paths)

    def files(self) -> dict[str, str]:
        """See `Source`."""
        listing = list_source(self.text)
        return dict(zip(listing.paths, listing.files, strict=True))

    def pixels(self, paths: Sequence[str], image_size: int) -> NDArray[np.uint8] | None:
        """See `Source`."""
        try:
            files = self.files()
            with strictly():
                return np.stack([decode_file(files[path], image_size) for path in paths])
        except (BadInput, KeyError, Undecodable, OSError):
            return None

    def read(self, image_size: int, *, progress: bool) -> Raw:
        """See `Source`."""
        source = self.text
        listing = list_source(source)
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
                _(
                    "{source} has no readable images: all {n} files were left out, for example {path} ({reason})."
                ).format(source=source, n=len(rejected), path=first.path, reason=_(first.reason))
            )
        notes = list(listing.notes)
        empty = sorted(set(listing.labels) - {listing.labels[i] for i in kept})
        if empty:
            notes.append(_("Left out because they have no readable image: {names}.").format(names=", ".join(empty)))
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


@dataclass(frozen=True)
class Rendered:
    """The reef: fish that are rendered anew each time, the same for the same `options`."""

    options: str
    name: ClassVar[str] = "reef"

    def count(self) -> int:
        """See `Source`."""
        return int(class_sizes(parse(self.options)).sum())

    def files(self) -> None:
        """See `Source`."""
        return

    def changed(self, **options: float) -> str:
        """The text of the source with these options in the place of those it has.

        >>> Rendered("species=6,n=90").changed(n=120, mix=0.5)
        'reef:species=6,n=120,mix=0.5'
        """
        known = dict(part.split("=", 1) for part in self.options.split(",")) if self.options else {}
        known |= {option: f"{value:g}" for option, value in options.items()}
        return "reef:" + ",".join(f"{option}={value}" for option, value in known.items())

    def pixels(self, paths: Sequence[str], image_size: int) -> NDArray[np.uint8]:
        """See `Source`."""
        numbers = [int(path.rpartition("/")[2].removesuffix(".png")) for path in paths]
        return np.asarray(load_reef(self.options, image_size)[0][numbers])

    def read(self, image_size: int, *, progress: bool) -> Raw:  # noqa: ARG002 - it takes seconds at most
        """See `Source`."""
        images, labels, classes, groups, split = load_reef(self.options, image_size)
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


@dataclass(frozen=True)
class Hub:
    """A set of the Hugging Face hub, which is refused."""

    text: str
    name: ClassVar[str] = "hf"

    def count(self) -> None:
        """See `Source`."""
        return

    def files(self) -> None:
        """See `Source`."""
        return

    def pixels(self, paths: Sequence[str], image_size: int) -> None:  # noqa: ARG002
        """See `Source`."""
        return

    def read(self, image_size: int, *, progress: bool) -> Raw:  # noqa: ARG002
        """See `Source`."""
        raise BadInput(
            _(
                "{source}: datasets of the Hugging Face Hub are not supported yet; save it as a folder of "
                "class folders, or as images with a CSV path,label, and give that."
            ).format(source=self.text)
        )
