"""The images of one class are much poorer than those of the others.

## Symptom
One species is missed, and its pictures are hard for people to read as well: dark, blurred or flat, where those of other
species are not.
Or none: a class that alone is poor may be recognised by that, and then the other classes' images, made as poor, are
surely 0.3 more often taken for it (exam `quality-shortcut`).

## Evidence
A class that is stuck, and the `image-quality` exam: an image of the class is nearly always poorer than one of another
class by blur, darkness, flatness, glare or size. The rule fires when Cliff's delta is at least `effect` (0.9 of the
pairs) and the lower end of its interval at most 0.2 less. Flatness alone does not count. A class that alone is poor is
hardly ever stuck, being known by that: it takes a second, larger one.

Proof: 4,179 photographs of 23 species as they are have at most 0.75, sound rendered species 0.59; a blur of 1 px at 64
px, or half the light, planted in one class gives at least 0.97.
The runs behind these numbers: docs/evidence/low-quality-images.md.

## Example
    >>> from netvet.testing import assert_fires, assert_silent, stuck_trace
    >>> assert_fires("low-quality-images", stuck_trace(quality_dark=0.92, quality_surely=0.88)).where
    'species 3'
    >>> assert_silent("low-quality-images", stuck_trace(quality_dark=0.7, quality_surely=0.66))

## Why it happens
A species lives deeper, farther away or in turbid water; one camera or one night gave most of its pictures.

## Not to be confused with
look-alike-classes: sharp, bright pictures that show no difference. A data set that is poor as a whole: then no class
stands out, and the network does badly on all of them.

## Remedies
feature-channels (edges and local contrast, which do not depend on the light) did most where it was measured: recall of
the smaller of two dark rendered species rose from 0 to 32 %. augment (light) may make the network less sensitive to
brightness (not measured). drop-low-quality takes out single poor images, and changed nothing for a class that is poor
as a whole. Better pictures are the cure: `netvet inspect` lists the poor ones.

## References
Dodge, Karam 2016, Understanding how image quality affects deep neural networks, https://arxiv.org/abs/1604.04004
Cliff 1993, https://doi.org/10.1037/0033-2909.114.3.494
"""

from __future__ import annotations

from collections.abc import Iterator

from netvet.locale import _
from netvet.rules import Finding, Stuck, rule
from netvet.rules._marked import shortcuts
from netvet.rules._nearness import at_least
from netvet.trace import Trace

KINDS = ("blur", "dark", "flat", "glare", "tiny")
SLACK = 0.2  # of Cliff's delta


@rule(
    "low-quality-images",
    about="class",
    needs=["val_auc", "val_auc_high", "val_images"],
    exams=["image-quality", "quality-shortcut"],
    explains=["stuck-class", "look-alike-classes"],
    remedies=["feature-channels", "augment"],
    yields_to=["harmful-augmentation"],
    always=["image-quality", "quality-shortcut"],
)
def check(trace: Trace, stuck: Stuck, *, effect: float = 0.8) -> Iterator[Finding]:
    """`effect`: Cliff's delta, -1..1."""
    if stuck in shortcuts(trace):
        yield _shortcut(trace, stuck)
        return
    place, surely = stuck.place, effect - SLACK
    near = {kind: at_least(trace.last(f"quality_{kind}", place), effect, SLACK) for kind in KINDS}
    poorest = max(share for kind, share in near.items() if kind != "flat")
    nearness = min(poorest, at_least(trace.last("quality_surely", place), surely, SLACK))
    if not nearness:
        return
    kinds = [kind for kind in KINDS if near[kind] >= (1 if nearness == 1 else 1e-9)]
    poor = _(" and ").join(map(_words, kinds))
    text = _("The images of {name} are {poor}: poorer than an image of another class in {share:.0%} of pairs.")
    if len(kinds) > 1:
        text = _(
            "The images of {name} are {poor}: poorer than an image of another class in {share:.0%} of pairs or more."
        )
    curve = min((trace.series(f"quality_{kind}", place) for kind in kinds), key=lambda each: each.last)
    message = text.format(name=place, poor=poor, share=(1 + curve.last) / 2)
    also = [name for name in trace.places(curve.name) if name == stuck.partner]
    also = [name for name in also if trace.last(curve.name, name) >= surely]
    if also:
        more = _("{message} So are those of {partner}, the class it is most often confused with.")
        message = more.format(message=message, partner=also[0])
    needed = _(
        "{name} needs better pictures: beside those of the other classes its images, {count:.0f} in training, are "
        "{poor}."
    )
    yield Finding(
        message,
        where=place,
        evidence=(curve, *(trace.series(curve.name, name) for name in also), stuck.curve),
        limit=effect,
        confidence=0.87,
        nearness=nearness,
        needed=needed.format(name=place, count=trace.last("class_images", place), poor=poor),
    )


def _shortcut(trace: Trace, marked: Stuck) -> Finding:
    """The class is recognised by what is poor about it: an illness without a symptom, since it does well by that."""
    place, names = marked.place, ("quality_taken", "quality_taken_plain", "quality_rest", "quality_rest_plain")
    taken, plain, rest, rest_plain = (trace.series(name, place) for name in names)
    dark = trace.last("quality_change", place) == 1
    poor, made = (_("darkness"), _("darkened")) if dark else (_("blur"), _("blurred"))
    text = _(
        "{name} is recognised by its {poor}: {made} to the same degree, {taken:.0%} of the other classes' validation "
        "images are taken for it ({plain:.0%} as they are), and accuracy on them falls from {rest_plain:.0%} to "
        "{rest:.0%}."
    )
    numbers = {"taken": taken.last, "plain": plain.last, "rest": rest.last, "rest_plain": rest_plain.last}
    needed = _(
        "{name} needs pictures like those of the other classes, and these some like its own: nothing else tells what "
        "it looks like from how it was photographed."
    )
    return Finding(
        text.format(name=place, poor=poor, made=made, **numbers),
        where=place,
        evidence=(taken, plain, rest, rest_plain),
        limit=marked.limit,
        confidence=0.9,
        needed=needed.format(name=place),
        certain=True,
    )


def _words(kind: str) -> str:
    """What such images are."""
    words = {"blur": _("blurred"), "dark": _("dark"), "flat": _("low in contrast"), "glare": _("overexposed")}
    return words.get(kind, _("tiny"))
