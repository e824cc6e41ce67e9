"""The catalogue of what netvet knows, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from netvet.locale import _


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
