"""The order of causes: what comes before what, from what each rule yields to; and how a rule's page says it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Protocol

from netvet.base.words import listed
from netvet.locale import _

HEADING = 5  # the page's heading behind which the next section begins: "Not to be confused with" is the fifth of seven


class Yielding(Protocol):
    """What this module reads of a rule."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def yields_to(self) -> tuple[str, ...]:
        """Causes that come before it."""

    @property
    def may_yield_to(self) -> tuple[str, ...]:
        """Causes that come before some of its findings."""


def before(name: str, known: Mapping[str, Yielding]) -> set[str]:
    """Every cause that comes before this one, directly or through others; with itself where they form a circle."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        each = known.get(waiting.pop())
        new = set(each.yields_to) - found if each is not None else set()
        found |= new
        waiting += new
    return found


def with_order(page: str, rule: Yielding, known: Mapping[str, Yielding]) -> str:
    """The page with the order of causes at the end of its section "Not to be confused with"."""
    said = textwrap.fill(" ".join(_sentences(rule, known)), 120, break_on_hyphens=False)
    headings = [found.start() for found in re.finditer(r"^## ", page, flags=re.MULTILINE)]
    if not said or len(headings) <= HEADING:
        return page
    at = headings[HEADING]
    return f"{page[:at].rstrip()}\n{said}\n\n{page[at:]}"


def _sentences(rule: Yielding, known: Mapping[str, Yielding]) -> Iterator[str]:
    after = [other.name for other in known.values() if rule.name in other.yields_to]
    at_times = [other.name for other in known.values() if rule.name in other.may_yield_to]
    if rule.yields_to:
        yield _("It yields to {names}.").format(names=listed(rule.yields_to))
    if rule.may_yield_to:
        yield _("Some of its findings yield to {names}.").format(names=listed(rule.may_yield_to))
    if after:
        yield _("It comes before {names}.").format(names=listed(after))
    if at_times:
        yield _("It comes before some findings of {names}.").format(names=listed(at_times))
