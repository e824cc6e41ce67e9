"""Images that carry the class's label and are likely of another, the surest error first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from netvet.galleries import Line, Shot, gallery
from netvet.locale import later
from netvet.rules import Finding
from netvet.trace import Trace

if TYPE_CHECKING:
    from netvet.images.dataset import ImageSet


@gallery("label-noise", title=later("Labelled {name}: the class that fits better, and how likely the label is wrong"))
def choose(trace: Trace, images: ImageSet, finding: Finding) -> Iterator[Shot]:
    """The likeliest errors among the labels of the finding's class, as the exam label-audit judges them."""
    rows, better = trace.array("label_errors"), trace.array("label_suggested")
    wrong = trace.array("label_wrong")
    if rows is None or better is None or wrong is None:
        return
    for row, k, share in sorted(zip(rows.tolist(), better.tolist(), wrong.tolist(), strict=True), key=lambda e: -e[2]):
        given = images.classes[int(images.labels[row])]
        if given == finding.where:
            lines = (
                Line("→ {name}", {"name": images.classes[k]}),
                Line(later("wrong: {share:.0%}"), {"share": share}),
            )
            yield Shot([images.images[row]], lines, images.paths[row])
