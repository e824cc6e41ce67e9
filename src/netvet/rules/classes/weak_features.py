"""The network's features do not separate one class from the others.

## Symptom
One species stays behind, although its labels are right and its pictures are as good as the others'; class weights do
not help.

## Evidence
A class that is stuck, and how well a linear probe tells it, or it from the class that takes `together` of its missed
images, by the network's features and by ones that owe nothing to it:
- Resolution: the pair is below `pair`, `detail_same` below `rest`; `detail_double` has `rest` and `gap` more, or `pair`
  and three times `gap` more.
- Network: the images hold it (`rest`), its features do not (below `poor`, `gap` less).
- Last layer: its features do (`rest`), the probe surely recognises `gain` more.

The last two take `few` of the largest class's images. Proof: species differing in 8 to 13 bars had AUCs of 0.41 to 0.69
at 32 pixels, 0.97 to 1.00 at 64.
The runs behind these numbers: docs/evidence/weak-features.md.

## Example
    >>> from netvet.testing import assert_fires, assert_silent, stuck_trace
    >>> assert_fires("weak-features", stuck_trace(taken=0.9, probe_pair_auc=0.66, image_pair_auc=0.98)).where
    'species 3'
    >>> assert_silent("weak-features", stuck_trace(taken=0.9, probe_pair_auc=0.87, image_pair_auc=0.98))

## Why it happens
The difference is a spot or a line of a pixel or two, and is lost when the picture is shrunk. A network that is small,
shallow or trained on little keeps what tells most classes apart, such as colour. Unequal classes bias the last layer.

## Not to be confused with
look-alike-classes: nothing tells the two apart, not even at twice the size. under-capacity: all classes are low.

## Remedies
Resolution: larger-images first. Network: transfer, larger-images, feature-channels, larger-model (that first, where the
receptive field is smaller than half of the image). Last layer: class-weights, effective-number, oversample.

## References
Alain, Bengio 2016, Understanding intermediate layers using linear classifier probes, https://arxiv.org/abs/1610.01644
Kang et al. 2020, Decoupling representation and classifier for long-tailed recognition, https://arxiv.org/abs/1910.09217
Luo et al. 2016, Understanding the effective receptive field in deep convolutional neural networks,
https://arxiv.org/abs/1701.04128
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from netvet.locale import _
from netvet.rules import Finding, Stuck, rule
from netvet.rules._chance import independent, surely_more
from netvet.rules._nearness import at_least, below
from netvet.rules.classes._audit import audited, common
from netvet.trace import Series, Trace

LACKING: tuple[str, ...] = ("transfer", "larger-images", "feature-channels", "larger-model")
BIASED = ("class-weights", "effective-number", "oversample")


@rule(
    "weak-features",
    about="class",
    needs=["val_auc", "val_auc_high", "val_images"],
    exams=["image-quality", "label-audit", "class-features", "detail-size"],
    explains=["stuck-class"],
    remedies=[*LACKING, *BIASED],
    yields_to=["harmful-augmentation", "low-quality-images", "label-noise"],
    may_yield_to=["scattered-class"],
)
def check(
    trace: Trace,
    stuck: Stuck,
    *,
    together: float = 0.6,
    pair: float = 0.85,
    rest: float = 0.9,
    gap: float = 0.1,
    poor: float = 0.7,
    gain: float = 0.3,
    few: float = 0.2,
) -> Iterator[Finding]:
    """`together`, `few`: shares, 0..1; `pair`, `rest`, `gap`, `poor`: AUC; `gain`: recall, 0..1."""
    one = at_least(stuck.taken, together, slack=0.15)
    reads = [(min(one, _lost(trace, stuck, pair, rest, gap)), partial(_resolution, rest=rest, pair=pair))]
    if common(trace, stuck.place, few):
        reads += [
            (_held(trace, stuck, one, rest, gain), partial(_last_layer, gain=gain)),
            (min(one, _missing(trace, stuck, "pair_auc", rest, gap, poor)), partial(_network, of="pair", limit=poor)),
            (_missing(trace, stuck, "auc", rest, gap, poor), partial(_network, of="", limit=poor)),
        ]
    near, judge = max(reads, key=lambda each: each[0])
    nearness = min(near, audited(trace, stuck))
    if nearness:
        yield replace(judge(trace, stuck), nearness=nearness)


def _lost(trace: Trace, stuck: Stuck, pair: float, rest: float, gap: float) -> float:
    """How near it comes to be the resolution: twice the image size shows the difference, this one does not."""
    classes = trace.meta.get("classes", ())
    names = ("probe_pair_auc", "detail_same", "detail_double", "detail_class")
    probe, same, double, asked = (trace.last(name, stuck.place) for name in names)
    if stuck.partner not in classes or asked != classes.index(stuck.partner):
        return 0.0
    well = min(at_least(double, rest, slack=0.05), at_least(double, same + gap, slack=gap / 2))
    far_better = min(at_least(double, pair), at_least(double, same + 3 * gap))
    return min(below(probe, pair, slack=0.05), below(same, rest), max(well, far_better))


def _missing(trace: Trace, stuck: Stuck, name: str, rest: float, gap: float, poor: float) -> float:
    """How near it comes to be the network: the images hold the difference, and its features do not."""
    image, probe = (trace.last(f"{kind}_{name}", stuck.place) for kind in ("image", "probe"))
    shown = min(at_least(image, rest, slack=0.05), at_least(image, probe + gap, slack=gap / 2))
    return min(shown, below(probe, poor, slack=0.1))


def _held(trace: Trace, stuck: Stuck, one: float, rest: float, gain: float) -> float:
    """How near it comes to be the last layer: the features hold the class, and a probe recognises more of it. Where it
    is taken for `one` other, they have to hold the pair; where nearly so, it takes that to be near.
    """
    names = ("val_images", "probe_auc", "probe_pair_auc", "probe_recall", "val_recall")
    n, auc, pair_auc, recall, own = (trace.last(name, stuck.place) for name in names)
    if not n > 0:
        return 0.0
    n = independent(trace, n, "val", stuck.place)
    more = at_least(surely_more(recall, n, own, n), gain, slack=gain / 2)
    whole, of_pair = (at_least(min(auc, each), rest, slack=0.05) for each in (1.0, pair_auc))
    sure = of_pair if one == 1 else whole
    return min(more, sure if sure == 1 or not one else of_pair)


def _resolution(trace: Trace, stuck: Stuck, *, rest: float, pair: float) -> Finding:
    """The detail is in the files, and smaller than a pixel or two of what the network is shown."""
    place, size = stuck.place, 0 if trace.recipe is None else trace.recipe.data.image_size
    double, same = trace.series("detail_double", place), trace.series("detail_same", place)
    text = _(
        "At {size} px {name} and {partner} cannot be separated (AUC {same:.2f} by features of the images, {probe:.2f} "
        "by the network's); at {twice} px they can ({double:.2f}): the detail that matters is lost at this size."
    )
    probe = trace.series("probe_pair_auc", place)
    message = text.format(
        size=size,
        twice=2 * size,
        name=place,
        partner=stuck.partner,
        same=same.last,
        probe=probe.last,
        double=double.last,
    )
    limit = rest if double.last >= rest else pair
    finding = _finding(message, stuck, (double, same, probe), limit, 0.85, _first("larger-images"))
    needed = _(
        "{name} and {partner} need pictures in which they are larger: the difference shows at {twice} px, and the "
        "files of {name} have a median side of {side:.0f} px."
    )
    side = trace.last("stored_side", place)
    if not side < 2 * size:
        return finding  # the files hold it: larger-images
    return replace(finding, needed=needed.format(name=place, partner=stuck.partner, twice=2 * size, side=side))


def _network(trace: Trace, stuck: Stuck, *, of: str, limit: float) -> Finding:
    """The images hold the difference, and the network's features do not."""
    place = stuck.place
    names = ("probe_pair_auc", "image_pair_auc") if of else ("probe_auc", "image_auc")
    probe, image = (trace.series(name, place) for name in names)
    text = _(
        "The network's features do not separate {name} from {other}: a linear probe on them has an AUC of {probe:.2f}, "
        "one on features independent of the run {image:.2f}."
    )
    other = stuck.partner if of else _("the other classes")
    message = text.format(name=place, other=other, probe=probe.last, image=image.last)
    field, size = trace.series("receptive_field"), 0 if trace.recipe is None else trace.recipe.data.image_size
    if len(field) and field.last < size / 2:
        more = _("{message} The receptive field of its last convolution is {field:.0f} of {size} px.")
        message = more.format(message=message, field=field.last, size=size)
        return _finding(message, stuck, (probe, image, field), limit, 0.7, _first("larger-model"))
    return _finding(message, stuck, (probe, image), limit, 0.7, LACKING)


