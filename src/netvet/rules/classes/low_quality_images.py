"""The images of one class are much poorer than those of the others.

## Symptom
One species is missed, and its pictures are hard for people to read as well: dark, blurred or flat, where those of other
species are not.

## Evidence
A class that is stuck, and the `image-quality` exam: in nearly every pair, an image of the class is poorer than one of
another class by blur, darkness, flatness, glare or size. The rule fires when Cliff's delta is at least `effect` (0.9 of
the pairs) and the lower end of its interval at most 0.2 less. Poor images in every class do not count, nor does
flatness alone: one species that is flatter than the others (a delta of 0.89) is recognised in 97 % of its images.

A class that alone is dark or blurred is hardly ever stuck, since the network knows it by its poor pictures. It takes a
second, larger class that is as poor.

Proof: 4,179 photographs of 23 species as they are have at most 0.75, sound rendered species 0.59; a blur of 1 px at
64 px, or half the light, planted in one class gives at least 0.97.
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
from netvet.rules import Finding, rule
from netvet.rules.classes._class import Limits, case
from netvet.trace import Trace


@rule(
    "low-quality-images",
    needs=["val_auc", "val_auc_high", "val_images"],
    exams=["image-quality"],
    explains=["stuck-class", "look-alike-classes"],
    remedies=["feature-channels", "augment"],
)
def check(trace: Trace, *, effect: float = 0.8) -> Iterator[Finding]:
    """`effect`: Cliff's delta, -1..1."""
    found = case(trace, Limits(effect=effect, surely=effect - 0.2), "quality")
    if found is None:
        return
    place = found.stuck.place
    curve = trace.series(f"quality_{found.kinds[0]}", place)
    text = _("The images of {name} are {poor}: poorer than an image of another class in {share:.0%} of pairs.")
    message = text.format(name=place, poor=_(" and ").join(map(_words, found.kinds)), share=(1 + curve.last) / 2)
    also = [
        name
        for name in trace.places(curve.name)
        if name == found.partner and trace.last(curve.name, name) >= found.limits.surely
    ]
    if also:
        more = _("{message} So are those of {partner}, the class it is most often confused with.")
        message = more.format(message=message, partner=also[0])
    needed = _(
        "{name} needs better pictures: its {count:.0f} training images are {poor}, and so are those it is evaluated on."
    )
    yield Finding(
        message,
        where=place,
        evidence=(curve, *(trace.series(curve.name, name) for name in also), found.stuck.curve),
        limit=found.limits.effect,
        confidence=0.87 * found.weight,
        suspected=not found.sure,
        needed=needed.format(
            name=place, count=trace.last("class_images", place), poor=_(" and ").join(map(_words, found.kinds))
        ),
    )


def _words(kind: str) -> str:
    """What such images are."""
    words = {"blur": _("blurred"), "dark": _("dark"), "flat": _("low in contrast"), "glare": _("overexposed")}
    return words.get(kind, _("tiny"))
