"""Labelled images ready to train on: read, decoded, cached and split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from netvet.base.errors import BadInput
from netvet.images import cache, exif, grouping, listing, splits
from netvet.images.decode import VERSION
from netvet.images.sources import Raw, Rejected, open_source
from netvet.locale import _

__all__ = ["ImageSet", "Rejected", "load"]


@dataclass(frozen=True)
class ImageSet:
    """Labelled images with their split.

    Attributes:
        classes: sorted names; a class without a usable image is not among them.
        images: (n, size, size, 3) RGB, 0..255; read-only and memory-mapped where they come from files.
        labels: index into `classes`, (n,).
        groups: (n,) names; images of one group are never split apart. None where none are given or asked for.
        known_groups: (n,) the source's groups, also where the split does not heed them; None where there are none.
        paths: as in the source, relative to it.
        split: (n,) 0 train, 1 val, 2 test; -1 for an image that is in none.
        rejected: files that could not be used, with the reason.
        notes: sentences that the user should see: a class that is not in every split, files that were passed over.
        digest: changes when images, labels, groups or split do.
    """

    classes: tuple[str, ...]
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    groups: NDArray[np.str_] | None
    known_groups: NDArray[np.str_] | None
    paths: tuple[str, ...]
    split: NDArray[np.int8]
    rejected: tuple[Rejected, ...]
    notes: tuple[str, ...]
    digest: str

    def indices(self, name: Literal["train", "val", "test"]) -> NDArray[np.int64]:
        """Positions of the images of one split, ascending."""
        return np.flatnonzero(self.split == splits.NAMES.index(name)).astype(np.int64)


def load(
    source: str,
    *,
    image_size: int = 64,
    val: float = 0.15,
    test: float = 0.15,
    group: str = "auto",
    exclude: str | None = None,
    relabel: str | None = None,
    seed: int = 0,
    progress: bool = False,
) -> ImageSet:
    """Read labelled images, decode them into the cache (or find them there) and split them.

    Args:
        source: a folder of class folders; one with train/val/test folders of class folders, or with a manifest.csv;
            a CSV `path,label[,group][,split]`; or `reef[:options]`, the rendered fish.
        image_size: pixels a side.
        val: share of each class for val, 0..1. Where the source gives the split it is taken as given, and a part
            that it lacks is taken from train.
        test: share for test.
        group: "auto" (the group column where there is one), "none" (images are split one by one), a column's name, a
            regular expression with a group that is searched in the paths, or `exif:day`, `camera`, `place`, `event`.
        exclude: CSV with a path column: images to leave out. The split of the others stays as it is without.
        relabel: CSV path,label: labels that replace those of the source, after the split.
        seed: of the split.
        progress: show a bar on stderr, where that is a terminal.

    Raises:
        BadInput: the source cannot be read or has fewer than two classes with images, or an option does not fit it.
    """
    if image_size < 8:
        raise BadInput(_("image_size is {n}: it must be at least 8 pixels.").format(n=image_size))
    if not (val >= 0 and test >= 0 and val + test < 1):
        raise BadInput(
            _(
                "val {val} and test {test} are shares of the images: each must be at least 0, and their sum below 1."
            ).format(val=val, test=test)
        )
    raw = open_source(source).read(image_size, progress=progress)
    names = np.array(raw.labels, dtype=np.str_)
    files = open_source(source).files() if group.startswith(exif.PREFIX) else None
    known, said = grouping.known_groups(group, source, raw.paths, raw.columns, files)
    groups = None if group == "none" else known
    keys = list(raw.paths) if groups is None else groups.tolist()
    _sorted, labels = np.unique(names, return_inverse=True)
    if len(_sorted) < 2:
        raise BadInput(
            _("{source} has images of one class only ({name}): a classifier needs two or more.").format(
                source=source, name=names[0]
            )
        )
    split, notes = _split(source, raw.split, labels.astype(np.int64), keys, val, test, seed)
    if group == "auto" and known is None and raw.pack is not None:
        said += filter(None, [grouping.warn_of_torn(raw.paths, raw.labels, split, given=raw.split is not None)])

    rows = np.arange(len(names))
    if relabel is not None:
        names = _relabelled(relabel, names, raw)
    images = raw.images
    if exclude is not None:
        rows = _kept(exclude, raw)
        if len(rows) < len(names):
            images = cache.subset(raw.pack, rows) if raw.pack is not None else images[rows]
            names, split = names[rows], split[rows]
            groups, known = (None if part is None else part[rows] for part in (groups, known))
    classes = tuple(str(name) for name in np.unique(names))
    if len(classes) < 2:
        raise BadInput(_("Fewer than two classes of {source} have images left.").format(source=source))
    labels = np.searchsorted(np.array(classes), names).astype(np.int64)
    notes += said
    notes += splits.shortages(classes, labels, groups, split, val=val > 0, test=test > 0)
    notes += [] if groups is None else splits.alone(classes, labels, groups, split)
    if len(np.unique(labels[split == splits.TRAIN])) < 2:
        raise BadInput(_("{source} has fewer than two classes with images to train on.").format(source=source))
    digests = [raw.digests[row] for row in rows.tolist()]
    return ImageSet(
        classes=classes,
        images=images,
        labels=labels,
        groups=groups,
        known_groups=known,
        paths=tuple(raw.paths[row] for row in rows.tolist()),
        split=split,
        rejected=raw.rejected,
        notes=raw.notes + tuple(notes),
        digest=_digest(image_size, digests, names, groups, split),
    )


def _split(
    source: str,
    given: NDArray[np.int8] | None,
    labels: NDArray[np.int64],
    keys: Sequence[str],
    val: float,
    test: float,
    seed: int,
) -> tuple[NDArray[np.int8], list[str]]:
    """The split of each image, and notes; `given` holds -1 where the source leaves it open."""
    if given is None:
        return splits.assign(labels, keys, val=val, test=test, seed=seed), []
    split = np.where(given < 0, splits.TRAIN, given).astype(np.int8)
    if not (split == splits.TRAIN).any():
        raise BadInput(_("The split given by {source} has no training images.").format(source=source))
    notes: list[str] = []
    lacking = {"val": val, "test": test}
    for name in ("val", "test"):
        if (split == splits.NAMES.index(name)).any():
            lacking[name] = 0.0
    pool = np.flatnonzero(split == splits.TRAIN)
    if any(lacking.values()):
        split[pool] = splits.assign(labels[pool], [keys[i] for i in pool.tolist()], seed=seed, **lacking)
        names = _(" and ").join(name for name, share in lacking.items() if share)
        notes.append(
            _("The source gives no {names} split, so it is drawn from the training images.").format(names=names)
        )
    broken = splits.torn(keys, split)
    if broken:
        notes.append(
            _(
                "The split given by the source puts images of {n} groups into more than one part, for example of "
                "{name}."
            ).format(n=len(broken), name=broken[0])
        )
    return split, notes


def _kept(exclude: str, raw: Raw) -> NDArray[np.int64]:
    """Positions of the images that a CSV does not exclude."""
    out = listing.read_paths(exclude)
    _check_known(exclude, out, raw)
    return np.array([i for i, path in enumerate(raw.paths) if path not in out], dtype=np.int64)


def _relabelled(relabel: str, names: NDArray[np.str_], raw: Raw) -> NDArray[np.str_]:
    new = listing.read_paths(relabel, label=True)
    _check_known(relabel, new, raw)
    known = set(names.tolist())
    for path, label in new.items():
        if label not in known:
            raise BadInput(
                _(
                    "{file} gives {path} the label {label}, which is not a class of the source: it has {classes}."
                ).format(file=relabel, path=path, label=repr(label), classes=", ".join(sorted(known)))
            )
    old = names.tolist()
    return np.array([new.get(path, old[i]) for i, path in enumerate(raw.paths)], dtype=np.str_)


def _check_known(file: str, wanted: dict[str, str], raw: Raw) -> None:
    known = set(raw.paths) | {each.path for each in raw.rejected}
    unknown = [path for path in wanted if path not in known]
    if unknown:
        raise BadInput(
            _(
                "{file} names {n} images that the source does not have, for example {path}: write paths as in the "
                "source."
            ).format(file=file, n=len(unknown), path=unknown[0])
        )


def _digest(
    image_size: int,
    digests: Sequence[str],
    names: NDArray[np.str_],
    groups: NDArray[np.str_] | None,
    split: NDArray[np.int8],
) -> str:
    state = blake2b(f"{VERSION} {image_size} {len(digests)}\n".encode(), digest_size=16)
    for part in (digests, names.tolist(), [] if groups is None else groups.tolist()):
        for text in part:
            data = text.encode("utf-8", "surrogatepass")
            state.update(len(data).to_bytes(4, "big") + data)
        state.update(b"\xff\xff\xff\xff")
    state.update(split.tobytes())
    return state.hexdigest()