def _last_layer(trace: Trace, stuck: Stuck, *, gain: float) -> Finding:
    """The features hold the class, and the last layer is biased against it; forms with few images each bias it, too."""
    place = stuck.place
    probe, recall, own = (trace.series(name, place) for name in ("probe_auc", "probe_recall", "val_recall"))
    text = _(
        "The network's features separate {name}, but its last layer does not: a balanced linear probe has an AUC of "
        "{auc:.2f} and a recall of {probe:.0%}, the network itself a recall of {own:.0%}."
    )
    message = text.format(name=place, auc=probe.last, probe=recall.last, own=own.last)
    finding = _finding(message, stuck, (recall, own, probe), own.last + gain, 0.75, BIASED)
    return replace(finding, yields_to=("scattered-class",))


def _first(cure: str) -> tuple[str, ...]:
    """The remedies for features that lack something, with that one at their head."""
    return (cure, *(each for each in LACKING if each != cure))


def _finding(
    message: str, stuck: Stuck, evidence: tuple[Series, ...], limit: float, confidence: float, cures: tuple[str, ...]
) -> Finding:
    text = _("{message} Possible cures, the likeliest first: {cures}.")
    return Finding(
        text.format(message=message, cures=", ".join(cures)),
        where=stuck.place,
        evidence=(*evidence, stuck.curve),
        limit=limit,
        confidence=confidence,
        remedies=cures,
    )
