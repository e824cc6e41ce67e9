"""Tables on the terminal that are not a diagnosis: the data alone, and the catalogue of what netvet knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from netvet.images.survey import Survey
from netvet.locale import _, ngettext


def print_survey(console: Console, found: Survey) -> None:
    """The data alone: a line of totals, a table of classes, and what is amiss."""
    grouped = (
        _("{n} groups, kept together").format(n=found.groups) if found.grouped else _("no groups, split at random")
    )
    console.print(
        _(
            "{n} images, {k} classes, {grouped}; the largest class has {ratio:.0f} times as many images as the "
            "smallest."
        ).format(n=found.images, k=found.classes, grouped=grouped, ratio=found.imbalance)
    )
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(_("class"))
    for title in (_("training"), _("validation"), _("test")):
        table.add_column(title, justify="right")
    for name, counts in sorted(found.counts.items(), key=lambda item: -sum(item[1].values())):
        table.add_row(escape(name), *(str(counts[split]) for split in ("train", "val", "test")))
    console.print(table)
    for split, shares in found.leaked.items():
        name = _("validation") if split == "val" else _("test")
        text = _("{share:.1%} of the {split} images have a twin in training").format(
            share=shares["leaked_share"], split=name
        )
        parts = [_("{share:.1%} have a near-duplicate there").format(share=shares["leaked_by_look"])]
        if "leaked_by_group" in shares:
            parts.append(_("{share:.1%} share a group").format(share=shares["leaked_by_group"]))
        console.print(f"{text} ({', '.join(parts)}).")
    for one, other in found.pairs[:5]:
        console.print(f"  {escape(one)}  ~  {escape(other)}", soft_wrap=True)
    if found.rejected:
        n = len(found.rejected)
        console.print(ngettext("{n} file was left out:", "{n} files were left out:", n).format(n=n))
        for path, reason in found.rejected[:20]:
            console.print(f"  {escape(path)}: {escape(_(reason))}", soft_wrap=True)
    for note in found.notes:
        console.print(escape(note), soft_wrap=True)


def print_catalogue(console: Console, kinds: Mapping[str, Mapping[str, Any]]) -> None:
    """Every rule, exam, remedy and probe with the first line of its page."""
    headings = {"rules": _("Rules"), "exams": _("Exams"), "remedies": _("Remedies"), "probes": _("Probes")}
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for kind, leaves in kinds.items():
        table.add_row(f"[bold]{headings[kind]}[/]", "")
        for name, leaf in leaves.items():
            table.add_row(f"  {name}", escape(leaf.title))
    console.print(table)
    console.print(_("Read a page with: netvet explain NAME"))
