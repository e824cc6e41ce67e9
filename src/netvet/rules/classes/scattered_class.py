"""A class is several kinds of image under one name, each of which has few images to be learnt from.

## Symptom
One species is missed although its labels are right and it has about as many images as others; what it is taken for
changes from image to image.

## Evidence
A class that is stuck, and the `class-forms` exam: features that have not seen the run, split by k-means. The rule fires
where the two nearest forms lie at least `distance` times as far apart as the class lies from its second neighbour, and
`beyond` times as far as those of the median class (`beyond_clean`, where less than `clean` of its labels are likely
wrong); and where one cloud splits as well in at most `chance` of all cases. A class with less than `few` of the largest
one's images is left to class-imbalance.

Proof: five and six species under one name lay 1.7 to 2.3 times as far apart as the median class's forms, other classes
at most 1.6.
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
from netvet.rules import Finding, Stuck, rule
from netvet.rules._nearness import at_least, at_most
from netvet.rules.classes._audit import audited, common
from netvet.trace import Trace


@rule(
    "scattered-class",
    about="class",
    needs=["val_auc", "val_auc_high", "val_images"],
    exams=["image-quality", "label-audit", "class-features", "class-forms"],
    explains=["stuck-class"],
    remedies=["oversample", "transfer"],
    yields_to=["harmful-augmentation", "low-quality-images", "label-noise", "weak-features", "look-alike-classes"],
)
def check(
    trace: Trace,
    stuck: Stuck,
    *,
    distance: float = 1.0,
    beyond: float = 1.65,
    beyond_clean: float = 1.3,
    clean: float = 0.1,
    chance: float = 0.05,
    few: float = 0.2,
) -> Iterator[Finding]:
    """`distance`: times the distance to the second nearest class; `beyond`, `beyond_clean`: times the median class;
    `chance`: share of normal samples, `clean`: of the labels, `few`: of the largest class's images, 0..1.
    """
    place = stuck.place
    names = ("distance", "usual", "chance", "count")
    apart, usual, by_chance, count = (trace.series(f"form_{name}", place) for name in names)
    times, slack = (beyond, 0.25) if trace.last("label_error_share", place) >= clean else (beyond_clean, 0.1)
    limit = max(distance, times * usual.last)
    nearness = min(
        audited(trace, stuck),
        at_least(apart.last, limit, slack=limit - max(distance, (times - slack) * usual.last)),
        at_most(by_chance.last, chance, slack=chance),
    )
    if not (nearness and common(trace, place, few) and usual.last >= 0):  # measured at all
        return
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
    numbers = {"count": count.last, "distance": apart.last, "usual": usual.last, "chance": by_chance.last}
    yield Finding(
        text.format(name=place, images=images, **numbers),
        where=place,
        evidence=(apart, usual, by_chance, count, trace.series("form_silhouette", place), stuck.curve),
        limit=limit,
        confidence=0.75,
        nearness=nearness,
        needed=needed.format(name=place, count=count.last, images=images, each=images / count.last),
    )
