"""Two classes look the same, to the network and by every other measure.

## Symptom
One species is missed, and nearly always taken for the same other one; the rarer of the two is hardly ever predicted.

## Evidence
A class that is stuck. At least `together` of its missed validation images are taken for one other class, and neither
the network's own features (`probe_pair_auc` of the `class-features` exam, by a balanced linear probe) nor features that
have never seen the run (`image_pair_auc` of the `label-audit` exam) tell the two apart: both are below `pair`. From all
classes but that one the images are told well (`image_rest_auc` of at least `rest`).

Two classes that look the same and have equally many images are predicted by turns: recall falls to a half, AUC by
little, and neither is called stuck. It takes a larger twin.

Proof: rendered species with the same look had pair AUCs of 0.52 and 0.40; at 15 % of the usual distance they had 0.80
and 0.68, and no class was stuck any more. Sound pairs have 0.93 to 1.00.
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
from netvet.rules import Answer, Finding, RuledOut, rule
from netvet.rules.classes._class import Case, Limits, cases, worst
from netvet.trace import Trace


@rule(
    "look-alike-classes",
    needs=["val_auc", "val_auc_high", "val_images"],
    exams=["image-quality", "label-audit", "class-features"],
    explains=["stuck-class"],
    remedies=["class-weights", "oversample", "feature-channels", "larger-images"],
)
def check(trace: Trace, *, together: float = 0.6, pair: float = 0.85, rest: float = 0.9) -> Iterator[Answer]:
    """`together`: share of the missed images, 0..1; `pair`, `rest`: AUC."""
    known = cases(trace, Limits(together=together, pair=pair, rest=rest))
    found = worst(known, "alike")
    if found is None:
        yield from _apart(trace, known, together, pair, rest)
        return
    place = found.stuck.place
    image, probe = trace.series("image_pair_auc", place), trace.series("probe_pair_auc", place)
    text = _(
        "{name} looks like {partner}: {taken:.0%} of its missed validation images are predicted as {partner}, and the "
        "AUC between the two is only {probe:.2f} by the network's features and {image:.2f} by features of the images "
        "alone ({rest:.2f} against all other classes)."
    )
    rest_auc = trace.series("image_rest_auc", place)
    yield Finding(
        text.format(
            name=place,
            partner=found.partner,
            taken=found.taken,
            probe=probe.last,
            image=image.last,
            rest=rest_auc.last,
        ),
        where=place,
        evidence=(image, probe, rest_auc, found.stuck.curve),
        limit=found.limits.pair,
        confidence=0.85 * found.weight,
        suspected=not found.sure,
        needed=_needed(trace, place, found.partner),
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


def _apart(trace: Trace, known: tuple[Case, ...], together: float, pair: float, rest: float) -> Iterator[RuledOut]:
    """The worst stuck class that is taken for one other and can be told from it, and what it takes."""
    for each in known:
        place, partner = each.stuck.place, each.partner
        image, probe = trace.series("image_pair_auc", place), trace.series("probe_pair_auc", place)
        if each.why not in ("", "features") or each.taken < together:
            continue
        if probe.last >= rest:
            text = _(
                "{name} is mostly predicted as {partner}, but the network's features separate the two: a balanced "
                "linear probe has an AUC of {auc:.2f} between them and a recall of {probe:.0%} for {name}, the "
                "network's own last layer {own:.0%}."
            )
            recall, own = trace.last("probe_recall", place), trace.last("val_recall", place)
            message = text.format(name=place, partner=partner, auc=probe.last, probe=recall, own=own)
            yield RuledOut(message, (probe, trace.series("probe_recall", place)))
        elif probe.last < pair and image.last >= rest:
            text = _(
                "{name} is mostly predicted as {partner}, but their images differ: features independent of the run "
                "separate the two with an AUC of {image:.2f}, the network's own with {probe:.2f}."
            )
            message = text.format(name=place, partner=partner, image=image.last, probe=probe.last)
            yield RuledOut(message, (image, probe))
        else:
            continue
        return
