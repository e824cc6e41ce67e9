"""Are the images of a class poorer than those of the others?

## What it does
Measures blur, darkness, flatness (low contrast), glare and, where the images are files, size of every image (as far as
it is below the size that the network is shown), and compares each class with the others by Cliff's delta: the chance
that an image of the class is poorer than one of the others, less the chance of the opposite. That all images are
blurred or dark does not move it, nor does a second class that is poor as well. `netvet inspect` measures the same.

Images are taken from their files at 128 pixels a side where the network is shown fewer and they are at most 4,000.

## What it gives
By class: `quality_blur`, `quality_dark`, `quality_flat`, `quality_glare`, `quality_tiny` (-1..1; 0 is as the others, 1
is poorer than every one of them), and `quality_surely`, the lower end of the 99 % interval of the largest of them.
Arrays by class, rows of images by the measure of that largest one: `quality_worst`, its poorest images, and
`quality_usual`, images of other classes near the median of these, of one class after the other.

## What it decides
Whether "this class is blurred" is true, where "all images are blurred" would not tell classes apart.

## References
Cliff 1993, Dominance statistics: ordinal analyses to answer ordinal questions,
https://doi.org/10.1037/0033-2909.114.3.494
Pech-Pacheco et al. 2000, Diatom autofocusing in brightfield microscopy, https://doi.org/10.1109/ICPR.2000.903548
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netvet.audit import files, quality
from netvet.audit.notices import words
from netvet.base.observed import Observed
from netvet.exams import ExamContext, exam
from netvet.exams._described import looked_at
from netvet.locale import _, later

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = ("blur", "dark", "flat", "glare", "tiny")
SHOWN = 6  # images of a class, and as many to compare them with


@exam(
    "image-quality",
    gives={
        "quality_blur": Observed(later("Blur beside the others"), "Cliff's delta, -1..1"),
        "quality_dark": Observed(later("Darkness beside the others"), "Cliff's delta, -1..1"),
        "quality_flat": Observed(later("Flatness beside the others"), "Cliff's delta, -1..1"),
        "quality_glare": Observed(later("Glare beside the others"), "Cliff's delta, -1..1"),
        "quality_tiny": Observed(later("Smallness beside the others"), "Cliff's delta, -1..1"),
        "quality_surely": Observed("", "Cliff's delta, -1..1"),
        "quality_worst": Observed(kind="index"),
        "quality_usual": Observed(kind="index"),
    },
    cost="one look at every image",
)
def run_exam(context: ExamContext) -> str:
    """Compare the quality of a context's classes."""
    images, record = context.images, context.record
    member = np.arange(len(images.labels))
    if images.known_groups is not None:
        member = np.unique(images.known_groups, return_inverse=True)[1]
    headers = files.headers(context.recipe.data.source, images.paths)
    measured = quality.measures(looked_at(images, context.recipe.data.source), headers, images.labels)
    if headers is not None and "tiny" in measured:  # a file that is larger than what the network is shown is no plight
        measured["tiny"] = (-np.log2(np.minimum(headers.side, context.recipe.data.image_size)),)
    poorest, at = (-2.0, ""), ""
    tables = {
        kind: [quality.by_class(each, images.labels, member) for each in measured.get(kind, ())] for kind in KINDS
    }
    for k, name in enumerate(images.classes[: int(images.labels.max()) + 1]):
        mine, best = images.labels == k, (-2.0, -2.0, "")
        telling = np.zeros(len(mine))
        for kind in KINDS:
            effects = [(*row[k], i) for i, row in enumerate(tables[kind]) if row[k][0] == row[k][0]]
            if effects:
                delta, low, _high, column = max(effects)
                record.add(0, f"quality_{kind}", delta, name)
                if delta > best[0]:
                    best, telling = (delta, low, kind), measured[kind][column]
        if best[2]:
            record.add(0, "quality_surely", best[1], name)
            worst = np.flatnonzero(mine)[np.argsort(-telling[mine], kind="stable")][:SHOWN]
            record.add_array(0, "quality_worst", worst, name)
            record.add_array(0, "quality_usual", _usual(telling, images.labels, k), name)
            poorest, at = max((poorest, at), ((best[0], best[2]), name))
    if not at:
        return _("The classes have too few images to compare their quality.")
    text = _(
        "The class that stands out most is {name} ({kind}): its images are poorer than another class's in {share:.0%} "
        "of pairs."
    )
    return text.format(name=at, kind=words(poorest[1]), share=(1 + poorest[0]) / 2)


def _usual(column: NDArray[np.float64], labels: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Images of the other classes, the nearest to their median first: one of each class, then the second of each; of
    those in the middle half, so that a class that is poor itself does not stand for the usual.
    """
    others = np.flatnonzero(labels != k)
    low, middle, high = np.quantile(column[others], [0.25, 0.5, 0.75])
    others = others[(column[others] >= low) & (column[others] <= high)]
    others = others[np.argsort(np.abs(column[others] - middle), kind="stable")]
    turn = np.array([(labels[others[:i]] == labels[row]).sum() for i, row in enumerate(others[:1000])], np.int64)
    return np.asarray(others[: len(turn)][np.argsort(turn, kind="stable")][:SHOWN], np.int64)
