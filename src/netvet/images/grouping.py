"""Which images are of one group: by a column of the source, by what their paths match, by their EXIF headers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from netvet.base.errors import BadInput
from netvet.images import exif
from netvet.images.listing import list_source
from netvet.images.names import Kind
from netvet.images.proposals import keys_by, propose, recommended
from netvet.images.sources import Files, open_source
from netvet.images.splits import torn
from netvet.locale import _, ngettext

TORN = 0.05  # share of the held-out images with a sibling in training, from which on a sentence is written


def known_groups(
    by: str, source: str, paths: Sequence[str], columns: Mapping[str, Sequence[str]], files: Mapping[str, str] | None
) -> tuple[NDArray[np.str_] | None, list[str]]:
    """The group of each image, None where there are none, and sentences on those that have none.

    `by`: "auto" or "none" (the group column, where there is one), a column's name, a regular expression with a group,
    or `exif:day`, `exif:camera`, `exif:place`, `exif:event`. `files`: of the paths, for EXIF.

    Raises:
        BadInput: there is no such column, it is no regular expression, or it finds no image.
    """
    name = "group" if by in ("auto", "none") else by.lower()
    if name in columns:
        keys = list(columns[name])
        return (_own(keys, paths) if any(keys) else None), []
    if by in ("auto", "none"):
        return None, []
    if by.startswith(exif.PREFIX):
        if files is None:
            raise BadInput(_("{source} has no files, and so no EXIF headers to group by.").format(source=source))
        return _told(by, exif.keys(by, [files[path] for path in paths]), paths)
    if "(" not in by:
        raise BadInput(
            _("{source} has no column {group} to group by: use auto, none or one of its columns ({columns}).").format(
                source=source, group=by, columns=", ".join(columns) or _("it has none")
            )
        )
    keys = keys_by(pattern(by), paths)
    if not any(keys):
        raise BadInput(
            _("The group {by} is found in none of the {n} paths, such as {path}: netvet groups {source} proposes some.")
            .format(by=by, n=len(paths), path=paths[0], source=source)
        )  # fmt: skip
    return _told(by, keys, paths)


def pattern(by: str) -> re.Pattern[str]:
    """The regular expression of `by`. Raises BadInput where it is none, or captures nothing."""
    try:
        found = re.compile(by)
    except re.error as error:
        raise BadInput(_("The group {by} is no regular expression ({problem}).").format(by=by, problem=error)) from None
    if not found.groups:
        raise BadInput(_("The group {by} captures nothing: put brackets around what names a group.").format(by=by))
    return found


def split_by(source: str) -> str | None:
    """What `data.group` takes to split a source by its groups: "auto" where it has a group column, or paints its
    images; what its names propose; None where it gives the split itself, or nothing tells.
    """
    opened = open_source(source)
    if not isinstance(opened, Files):
        return "auto"
    try:
        listing = list_source(source)
    except BadInput:
        return None
    if listing.split is not None:
        return None
    if any(listing.columns.get("group", ())):
        return "auto"
    best = recommended(propose(listing.paths, listing.labels))
    return None if best is None else best.by


def warn_of_torn(paths: Sequence[str], labels: Sequence[str], split: NDArray[np.int8], *, given: bool) -> str | None:
    """A sentence where the names tell of groups and the split tears them; `given`: by the source, not drawn here."""
    best = recommended(propose(paths, labels))
    if best is None:
        return None
    held = split > 0
    leaked = np.isin(best.member[held], best.member[split == 0])
    if not held.any() or leaked.mean() < TORN:
        return None
    n, what = len(torn([str(number) for number in best.member.tolist()], split)), counted(best.kind, best.groups)
    if given:
        text = _(
            "The names of the files tell of {what}, and the source's own split puts {n} of them into more than one "
            "part ({share:.0%} of the held-out images have a sibling in training). To split by them, give the images "
            "without train, val and test, and --group {by}."
        )
    else:
        text = _(
            "The names of the files tell of {what}, and this split tears {n} of them apart ({share:.0%} of the "
            "held-out images have a sibling in training). To keep them together: --group {by}; netvet groups shows "
            "others."
        )
    return text.format(what=what, n=n, share=float(leaked.mean()), by=shlex.quote(best.by))


def counted(kind: Kind, n: int) -> str:
    """So many groups, by what they are called where that is known.

    >>> counted("video", 104), counted("group", 1)
    ('104 videos', '1 group')
    """
    words = {
        "video": lambda: ngettext("{n} video", "{n} videos", n),
        "track": lambda: ngettext("{n} track", "{n} tracks", n),
        "site": lambda: ngettext("{n} site", "{n} sites", n),
        "day": lambda: ngettext("{n} day", "{n} days", n),
        "camera": lambda: ngettext("{n} camera", "{n} cameras", n),
        "specimen": lambda: ngettext("{n} specimen", "{n} specimens", n),
        "photo": lambda: ngettext("{n} photograph", "{n} photographs", n),
        "event": lambda: ngettext("{n} event", "{n} events", n),
        "place": lambda: ngettext("{n} place", "{n} places", n),
        "group": lambda: ngettext("{n} group", "{n} groups", n),
    }
    return words[kind]().format(n=n)


def _own(keys: Sequence[str], paths: Sequence[str]) -> NDArray[np.str_]:
    """An image without a group is a group by itself."""
    return np.array([key or path for key, path in zip(keys, paths, strict=True)], dtype=np.str_)


def _told(by: str, keys: Sequence[str], paths: Sequence[str]) -> tuple[NDArray[np.str_], list[str]]:
    alone = [path for key, path in zip(keys, paths, strict=True) if not key]
    if not alone:
        return _own(keys, paths), []
    text = ngettext(
        "{n} of {total} images has no group by {by} and counts as one of its own: {path}.",
        "{n} of {total} images have no group by {by} and count as one each, for example {path}.",
        len(alone),
    )
    return _own(keys, paths), [text.format(n=len(alone), total=len(paths), by=by, path=alone[0])]
