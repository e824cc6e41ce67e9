"""One class is not learnt while the others are.

## Symptom
Overall accuracy looks fine, but one species is missed again and again, and does not get better.

## Evidence
By class: `val_auc`, `val_recall` and `train_recall` with intervals at 95 % for all classes together (Bonferroni), over
groups where known. By the median over the last third a class is stuck when its AUC surely lies more than `margin` below
the classes' median, or its recall surely below `share` of what a quarter reach, and no longer rises (`still`). Where
the others are not learnt either (AUC below `auc`, recall below `recall`), none is called stuck; nor, in a watched loop,
one that colours and edges miss as clearly within validation alone (`label_recall`).

Proof: with a `share` of 0.6 no class was stuck in 115 healthy runs, and one in 152 of 163 with a planted cause.
The runs behind these numbers: docs/evidence/stuck-class.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> missed = altered(healthy_trace(), {"val_recall@species 3": 0.02})
    >>> assert_fires("stuck-class", missed).where
    'species 3'
    >>> assert_silent("stuck-class", altered(missed, {"val_images@species 3": 3.0}))  # too few to be sure

## Why it happens
Too few images of it, images that do not look alike, another class that looks the same, wrong labels, or photographs
too poor to show what matters.

## Not to be confused with
A run in which nothing is learnt: then all classes are low together. A small class whose score is merely uncertain.

## Remedies
See the cause that explains it: class-imbalance, label-noise, look-alike-classes, scattered-class, low-quality-images,
harmful-augmentation or weak-features.

## References
Hanley, McNeil 1982, The meaning and use of the area under a ROC curve, https://doi.org/10.1148/radiology.143.1.7063747
Fawcett 2006, An introduction to ROC analysis, https://doi.org/10.1016/j.patrec.2005.10.010
"""

from __future__ import annotations

from collections.abc import Iterator

from netvet.locale import _
from netvet.rules import Finding, rule
from netvet.rules._stuck import AUC, MARGIN, RECALL, SHARE, STILL, Stuck, stuck
from netvet.trace import Series, Trace


@rule("stuck-class", kind="symptom", needs=["val_auc", "val_auc_high", "val_images"])
def check(
    trace: Trace,
    *,
    margin: float = MARGIN,
    share: float = SHARE,
    still: float = STILL,
    auc: float = AUC,
    recall: float = RECALL,
) -> Iterator[Finding]:
    """`margin`, `auc`: AUC; `share`: of the usual recall; `recall`: recall; `still`: AUC or recall; all 0..1."""
    found = stuck(trace, margin=margin, share=share, still=still, auc=auc, recall=recall)
    if not found:
        return
    first, *others = found
    message = _sentence(first.curve.name).format(name=first.place, value=first.value, usual=first.usual)
    if others:
        more = _("{message} Also stuck: {names}.")
        message = more.format(message=message, names=", ".join(each.place for each in others))
    favoured = _favoured(trace, first)
    message = " ".join(filter(None, [message, favoured]))
    curves = (*(each.curve for each in found), *(_shown(trace, first.place) if favoured else ()))
    yield Finding(message, first.place, curves, first.limit, 0.9)


def _shown(trace: Trace, place: str) -> tuple[Series, ...]:
    """What the sentence says of the class's part in the loss."""
    names = ("class_images", "gradient_share", "gradient_share_plain")
    return tuple(series for series in (trace.series(name, place) for name in names) if len(series))


def _favoured(trace: Trace, worst: Stuck) -> str:
    """What is done for rare or hard classes already, with numbers, and that it did not help; "" where nothing is."""
    recipe, count = trace.recipe, trace.last("class_images", worst.place)
    counts = [trace.last("class_images", name) for name in trace.places("class_images")]
    if recipe is None or not count > 0:
        return ""
    even = sum(counts) / (len(counts) * count)
    reported: list[str] = []
    if recipe.loss.class_weights == "balanced":
        text = _("Class weights are on: each of its {count:.0f} training images counts {times:.2g} times")
        reported.append(text.format(count=count, times=even))
    if recipe.loss.class_weights == "effective":
        text = _(
            "Class weights by the effective number of images are on: each of its {count:.0f} training images counts "
            "{times:.2g} times"
        )
        reported.append(text.format(count=count, times=_effective(count, counts, recipe.loss.beta)))
    if recipe.sampler.name == "oversample":
        text = _("Oversampling is on: each of its {count:.0f} training images is shown {times:.2g} times an epoch")
        reported.append(text.format(count=count, times=even))
    if recipe.loss.name == "focal":
        reported.append(_("Focal loss (gamma {gamma:g}) is on").format(gamma=recipe.loss.gamma))
    if not reported:
        return ""
    share, plain = (trace.last(name, worst.place) for name in ("gradient_share", "gradient_share_plain"))
    if share == share:  # the exam class-features was taken
        text = _("its share of the gradient at the logits is {share:.0%} ({plain:.0%} without), and it is still stuck.")
        end = text.format(share=share, plain=plain)
    else:
        end = _("and it is still stuck.")
    return "; ".join([*reported, end])


def _effective(count: float, counts: list[float], beta: float) -> float:
    """What an image of a class of `count` weighs by its effective number, where the mean weight of an image is 1."""
    present = [n for n in counts if n > 0]
    weights = [(1 - beta) / (1 - beta**n) for n in present]
    mean = sum(weight * n for weight, n in zip(weights, present, strict=True)) / sum(present)
    return float((1 - beta) / (1 - beta**count) / mean)


def _sentence(name: str) -> str:
    if name == "val_auc":
        return _(
            "{name} is not learnt: its validation AUC has a median of {value:.2f} over the last third of the run, "
            "where the median class has {usual:.2f}."
        )
    if name == "val_recall":
        return _(
            "{name} is missed: its validation recall has a median of {value:.0%} over the last third of the run, where "
            "a quarter of the classes reach {usual:.0%}."
        )
    return _(
        "{name} is not learnt: its training recall has a median of {value:.0%} over the last third of the run, where a "
        "quarter of the classes reach {usual:.0%}."
    )
