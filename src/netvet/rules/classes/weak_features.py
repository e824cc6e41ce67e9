"""The network's features do not separate one class from the others.

## Symptom
One species stays behind, although its labels are right and its pictures are as good as the others'; class weights do
not help.

## Evidence
A class that is stuck, and how well two kinds of features tell it apart by a balanced linear probe: the network's own
(`probe_auc`, `probe_pair_auc` of `class-features`) and features that have never seen the run (`image_auc`,
`image_pair_auc` of `label-audit`). The pair is the class and the one that takes at least `together` of its missed
validation images. The finding says which of three it is:
- The resolution: at `data.image_size` the pair is not told apart by the network (below `pair`) nor well by the images
  (`detail_same` of `detail-size`, below `rest`), and at twice that size it is (`detail_double`: at least `rest` and
  `gap` more, or at least `pair` and three times `gap` more).
- The network: the images hold the difference (at least `rest`) and its features do not (below `poor`, and `gap` less).
- The last layer: the features hold the class (at least `rest`), and the probe surely recognises at least `gain` more of
  it than the network does.

Unless it is the resolution, a class with less than `few` of the images of the largest is left to class-imbalance.
Proof: species that differ in 8 to 13 bars on some 20 pixels had AUCs of 0.41 to 0.69 by their images at 32 pixels, and
of 0.97 to 1.00 at 64. A biased last layer alone was met in no run: its limits were tried on synthetic traces.
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

from netvet.locale import _
from netvet.rules import Finding, rule
from netvet.rules.classes._class import Case, Limits, case
from netvet.rules.classes._features import lack
from netvet.trace import Series, Trace

LACKING: tuple[str, ...] = ("transfer", "larger-images", "feature-channels", "larger-model")
BIASED = ("class-weights", "effective-number", "oversample")


@rule(
    "weak-features",
    needs=["val_auc", "val_auc_high", "val_images"],
    exams=["image-quality", "label-audit", "class-features", "detail-size"],
    explains=["stuck-class"],
    remedies=[*LACKING, *BIASED],
)
def check(
    trace: Trace,
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
    limits = Limits(together=together, pair=pair, rest=rest, gap=gap, poor=poor, gain=gain, few=few)
    found = case(trace, limits, "features")
    if found is None:
        return
    which = lack(trace, found.stuck.place, found.partner, found.taken, found.limits)
    judge = {"size": _resolution, "network": _network, "head": _last_layer}[which]
    yield judge(trace, found, found.limits)


def _resolution(trace: Trace, found: Case, limits: Limits) -> Finding:
    """The detail is in the files, and smaller than a pixel or two of what the network is shown."""
    place, size = found.stuck.place, 0 if trace.recipe is None else trace.recipe.data.image_size
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
        partner=found.partner,
        same=same.last,
        probe=probe.last,
        double=double.last,
    )
    finding = _finding(message, found, (double, same, probe), limits.rest, 0.85, _first("larger-images"))
    needed = _(
        "{name} and {partner} need pictures in which they are larger: the difference shows at {twice} px, and the "
        "files of {name} have a median side of {side:.0f} px."
    )
    side = trace.last("stored_side", place)
    if not side < 2 * size:
        return finding  # the files hold it: larger-images
    return replace(finding, needed=needed.format(name=place, partner=found.partner, twice=2 * size, side=side))


def _network(trace: Trace, found: Case, limits: Limits) -> Finding:
    """The images hold the difference, and the network's features do not."""
    place = found.stuck.place
    of_pair = (
        found.taken >= limits.together
        and trace.last("probe_pair_auc", place) < limits.poor
        and trace.last("image_pair_auc", place) >= limits.rest
    )
    names = ("probe_pair_auc", "image_pair_auc") if of_pair else ("probe_auc", "image_auc")
    probe, image = (trace.series(name, place) for name in names)
    text = _(
        "The network's features do not separate {name} from {other}: a linear probe on them has an AUC of {probe:.2f}, "
        "one on features independent of the run {image:.2f}."
    )
    other = found.partner if of_pair else _("the other classes")
    message = text.format(name=place, other=other, probe=probe.last, image=image.last)
    field, size = trace.series("receptive_field"), 0 if trace.recipe is None else trace.recipe.data.image_size
    if len(field) and field.last < size / 2:
        more = _("{message} The receptive field of its last convolution is {field:.0f} of {size} px.")
        message = more.format(message=message, field=field.last, size=size)
        return _finding(message, found, (probe, image, field), limits.pair, 0.7, _first("larger-model"))
    return _finding(message, found, (probe, image), limits.pair, 0.7, LACKING)


def _last_layer(trace: Trace, found: Case, limits: Limits) -> Finding:
    """The features hold the class, and the last layer is biased against it."""
    place = found.stuck.place
    probe, recall, own = (trace.series(name, place) for name in ("probe_auc", "probe_recall", "val_recall"))
    text = _(
        "The network's features separate {name}, but its last layer does not: a balanced linear probe has an AUC of "
        "{auc:.2f} and a recall of {probe:.0%}, the network itself a recall of {own:.0%}."
    )
    message = text.format(name=place, auc=probe.last, probe=recall.last, own=own.last)
    return _finding(message, found, (recall, own, probe), own.last + limits.gain, 0.75, BIASED)


def _first(cure: str) -> tuple[str, ...]:
    """The remedies for features that lack something, with that one at their head."""
    return (cure, *(each for each in LACKING if each != cure))


def _finding(
    message: str, found: Case, evidence: tuple[Series, ...], limit: float, confidence: float, cures: tuple[str, ...]
) -> Finding:
    text = _("{message} Possible cures, the likeliest first: {cures}.")
    return Finding(
        text.format(message=message, cures=", ".join(cures)),
        where=found.stuck.place,
        evidence=(*evidence, found.stuck.curve),
        limit=limit,
        confidence=confidence * found.weight,
        suspected=not found.sure,
        remedies=cures,
    )
