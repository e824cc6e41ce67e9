"""A class is several kinds of image under one name, and each of them has to be learnt from its own few.

## Symptom
One species is missed although its labels are right and it has about as many images as others; what it is taken for
changes from image to image.

## Evidence
A class that is stuck, and the `class-forms` exam: features of a pretrained network that have not seen the run, parted
by k-means. It fires where the two nearest forms lie `distance` times as far apart as the class lies from the second
nearest other class (`form_distance`), and `beyond` times as far as the parts of the median class do (`form_usual`;
`beyond_clean` times, where less than the share `clean` of its labels is likely wrong), and where a single cloud can be
parted as well in at most `chance` of all cases (`form_chance`). Frames of one group count once. The number of forms is
the least that is there: two that lie near each other may pass for one. The second nearest, because beside a class that
looks the same any two parts lie far apart.

Five and six painted species under one name had 1.7 to 2.3 times the median class, five photographed ones 1.8, all with
a chance of 0.04 or less. Of other classes, a painted one that a lost detail made a twin of another had 1.5, a
photographed one among labels of which a third were wrong 1.6, both with a chance of 0.00; a photographed species with
half of its labels wrong 1.3, and sound ones at most 1.2. `beyond` lies between. At 32 pixels five to seven painted
species had 1.4 to 1.5, of which at most 5 % of the labels seemed wrong; of other stuck classes with so few, of sound
quality, none had more than 1.16, and `beyond_clean` lies between. Eight species under one name are missed, 12
photographs of each (1.4) and painted ones (a chance of 0.89).

With few images of each form, the exam on labels takes up to a fifth of them for wrong. So where forms are seen, wrong
labels are blamed only from a share of `doubtful` on. Images too poor to show what they are, an augmentation that moves
the class, features that lack something and a class that looks the same are judged before, but not a biased last layer:
forms of few images each bias it too. A class with less than a fifth of the images of the largest is left to
class-imbalance: 12 photographs of one species, the others having 70, fell into forms 1.9 times as far apart as those of
the median class.

## Why it happens
Juveniles and adults, males and females, colour forms, or a name for what is left over ("other fish"). A network learns
what images have in common; forms with little in common share the class's images among them.

Forms alone hardly keep a class from being learnt: four painted looks under one name with 150 images were recognised in
71 % of the validation images, one in 98 %, and AUC stayed at 0.99. It takes few images of each: with 62 images (37 to
train on) one species was recognised in 68 %, four in 32 and 16 %, six in 21 %. Of five photographed species under one
name with 64 images AUC was 0.70, one by one 0.90 to 1.00.

## Not to be confused with
label-noise: wrong labels go to classes that are there; forms are like no other class. class-imbalance: the class as a
whole has far fewer images than others. A class of varied backgrounds or poses: that varies within every class, and what
varies within the others does not count here.

## Remedies
oversample gives the class, and so each form, more of the say, where the class is small: of six painted species under
one name (45 training images, the largest class 220; three seeds) recall rose from 0.16 to 0.52 and AUC from 0.90 to
0.93; of five photographed ones with as many images as every other class AUC stayed, 0.75 and 0.72. There transfer did
it: 0.70 to 0.88 (+0.02 to +0.33, three seeds), recall 0.47 to 0.57. class-augment changed nothing in either (AUC 0.90
and 0.88, 0.75 and 0.75), and is not prescribed. Else it takes what is outside the network: a label for each form (they
can be counted as one class afterwards), or more images of the forms with the fewest.

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
        "{name} is not one kind of image: its images fall into {count:.0f} forms or more, {distance:.1f} times as far "
        "apart as the class lies from its second neighbour, where the median class has {usual:.1f} (a single cloud "
        "can be parted as well in {chance:.0%} of all cases). They share {images:.0f} training images."
    )
    needed = _(
        "It takes a label for each form of {name} (they can be counted as one class afterwards), or more images of "
        "every form: {count:.0f} or more share {images:.0f} training images, some {each:.0f} each."
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
