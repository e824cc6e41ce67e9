"""Do the images of a class fall into clusters that have little in common?

## What it does
Takes the classes that are stuck, at most `CLASSES` (where none is, the one of the lowest AUC), and describes their
images and those of the others, at most `IMAGES` of each class, by features of a pretrained network that owe nothing to
the run. Frames of one group count once. Features are measured against what varies within the other classes, and the
class is parted by k-means (`netvet.audit.clusters`).

It needs the pretrained weights. Handmade features part sound classes too: of twelve photographed species two came out
2.6 times as far apart as the nearest other species lay, and surely more than one cloud. So do those of the run's own
network (1.9 and 2.4 times, for species that are rare or hard).

## What it gives
By class: `form_count`, how many parts, at least 2; `form_silhouette`, -1..1, of the parting; `form_chance`, 0..1, how
often one cloud of normal samples can be parted as well; `form_distance`, the distance of the two nearest forms as a
multiple of the distance from the class to the second nearest other class; `form_usual`, the median of that over the
other classes that can be parted. Array `form_rows` by class, (n, 2): rows of its images and the form of each, 0 the
largest, the most typical images first.

## What it decides
Whether a class that is not learnt is one kind of thing: juveniles and adults, both sexes, or several species under one
name have to be learnt one by one, each from its own few images.

## References
Liu et al. 2008, Statistical significance of clustering, https://doi.org/10.1198/016214508000000454
Rousseeuw 1987, Silhouettes, https://doi.org/10.1016/0377-0427(87)90125-7
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netvet.audit import features
from netvet.audit.clusters import clusters
from netvet.audit.features import weights_there
from netvet.base.observed import Observed
from netvet.exams import ExamContext, exam
from netvet.exams._described import describe, described, member, sample
from netvet.exams._hardest import hardest
from netvet.locale import _, later
from netvet.trace import Trace

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netvet.images.dataset import ImageSet

CLASSES, IMAGES = 3, 300


@exam(
    "class-forms",
    gives={
        "form_count": Observed("", "forms", "count"),
        "form_silhouette": Observed(later("Silhouette of its forms"), "-1..1"),
        "form_chance": Observed(later("Chance of such a parting in a single cloud"), "0..1", "share"),
        "form_distance": Observed(later("Distance between its forms"), "times"),
        "form_usual": Observed(later("Distance between the forms of the median class"), "times"),
        "form_rows": Observed(kind="index"),
    },
    cost="features of at most 300 images of each class, and k-means on those of the stuck ones",
)
def run_exam(context: ExamContext) -> str:
    """Look for forms in a context's stuck classes."""
    images, record, reported = context.images, context.record, list[str]()
    if not weights_there():
        return _("Finding the clusters of a class takes a pretrained network, and its weights are not installed.")
    known = np.unique(images.labels).tolist()
    rows = sample(images.labels, known, IMAGES)
    values, labels, groups = _values(images, rows), images.labels[rows], member(images, rows)
    parted = {k: each for k in known if (each := clusters(values, labels, groups, k, draws=0)) is not None}
    for name in hardest(Trace.open(context.run), CLASSES):
        k = images.classes.index(name)
        found = clusters(values, labels, groups, k) if k in parted else None
        if found is None:
            continue
        others = [each.distance for other, each in parted.items() if other != k]
        usual = float(np.median(others)) if others else float("nan")
        record.add(0, "form_count", float(found.count), name)
        record.add(0, "form_silhouette", found.silhouette, name)
        record.add(0, "form_chance", found.chance, name)
        record.add(0, "form_distance", found.distance, name)
        record.add(0, "form_usual", usual, name)
        typical = np.argsort(found.far, kind="stable")
        record.add_array(0, "form_rows", np.stack([rows[found.rows], found.form], axis=1)[typical], name)
        text = _(
            "The images of {name} fall into {count} clusters, {distance:.1f} times as far apart as the class is from "
            "its second neighbour (median class: {usual:.1f}); a single cluster would split as well in {chance:.0%} of "
            "cases."
        )
        reported.append(
            text.format(
                name=name,
                count=found.count,
                distance=found.distance,
                usual=usual,
                chance=found.chance,
            )
        )
    return reported[0] if reported else _("The classes have too few images to look for clusters.")


def _values(images: ImageSet, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Features of rows by the pretrained network; those of all images, where other exams ask for them too."""
    if len(rows) == len(images.labels) <= features.MOST_PRETRAINED:
        return described(images)
    return describe(images.images[rows], "pretrained")
