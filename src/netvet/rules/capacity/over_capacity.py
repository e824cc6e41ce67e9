"""The network has far more weights than its images can pin down.

## Symptom
Training accuracy reaches 100 % within a few epochs; validation accuracy stays behind, even with augmentation.

## Evidence
Divides `parameters` (trainable) by `train_images`. Fires above `limit` weights per image when training accuracy exceeds
validation accuracy by more than `least`. Why 3,000: healthy runs have 85 to 2,900. Size alone is no illness, so the
confidence is low and a trial has to prove it: nets of 2,000 and of 29,000 weights per image recognised rendered fish
equally well (88 and 89 %). A network that starts from pretrained weights is left alone: what it can do was learnt on
other images.
The runs behind these numbers: docs/evidence/over-capacity.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> run = healthy_trace(classes=8, images=120, val_accuracy=0.7)
    >>> assert_fires("over-capacity", altered(run, {"parameters": 8e6})).limit
    2880000.0
    >>> assert_silent("over-capacity", altered(run, {"parameters": 2e6}))

## Why it happens
With so many weights per image, the network can store the training set instead of finding what distinguishes the
species.

## Not to be confused with
Weak regularisation: a large network with strong augmentation often does well, and that is the cheaper cure to try.
Late stopping: the same network was better some epochs earlier.

## Remedies
smaller-model (the direct cure), then what tames a large network: dropout, weight-decay, augment.

## References
Zhang et al. 2017, Understanding deep learning requires rethinking generalization, https://arxiv.org/abs/1611.03530
Belkin et al. 2019, Reconciling modern machine-learning practice and the classical bias-variance trade-off,
https://arxiv.org/abs/1812.11118 (why size alone is no illness)
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netvet.locale import _
from netvet.rules import Finding, rule
from netvet.rules._curve import gap, training_accuracy
from netvet.trace import Trace


@rule(
    "over-capacity",
    needs=["parameters", "train_images", "train_accuracy", "val_accuracy"],
    explains=["generalisation-gap", "under-performance"],
    remedies=["smaller-model", "dropout", "weight-decay", "augment"],
)
def check(trace: Trace, *, limit: float = 3000.0, least: float = 0.15) -> Iterator[Finding]:
    """`limit`: trainable weights for each training image; `least`: gap in accuracy, 0..1."""
    weights, images = trace.last("parameters"), trace.last("train_images")
    pretrained = trace.recipe is not None and trace.recipe.model.weights is not None
    if pretrained or weights <= limit * images or not gap(trace) > least:
        return
    yield Finding(
        _("{weights:,.0f} weights for {images:,.0f} training images: {each:,.0f} per image.").format(
            weights=weights, images=images, each=weights / images
        ),
        evidence=(
            trace.series("parameters"),
            trace.series("train_images"),
            training_accuracy(trace),
            trace.series("val_accuracy"),
        ),
        limit=limit * images,
        confidence=min(0.7, 0.4 + 0.3 * float(np.log10(weights / images / limit))),
    )
