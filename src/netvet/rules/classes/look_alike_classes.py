"""Two classes look the same, to the network and by every other measure.

## Symptom
One species is missed, and nearly always taken for the same other one; the rarer of the two is hardly ever predicted.
Or none, of two classes alike in number: the images tell neither from the other better than chance (`image_pair_auc` of
at most 0.6), and each from the rest. Either they are one kind under two names, or their labels were exchanged.

## Evidence
A class that is stuck. At least `together` of its missed validation images are taken for one other class, and neither
the network's own features (`probe_pair_auc` of `class-features`) nor features that have never seen the run
(`image_pair_auc` of `label-audit`) tell the two apart: both are below `pair`. From all other classes its images are
told well (`image_rest_auc` of at least `rest`). Of two such classes with equally many images neither is stuck: it takes
a larger twin.

Proof: rendered species with the same look had pair AUCs of 0.52 and 0.40; at 15 % of the usual distance they had 0.80
and 0.68, and no class was stuck. Sound pairs have 0.93 to 1.00.
The runs behind these numbers: docs/evidence/look-alike-classes.md.

## Example
    >>> from netvet.testing import assert_fires, assert_silent, stuck_trace
    >>> assert_fires("look-alike-classes", stuck_trace(taken=0.9, probe_pair_auc=0.59, image_pair_auc=0.51)).where
    'species 3'
    >>> assert_silent("look-alike-classes", stuck_trace(taken=0.9, probe_pair_auc=0.59, image_pair_auc=0.95))

## Why it happens
What tells the species apart is not in the picture: it is on the other side, too small at this resolution, a matter of
sex or age, or there is one species under two names.

## Not to be confused with
low-quality-images: images too dark or blurred to show the difference. label-noise: errors that go to many classes. A
network that misses a difference which the images hold, or whose last layer ignores one that its features hold: where an
AUC of `rest` or more shows it, the rule says which of the two it is.

## Remedies
class-weights and oversample raise the rarer one's recall at the price of the other's; they do not tell the two apart.
feature-channels (edges, local contrast and colour opponents beside the pixels) and larger-images may, where the files
hold the difference. Else it takes other pictures, closer or of the side that differs, or one class for both.

## References
Wei et al. 2022, Fine-grained image analysis with deep learning: a survey, https://arxiv.org/abs/2111.06119
"""

from __future__ import annotations

from collections.abc import Iterator

from netvet.locale import _
from netvet.rules import Answer, Finding, RuledOut, Stuck, rule
from netvet.rules._marked import interchangeable
from netvet.rules._nearness import at_least, below
from netvet.rules.classes._audit import audited
from netvet.trace import Trace


@rule(
    "look-alike-classes",
    about="class",
    needs=["val_auc", "val_auc_high", "val_images"],
    exams=["image-quality", "label-audit", "class-features"],
    explains=["stuck-class"],
    remedies=["class-weights", "oversample", "feature-channels", "larger-images"],
    yields_to=["harmful-augmentation", "low-quality-images", "label-noise", "weak-features"],
)
def check(
    trace: Trace, stuck: Stuck, *, together: float = 0.6, pair: float = 0.85, rest: float = 0.9
) -> Iterator[Answer]:
    """`together`: share of the missed images, 0..1; `pair`, `rest`: AUC."""
    if stuck in interchangeable(trace):
        yield _at_chance(trace, stuck)
        return
    place, partner = stuck.place, stuck.partner
    names = ("image_pair_auc", "probe_pair_auc", "image_rest_auc")
    image, probe, rest_auc = (trace.series(name, place) for name in names)
    nearness = min(
        audited(trace, stuck),
        at_least(stuck.taken, together, slack=0.15),
        below(max(image.last, probe.last), pair, slack=0.05),
        at_least(rest_auc.last, rest, slack=0.05),
    )
    if stuck.taken >= together and (apart := _apart(trace, stuck, pair, rest)):
        yield apart
    if not nearness:
        return
    text = _(
        "{name} looks like {partner}: {taken:.0%} of its missed validation images are predicted as {partner}, and the "
        "AUC between the two is only {probe:.2f} by the network's features and {image:.2f} by features of the images "
        "alone ({rest:.2f} against all other classes)."
    )
    numbers = {"taken": stuck.taken, "probe": probe.last, "image": image.last, "rest": rest_auc.last}
    yield Finding(
        text.format(name=place, partner=partner, **numbers),
        where=place,
        evidence=(image, probe, rest_auc, stuck.curve),
        limit=pair,
        confidence=0.85,
        nearness=nearness,
        needed=_needed(trace, place, partner),
    )


def _at_chance(trace: Trace, marked: Stuck) -> Finding:
    """Nothing in the images tells the class from the other: an illness without a symptom."""
    place, partner = marked.place, marked.partner
    pair, rest = trace.series("image_pair_auc", place), trace.series("image_rest_auc", place)
    text = _(
        "Nothing in the images tells {name} from {partner}: features independent of the run separate the two with an "
        "AUC of {pair:.2f} (0.5 is chance), and {name} from all other classes with {rest:.2f}. Either they are one "
        "kind under two names, or their labels were exchanged: compare some images of either."
    )
    return Finding(
        text.format(name=place, partner=partner, pair=pair.last, rest=rest.last),
        where=place,
        evidence=(pair, rest),
        limit=marked.limit,
        confidence=0.85,
        needed=_needed(trace, place, partner),
        certain=True,
    )


def _needed(trace: Trace, place: str, partner: str) -> str:
    """Other pictures, or one label."""
    text = _(
        "{name} and {partner} need different pictures, closer or of the side on which they differ: the {count:.0f} and "
        "{others:.0f} training images they have do not show the difference, and more like them would not either. If "
        "they are one species, give them one label."
    )
    count, others = (trace.last("class_images", name) for name in (place, partner))
    return text.format(name=place, partner=partner, count=count, others=others)


def _apart(trace: Trace, stuck: Stuck, pair: float, rest: float) -> RuledOut | None:
    """That a class which is taken for one other can be told from it, and what it takes; None where it cannot."""
    place, partner = stuck.place, stuck.partner
    image, probe = trace.series("image_pair_auc", place), trace.series("probe_pair_auc", place)
    if probe.last >= rest:
        text = _(
            "Most missed images of {name} are predicted as {partner}, but the network's features separate the two: a "
            "balanced linear probe has an AUC of {auc:.2f} between them and a recall of {probe:.0%} for {name}, the "
            "network itself {own:.0%}."
        )
        recall, own = trace.series("probe_recall", place), trace.series("val_recall", place)
        message = text.format(name=place, partner=partner, auc=probe.last, probe=recall.last, own=own.last)
        return RuledOut(message, (probe, recall, own), beside=("weak-features",))
    if probe.last < pair and image.last >= rest:
        text = _(
            "Most missed images of {name} are predicted as {partner}, but their images differ: features independent of "
            "the run separate the two with an AUC of {image:.2f}, the network's own with {probe:.2f}."
        )
        message = text.format(name=place, partner=partner, image=image.last, probe=probe.last)
        return RuledOut(message, (image, probe), beside=("weak-features",))
    return None
