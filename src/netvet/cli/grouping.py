"""What `netvet groups` does."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.markup import escape

from netvet.base.words import clean
from netvet.cli import showing
from netvet.locale import _, ngettext

if TYPE_CHECKING:
    from netvet.images.listing import Listing
    from netvet.images.proposals import Proposal


def run(data: str, json: bool) -> int:
    """Print what may be groups, the fewest first, each with the option that uses it, or the JSON."""
    from netvet.images import exif, proposals
    from netvet.images.listing import list_source
    from netvet.images.sources import Files, open_source

    listing = list_source(data) if isinstance(open_source(data), Files) else None
    found: tuple[Proposal, ...] = ()
    if listing is not None:
        told = exif.propose(listing.paths, listing.labels, listing.files)
        found = proposals.distinct([*proposals.propose(listing.paths, listing.labels), *told])
    best = proposals.recommended(found)
    column = listing is not None and any(listing.columns.get("group", ()))
    if json:
        tree = {"schema": 1, "data": data, "group_column": column, "recommended": None if best is None else best.by}
        showing.json_out({**tree, "proposals": [_tree(each, listing) for each in found]})
        return 0
    if column:
        showing.out().print(_("The source has a group column, and splits heed it; --group takes another in its place."))
    if not found:
        showing.out().print(_("Neither the names of the images nor their EXIF headers tell of groups."))
    for each in found:
        _print(each, best=each is best and not column)
    if found:
        command = f"netvet inspect {shlex.quote(data)} --group {shlex.quote((best or found[0]).by)}"
        showing.out().print(_("Next: {command}").format(command=escape(clean(command))), soft_wrap=True)
    return 0


def _print(each: Proposal, *, best: bool) -> None:
    from netvet.images.grouping import counted

    lines = [
        _("images each: {least} to {most}, median {median}").format(
            least=each.sizes[0], median=each.sizes[1], most=each.sizes[2]
        ),
        _("groups of a class: {least} to {most}, median {median:.0f}").format(
            least=int(each.classes.min()), median=float(np.median(each.classes)), most=int(each.classes.max())
        ),
        ngettext("{n} holds several classes", "{n} hold several classes", each.spanning).format(n=each.spanning),
        _("example: {key}, of {path}").format(key=each.example[1], path=each.example[0]),
    ]
    title = counted(each.kind, each.groups) + (_(" (to split by)") if best else "")
    showing.out().print(f"[bold]{escape(title)}[/]", soft_wrap=True)
    for line in lines:
        showing.out().print(f"  {escape(clean(line))}", soft_wrap=True)
    showing.out().print(f"  --group {escape(clean(shlex.quote(each.by)))}", soft_wrap=True)


def _tree(each: Proposal, listing: Listing | None) -> dict[str, Any]:
    names = [] if listing is None else sorted(set(listing.labels))
    least, median, most = each.sizes
    return {
        "by": each.by,
        "kind": each.kind,
        "groups": each.groups,
        "images": {"least": least, "median": median, "most": most},
        "spanning": each.spanning,
        "classes": dict(zip(names, each.classes.tolist(), strict=True)),
        "example": {"path": each.example[0], "group": each.example[1]},
    }
