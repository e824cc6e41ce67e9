"""Validation images of the class, each beside the partner's image that is nearest to it in the network's features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from netvet.galleries import Line, Shot, gallery
from netvet.locale import later
from netvet.rules import Finding
from netvet.trace import Trace

if TYPE_CHECKING:
    from netvet.images.dataset import ImageSet


@gallery("look-alike-classes", title=later("{name}, each next to the nearest image of the class it resembles"))
def choose(trace: Trace, images: ImageSet, finding: Finding) -> Iterator[Shot]:
    """The nearest pairs first, as the exam class-features found them; an image is shown once."""
    pairs = trace.array("nearest_pairs", finding.where)
    for row, other in () if pairs is None else pairs.tolist():
        one, two = (images.classes[int(images.labels[each])] for each in (row, other))
        lines = Line("{name}", {"name": one}), Line(later("next to {name}"), {"name": two})
        yield Shot([images.images[row], images.images[other]], lines, images.paths[row])
