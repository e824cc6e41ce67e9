"""What could be had on the same images and split, without a training: a linear classifier on features that are there.

The features are those of `netvet.audit.features`: of a pretrained network where its weights are installed, handmade
ones otherwise. What it reaches is a floor, not a ceiling: a network that was trained well on these images reaches about
as much as the pretrained features do, and more than the handmade ones.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from netvet.audit import features
from netvet.base.arrays import Ints

MOST_TRAINING, MOST_VALIDATION = 1000, 500  # images: some seconds on two cores; the interval says what that costs
FEWEST = 2  # images of a class, in either split, without which it is left out


@dataclass(frozen=True)
class Reference:
    """`accuracy`, `balanced_accuracy` (0..1) on `images` images of validation; `kind`: what the features come from."""

    accuracy: float
    balanced_accuracy: float
    images: int
    kind: Literal["pretrained", "handmade"]


def reference(
    pixels: NDArray[np.uint8],
    labels: Ints,
    training: NDArray[np.bool_],
    *,
    kind: features.Kind = "auto",
) -> Reference | None:
    """A logistic regression fitted on the training images, scored on the others.

    Args:
        pixels: (n, size, size, 3) uint8.
        labels: (n,) class indices; those below 0 are left out.
        training: (n,) which of them are for training.
        kind: features to use; `auto` as `netvet.audit.features.extract` does.

    Returns:
        None where fewer than two classes have images enough on both sides.
    """
    rows = _sampled(labels, training)
    usable = [k for k in np.unique(labels[rows]) if _enough(labels[rows] == k, training[rows])]
    rows = rows[np.isin(labels[rows], usable)]
    if len(usable) < 2:
        return None
    found = features.extract(pixels[rows], kind=kind)
    fit = training[rows]
    predicted = _predicted(found.values[fit], labels[rows][fit], found.values[~fit])
    given = labels[rows][~fit]
    right = predicted == given
    recalls = [float(right[given == k].mean()) for k in usable]
    return Reference(float(right.mean()), float(np.mean(recalls)), len(given), found.kind)


def _sampled(labels: Ints, training: NDArray[np.bool_]) -> Ints:
    """So many images of each split, the same ones every time."""
    random = np.random.default_rng(0)
    chosen = [
        random.permutation(np.flatnonzero(part & (labels >= 0)))[:most]
        for part, most in ((training, MOST_TRAINING), (~training, MOST_VALIDATION))
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def _enough(mine: NDArray[np.bool_], training: NDArray[np.bool_]) -> bool:
    return min(int((mine & training).sum()), int((mine & ~training).sum())) >= FEWEST


def _predicted(seen: NDArray[np.float32], labels: Ints, asked: NDArray[np.float32]) -> Ints:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    scale = np.maximum(seen.std(axis=0), 1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 200 steps are near enough
        fitted = LogisticRegression(C=0.1, max_iter=200).fit(seen / scale, labels)
    return np.asarray(fitted.predict(asked / scale), np.int64)
