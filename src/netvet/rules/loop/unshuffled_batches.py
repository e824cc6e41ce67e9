"""The training images come class by class, so that a batch has one class or few.

## Symptom
The training batches look easy, often 100 %, while validation stays near guessing; the loss jumps where one class ends
and the next begins.

## Evidence
`batch_top_share`, the share of a batch's commonest class, against the mean of 400 random draws of as many from the
epoch's labels (`class_images`). Fires when the batches' mean lies more than `part` of the way from there to 1, by more
than `sure` standard errors. Or, where a batch is larger than a class, when a
batch has less than `few` of the classes that a draw has and the halves of the first epoch share less than `halves` of
their labels (`half_overlap`). Sorted loops measured 0.51 to 1.0 of the way and 0.08 to 0.23 in common; shuffled ones
about 0 and 0.90 to 0.94, two classes a batch on purpose 0.24 and 0.80.
The runs behind these numbers: docs/evidence/unshuffled-batches.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> batches = {"batch_images": 32, "batch_classes": 7.9, "half_overlap": 0.9, "batch_top_share": 0.22}
    >>> loop = altered(healthy_trace(recipe=None), batches)
    >>> assert_fires("unshuffled-batches", altered(loop, {"batch_top_share": 0.97})).fix
    'DataLoader(data, batch_size, shuffle=True)'
    >>> assert_silent("unshuffled-batches", loop)

## Why it happens
A folder of class folders is listed class by class, and `shuffle` is off by default in a DataLoader. A sampler that
groups by class does the same.

## Not to be confused with
A class-imbalance: a random draw has as many of the large class. Batches of a few classes, drawn anew each time, as
metric learning wants them. Batches of one or two images, shuffled.

## Remedies
None is a change of the recipe: the finding gives the line of code.

## References
Bottou 2012, Stochastic gradient descent tricks, section 4.1, https://doi.org/10.1007/978-3-642-35289-8_25
PyTorch documentation, torch.utils.data.DataLoader, https://pytorch.org/docs/stable/data.html
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netvet.locale import _
from netvet.rules import Answer, Finding, rule
from netvet.rules._chance import prior
from netvet.rules._curve import quantile, read
from netvet.trace import Trace

DRAWS = 400


@rule(
    "unshuffled-batches",
    needs=["batch_top_share", "class_images"],
    applies_if_recorded="recipe",
    explains=[
        "generalisation-gap",
        "accuracy-plateau",
        "loss-plateau",
        "stuck-class",
        "divergence",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "dead-relu",
        "vanishing-gradient",
        "late-stopping",
        "batch-norm-mismatch",
        "over-capacity",
        "class-imbalance",
        "weak-features",
        "look-alike-classes",
        "under-performance",
    ],
)
def check(
    trace: Trace, *, part: float = 0.5, sure: float = 6.0, few: float = 0.6, halves: float = 0.5
) -> Iterator[Answer]:
    """`part`: of the way to one class; `sure`: standard errors; `few`, `halves`: shares of what a draw gives, 0..1."""
    top, kinds = trace.series("batch_top_share"), trace.series("batch_classes")
    images = quantile(trace.series("batch_images").values, 0.5)
    share = prior(trace)
    if not images >= 2 or len(share) < 2 or not (np.isfinite(top.values).any() and np.isfinite(kinds.values).any()):
        return
    draws = np.random.default_rng(0).multinomial(round(float(images)), share, size=DRAWS)
    drawn = draws.max(1) / images
    mean, usual = float(np.nanmean(top.values)), float(drawn.mean())
    error = max(float(drawn.std()), 0.01) / np.sqrt(len(top))
    alone = mean > usual + part * (1 - usual) and mean > usual + sure * error
    expected = float((draws > 0).sum(1).mean())
    sorted_ = float(np.nanmean(kinds.values)) < few * expected and trace.last("half_overlap") < halves
    if not (alone or sorted_):
        return
    text = _(
        "A batch of {images:.0f} images has {mean:.0%} of them from one class, in {n} batches on average; drawn at "
        "random from the same labels it would have {usual:.0%}."
    )
    if not alone:
        text = _(
            "A batch of {images:.0f} images has {kinds:.1f} classes, in {n} batches on average, where a random draw "
            "would have {expected:.1f}, and the halves of the first epoch share {halves:.0%} of their labels: the "
            "images come class by class."
        )
    told, often = read(top, mean, _("mean")), read(kinds, float(np.nanmean(kinds.values)), _("mean"))
    size = read(trace.series("batch_images"), images, _("median"))
    yield Finding(
        text.format(
            images=images,
            mean=mean,
            n=len(top),
            usual=usual,
            kinds=float(np.nanmean(kinds.values)),
            expected=expected,
            halves=np.nan_to_num(trace.last("half_overlap")),
        ),
        evidence=(told, size, often) if alone else (often, trace.series("half_overlap"), size),
        limit=usual + part * (1 - usual) if alone else few * expected,
        confidence=0.96,
        fix="DataLoader(data, batch_size, shuffle=True)",
    )
