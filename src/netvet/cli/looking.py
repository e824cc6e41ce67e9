"""The commands that look something up in the catalogue: rules, explain."""

from __future__ import annotations

from typing import Any

from netvet.base.errors import BadInput
from netvet.cli import showing
from netvet.locale import _


def rules(json: bool) -> int:
    """List every rule, exam, remedy and probe."""
    from netvet.report.listing import print_catalogue

    kinds = _catalogue()
    if json:
        showing.json_out({kind: {name: leaf.title for name, leaf in leaves.items()} for kind, leaves in kinds.items()})
    else:
        print_catalogue(showing.out(), kinds)
    return 0


def explain(name: str, json: bool) -> int:
    """Print one page."""
    import difflib

    from netvet.report.pages import print_page

    kinds = _catalogue()
    pages = [(kind, leaves[name]) for kind, leaves in kinds.items() if name in leaves]
    if not pages:
        names = [n for leaves in kinds.values() for n in leaves]
        close = difflib.get_close_matches(name, names, n=1)
        hint = _("did you mean {name}?").format(name=close[0]) if close else _("see netvet rules.")
        raise BadInput(_("There is no page {name!r}: {hint}").format(name=name, hint=hint))
    if json:
        showing.json_out([{"kind": kind, "name": name, "title": leaf.title, "page": leaf.page} for kind, leaf in pages])
    else:
        for _kind, leaf in pages:
            print_page(showing.out(), name, leaf.page)
    return 0


def _catalogue() -> dict[str, dict[str, Any]]:
    from netvet.exams import exams
    from netvet.remedies import remedies
    from netvet.rules import rules as known
    from netvet.watching import all_probes

    return {"rules": dict(known()), "exams": dict(exams()), "remedies": dict(remedies()), "probes": dict(all_probes())}
