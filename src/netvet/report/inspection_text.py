"""An inspection on the terminal: what is worst first, in few words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from netvet.base.words import clean
from netvet.locale import _

if TYPE_CHECKING:
    from netvet.audit.inspection import Inspection

MOST = 8  # sentences; the page has all
_GRAVE = 0.5


def print_inspection(console: Console, found: Inspection, page: Path) -> None:
    """A line of totals, the notices, and where the page and the tables are."""
    images = found.images
    known = images.known_groups
    totals = _("{n:,} images of {k} classes").format(n=len(images.labels), k=len(images.classes))
    if known is not None:
        totals += ", " + _("{n:,} groups").format(n=len(set(known.tolist())))
    console.print(f"[bold]{totals}[/]")
    said = found.notices
    if not said:
        console.print(_("Nothing stands out."))
    for each in said[:MOST]:
        colour = "red" if each.severity >= _GRAVE else "yellow"
        console.print(f"[{colour}]●[/] {escape(clean(each.message))}", soft_wrap=True)
    if len(said) > MOST:
        console.print(_("and {n} more on the page").format(n=len(said) - MOST))
    for note in images.notes:
        console.print(f"[dim]○ {escape(clean(note))}[/]", soft_wrap=True)
    if found.labels is None:
        console.print(_("Labels were not judged: that takes features, of 20 images or groups at least."))
    console.print(_("Page: {page}").format(page=escape(str(page))), soft_wrap=True)
    console.print(
        _(
            "{suspects} and {fixes} there: what is certain says yes in the column accept, guesses wait for yours. "
            "Then: --exclude {suspects} --relabel {fixes}"
        ).format(suspects="suspects.csv", fixes="fixes.csv"),
        soft_wrap=True,
    )
