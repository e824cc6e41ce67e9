"""The most typical images of each form of the class."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING

from netvet.galleries import Line, Shot, gallery
from netvet.locale import later
from netvet.rules import Finding
from netvet.trace import Trace

if TYPE_CHECKING:
    from netvet.images.dataset import ImageSet


@gallery("scattered-class", title=later("{name}, the most typical images of each of its clusters"))
def choose(trace: Trace, images: ImageSet, finding: Finding) -> Iterator[Shot]:
    """The forms in turn, the largest first, as the exam class-forms found them."""
    kept = trace.array("form_rows", finding.where)
    parts: dict[int, list[int]] = {}
    for row, form in () if kept is None else kept.tolist():
        parts.setdefault(form, []).append(row)
    for each in zip_longest(*(parts[form] for form in sorted(parts))):
        for form, row in enumerate(each):
            if row is not None:
                lines = (Line(later("cluster {n:.0f}"), {"n": float(form + 1)}),)
                yield Shot([images.images[row]], lines, images.paths[row])
