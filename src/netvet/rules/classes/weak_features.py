"""The network's features do not hold what tells one class from the others.

## Symptom
One species stays behind, although its labels are right and its pictures are as good as the others'; class weights do
not help.

## Evidence
A class that is stuck, and two measures of what can be told apart: a balanced linear probe on the network's own frozen
features (`probe_auc`, `probe_pair_auc` of the `class-features` exam) and the same on features that have never seen the
run (`image_auc`, `image_pair_auc` of `label-audit`). The pair is the class and the one it is taken for, where at least
`together` of its missed validation images go to that one. Which of three it is the finding says, with the numbers:

It is the resolution where at `data.image_size` the network's features do not tell the two apart (below `pair`) and
those of the images do not well (`detail_same` of the `detail-size` exam: below `rest`), and at twice that size they do
(`detail_double`: at least `rest`, and `gap` more; or at least `pair`, and three times `gap` more). It is the network
where the images hold the difference (an AUC of `rest` or more) and the network's features do not (below `poor`, and
`gap` less); its receptive field is named where it is smaller than half of the image. It is the last layer where the
network's features do hold it (an AUC of `rest` or more), and the probe surely (by Newcombe's interval) recognises at
least `gain` more of the class than the network itself.

Measured on five painted species at 32 pixels (one run of each strength), of which the second differs from the largest
in 8, 11 or 13 bars along a body of some 20 pixels alone: its AUC stayed at 0.80, 0.78 and 0.76 (the median class 0.98),
the network's features told the pair apart with 0.63, 0.49 and 0.46, features of the images with 0.69, 0.46 and 0.41 at
32 pixels and with 1.00, 1.00 and 0.97 at 64. Trained at 64 pixels on 11 bars (one run), that class reached an AUC of
1.00. With 18 bars and 120 images of the largest class at 64 pixels, the features of the images gave 0.68 at that size
and 1.00 at 128. A pair that looks alike at any size (4 % of the usual distance) had 0.51 at 64 pixels; of photographs
of 23 species, the three that stay behind at 32 pixels after five epochs had 0.94 to 1.00, at 64 pixels 0.95 to 1.00.

With 14 bars, the same 120 images and 64 pixels it was the network: 0.56 by its features, 0.93 by those of the images, a
recall of 0.12 (of 24 validation images; too few for the class to be surely stuck). `poor` lies between that and the
0.84 and 0.85 of two painted classes that were rare instead. A biased last layer was met in no run alone: its limits are
those of look-alike-classes and harmful-augmentation, and were tried on made traces.

A class with less than `few` of the images of the largest is left to class-imbalance, unless it is the resolution.

## Why it happens
What tells two species apart is a spot or a line of a pixel or two, and is averaged away when the picture is made
smaller. A network that is small, shallow or trained on few pictures keeps what tells most classes apart, such as
colour, and drops the rest. Where the loss is shared out unevenly, the last layer names the commoner of two classes.

## Not to be confused with
look-alike-classes: there neither the network nor anything else tells the two apart, at twice the size either.
under-capacity: then all classes are low together.

## Remedies
Where the resolution lacks it: larger-images first. Where the network lacks it: transfer, larger-images,
feature-channels, larger-model (that first, where the receptive field is small). Where the last layer is biased:
class-weights, effective-number, oversample.

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
        "At {size} px {name} and {partner} cannot be told apart (AUC {same:.2f} by features of the images, {probe:.2f} "
        "by the network's), at {twice} px they can ({double:.2f}): the detail that matters is lost at this size."
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
        "It takes pictures in which {name} and {partner} are larger: the difference shows at {twice} px, and the files "
        "of {name} have a median side of {side:.0f} px."
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
        "The network's features do not hold what tells {name} from {other}: a linear probe on them has an AUC of "
        "{probe:.2f}, on features of the images that have not seen the run {image:.2f}."
    )
    other = found.partner if of_pair else _("the other classes")
    message = text.format(name=place, other=other, probe=probe.last, image=image.last)
    field, size = trace.series("receptive_field"), 0 if trace.recipe is None else trace.recipe.data.image_size
    if len(field) and field.last < size / 2:
        more = _("{message} Its last convolution sees {field:.0f} of {size} px at once.")
        message = more.format(message=message, field=field.last, size=size)
        return _finding(message, found, (probe, image, field), limits.pair, 0.7, _first("larger-model"))
    return _finding(message, found, (probe, image), limits.pair, 0.7, LACKING)


def _last_layer(trace: Trace, found: Case, limits: Limits) -> Finding:
    """The features hold the class, and the last layer is biased against it."""
    place = found.stuck.place
    probe, recall, own = (trace.series(name, place) for name in ("probe_auc", "probe_recall", "val_recall"))
    text = _(
        "The network's features hold {name} and its last layer passes it over: a balanced linear probe on them has an "
        "AUC of {auc:.2f} and recognises {probe:.0%} of it, the network itself {own:.0%}."
    )
    message = text.format(name=place, auc=probe.last, probe=recall.last, own=own.last)
    return _finding(message, found, (recall, own, probe), own.last + limits.gain, 0.75, BIASED)


def _first(cure: str) -> tuple[str, ...]:
    """The remedies for features that lack something, with that one at their head."""
    return (cure, *(each for each in LACKING if each != cure))


def _finding(
    message: str, found: Case, evidence: tuple[Series, ...], limit: float, confidence: float, cures: tuple[str, ...]
) -> Finding:
    text = _("{message} What may cure it, the likeliest first: {cures}.")
    return Finding(
        text.format(message=message, cures=", ".join(cures)),
        where=found.stuck.place,
        evidence=(*evidence, found.stuck.curve),
        limit=limit,
        confidence=confidence * found.weight,
        suspected=not found.sure,
        remedies=cures,
    )
