"""The poorest images of the class, each beside an ordinary one of another class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from netvet.gallery import Line, Shot, gallery
from netvet.locale import later
from netvet.rule import Finding
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
    "low-quality-images", title=later("The poorest images of {name}, each beside an ordinary one of another class")
)
def choose(trace: Trace, images: ImageSet, finding: Finding) -> Iterator[Shot]:
    """By the kind in which the class is worst, as the exam image-quality measured it."""
    worst, usual = (trace.array(name, finding.where) for name in ("quality_worst", "quality_usual"))
    if worst is None or usual is None:
        return
    kind = max(KINDS, key=lambda each: _effect(trace, each, finding.where))
    for row, other in zip(worst.tolist(), usual.tolist(), strict=False):
        name = images.classes[int(images.labels[other])]
        lines = Line(KINDS[kind]), Line(later("beside {name}"), {"name": name})
        yield Shot([images.images[row], images.images[other]], lines, images.paths[row])


def _effect(trace: Trace, kind: str, place: str) -> float:
    """Cliff's delta, -1..1; -2 where it was not measured."""
    delta = trace.last(f"quality_{kind}", place)
    return delta if delta == delta else -2.0
