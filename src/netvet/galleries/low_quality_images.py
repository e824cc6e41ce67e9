"""The poorest images of the class, each beside an ordinary one of another class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from netvet.galleries import Line, Shot, gallery
from netvet.locale import later
from netvet.rules import Finding
from netvet.trace import Trace

if TYPE_CHECKING:
    from netvet.images.dataset import ImageSet

KINDS = {
    "blur": later("blurred"),
    "dark": later("dark"),
    "flat": later("low in contrast"),
    "glare": later("overexposed"),
    "tiny": later("tiny"),
}


@gallery(
    "low-quality-images", title=later("The poorest images of {name}, each next to an ordinary one of another class")
)
def choose(trace: Trace, images: ImageSet, finding: Finding) -> Iterator[Shot]:
    """By the kind in which the class is worst, as the exam image-quality measured it; named are all that the finding
    does, its limit being a Cliff's delta.
    """
    worst, usual = (trace.array(name, finding.where) for name in ("quality_worst", "quality_usual"))
    if worst is None or usual is None:
        return
    limit = 0.8 if finding.limit is None else finding.limit
    kinds = [Line(text) for kind, text in KINDS.items() if trace.last(f"quality_{kind}", finding.where) >= limit]
    for row, other in zip(worst.tolist(), usual.tolist(), strict=False):
        name = images.classes[int(images.labels[other])]
        lines = [*kinds, Line(later("next to {name}"), {"name": name})]
        yield Shot([images.images[row], images.images[other]], lines, images.paths[row])
