"""The network learns much less than a linear classifier does on the same images.

## Symptom
Accuracy looks passable and no curve looks wrong, yet a classifier that trains no network at all does better.

## Evidence
`val_balanced_accuracy` (0..1) of the model that the run yields, and `reference_balanced_accuracy`, what a logistic
regression on features that owe nothing to the run reaches on the same split (the exam `reference`). The rule fires when
the former surely lies more than a margin below the latter, by Newcombe's interval on the images of validation: `weak`
below handmade features, `strong` below those of a network pretrained on a million photographs, which a small network
from scratch need not reach.

The runs behind these numbers: docs/evidence/under-performance.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> beaten = {"reference_balanced_accuracy@handmade": 0.99, "reference_images@handmade": 400.0}
    >>> assert_fires("under-performance", altered(healthy_trace(val_accuracy=0.7), beaten)).evidence[0].name
    'val_balanced_accuracy'
    >>> assert_silent("under-performance", altered(healthy_trace(val_accuracy=0.97), beaten))

## Why it happens
The network cannot use what its images hold: a slip in the loop, a learning rate or a loss that does not suit it, dead
layers, wrong labels, or too few epochs.

## Not to be confused with
Hard images: there the linear classifier does no better. A generalisation-gap: there training accuracy is high.

## Remedies
See the cause that explains it: probabilities-as-logits, unsuited-loss, learning-rate-too-low, dead-relu.

## References
Kornblith, Shlens, Le 2019, Do better ImageNet models transfer better?, https://arxiv.org/abs/1805.08974
Newcombe 1998, Interval estimation for the difference between independent proportions,
https://pubmed.ncbi.nlm.nih.gov/9595617/
"""

from __future__ import annotations

from collections.abc import Iterator

from netvet.locale import _
from netvet.rules import Finding, rule
from netvet.rules._chance import seen, surely_more
from netvet.rules._curve import kept, upto
from netvet.rules._health import features_of, strongest
from netvet.trace import Trace


@rule("under-performance", kind="symptom", needs=["val_balanced_accuracy"], exams=["reference"])
def check(trace: Trace, *, weak: float = 0.05, strong: float = 0.15) -> Iterator[Finding]:
    """`weak`, `strong`: balanced accuracy, 0..1."""
    taken = strongest(trace)
    reached = upto(trace.series("val_balanced_accuracy"), kept(trace))
    if taken is None or not len(reached):
        return
    kind, reference = taken
    margin = strong if kind == "pretrained" else weak
    images = seen(trace, "val")
    measured = trace.last("reference_images", kind)
    least = surely_more(reference, measured if measured > 0 else images, reached.last, images)
    if not least > margin:
        return
    text = _(
        "Balanced accuracy in validation is {reached:.1%}, where a linear classifier on {features} of the same images "
        "reaches {reference:.1%}."
    )
    yield Finding(
        text.format(reached=reached.last, features=features_of(kind), reference=reference),
        evidence=(reached, trace.series("reference_balanced_accuracy", kind)),
        limit=reference - margin,
        confidence=0.9,
    )
