"""A class is several kinds of image under one name, each of which has few images to be learnt from.

## Symptom
One species is missed although its labels are right and it has about as many images as others; what it is taken for
changes from image to image.

## Evidence
A class that is stuck, and the `class-forms` exam: features of a pretrained network that have not seen the run, split by
k-means into forms. The rule fires where the two nearest forms lie at least `distance` times as far apart as the class
lies from the second nearest other class (`form_distance`), and at least `beyond` times as far as those of the median
class (`form_usual`; `beyond_clean` times, where less than `clean` of its labels are likely wrong); and where one cloud
of points splits as well in at most `chance` of all cases (`form_chance`). Where forms are seen, wrong labels are blamed
only from a share of `doubtful` on: with few images of each form the audit takes up to a fifth of them for wrong. A
class with less than a fifth of the images of the largest is left to class-imbalance.

Proof: five and six species under one name lay 1.7 to 2.3 times as far apart as the forms of the median class (a chance
of 0.04 or less), other classes at most 1.6; at 32 pixels 1.4 to 1.5, where clean classes reached at most 1.16.
The runs behind these numbers: docs/evidence/scattered-class.md.

## Example
    >>> from netvet.testing import assert_fires, assert_silent, stuck_trace
    >>> forms = {"form_usual": 1.2, "form_chance": 0.0, "form_count": 3.0, "label_error_share": 0.2}
    >>> assert_fires("scattered-class", stuck_trace(**forms, form_distance=2.4)).where
    'species 3'
    >>> assert_silent("scattered-class", stuck_trace(**forms, form_distance=1.9))  # below 1.65 times 1.2

## Why it happens
Juveniles and adults, males and females, colour forms, or a name for what is left over ("other fish"). A network learns
what images have in common; forms with little in common have to share the class's images.

## Not to be confused with
label-noise: wrongly labelled images look like classes that are there; forms look like no other class. class-imbalance:
the class as a whole is rare. Varied backgrounds or poses: what varies within the other classes too does not count.

## Remedies
oversample gives each form more weight where the class is small (recall rose from 0.16 to 0.52); else transfer (AUC rose
from 0.70 to 0.88). Beyond the network: a label for each form (they can be counted as one class afterwards), or more
images of the forms with the fewest.

## References
Liu et al. 2008, Statistical significance of clustering, https://doi.org/10.1198/016214508000000454
Japkowicz 2001, Concept-learning in the presence of between-class and within-class imbalances,
https://doi.org/10.1007/3-540-45153-6_7
"""

from __future__ import annotations

from collections.abc import Iterator

from netvet.locale import _
from netvet.rules import Finding, rule
from netvet.rules.classes._class import Limits, case, form_limit
from netvet.trace import Trace


@rule(
    "scattered-class",
    needs=["val_auc", "val_auc_high", "val_images"],
    exams=["image-quality", "label-audit", "class-features", "class-forms"],
    explains=["stuck-class"],
    remedies=["oversample", "transfer"],
)
def check(
    trace: Trace,
    *,
    distance: float = 1.0,
    beyond: float = 1.65,
    beyond_clean: float = 1.3,
    clean: float = 0.1,
    chance: float = 0.05,
    doubtful: float = 0.3,
) -> Iterator[Finding]:
    """`distance`: times the distance to the second nearest class; `beyond`, `beyond_clean`: times the median class;
    `chance`: share of normal samples, `clean`, `doubtful`: of the labels, 0..1.
    """
    limits = Limits(
        distance=distance, beyond=beyond, beyond_clean=beyond_clean, clean=clean, chance=chance, doubtful=doubtful
    )
    found = case(trace, limits, "forms")
    if found is None:
        return
    place = found.stuck.place
    names = ("distance", "usual", "chance", "count")
    apart, usual, by_chance, count = (trace.series(f"form_{name}", place) for name in names)
    text = _(
        "{name} is not one kind of image: its images fall into {count:.0f} or more clusters, {distance:.1f} times as "
        "far apart as the class is from its second neighbour, where the median class has {usual:.1f} (a single cluster "
        "would split as well in {chance:.0%} of cases). They share {images:.0f} training images."
    )
    needed = _(
        "{name} needs a label for each of its clusters (they can be counted as one class afterwards), or more images "
        "of each: {count:.0f} or more clusters share {images:.0f} training images, about {each:.0f} each."
    )
    images = trace.last("class_images", place)
    yield Finding(
        text.format(
            name=place,
            count=count.last,
            distance=apart.last,
            usual=usual.last,
            chance=by_chance.last,
            images=images,
        ),
        where=place,
        evidence=(apart, usual, by_chance, trace.series("form_silhouette", place), found.stuck.curve),
        limit=form_limit(trace, place, found.limits),
        confidence=0.75 * found.weight,
        suspected=not found.sure,
        needed=needed.format(name=place, count=count.last, images=images, each=images / count.last),
    )
