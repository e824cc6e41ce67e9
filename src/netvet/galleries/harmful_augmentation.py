"""Images of the class as they are and changed as in training, with what the network calls each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from netvet.galleries import Line, Shot, gallery
from netvet.locale import later
from netvet.rules import Finding
from netvet.trace import Trace

if TYPE_CHECKING:
    from netvet.images.dataset import ImageSet


@gallery(
    "harmful-augmentation",
    title=later("{name} without augmentation, and augmented as in training: what the network predicts for each"),
)
def choose(trace: Trace, images: ImageSet, finding: Finding) -> Iterator[Shot]:
    """The first ones that the exam augmentation-effect asked about, whatever it was answered."""
    rows, changed = (trace.array(name, finding.where) for name in ("augmented_rows", "augmented_images"))
    if rows is None or changed is None:
        return
    for (row, plain, said), image in zip(rows.tolist(), changed, strict=True):
        lines = (
            Line(later("plain: {name}"), {"name": images.classes[plain]}),
            Line(later("augmented: {name}"), {"name": images.classes[said]}),
        )
        yield Shot([images.images[row], image], lines, images.paths[row])
