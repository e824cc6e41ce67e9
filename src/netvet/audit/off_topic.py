"""Images of another kind than the set: drawings, prints, goods, text, and pictures without what the classes show.

In the features of a pretrained network (`netvet.audit.features`), the distance of each image to the nearest class, in
the covariance within the classes (Mahalanobis 1936; as Lee et al. 2018, https://arxiv.org/abs/1807.03888, tell foreign
images from known ones), without having been seen: classes and covariance are those of the other folds. Foreign images
are in the set themselves and would widen it, so in each of some rounds only the nearest 85 % of every class count
(concentration steps, Rousseeuw and Van Driessen 1999, https://doi.org/10.1080/00401706.1999.10485670); in the first
round the distance is that of robust standard scores, which a pack of like foreigners cannot bend.

The limit is the set's own: so many robust standard deviations (`DEVIATIONS`) of the logarithm of all distances above
their median. What it finds of foreign images in four sets, and in clean ones: docs/audit.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netvet.base.arrays import Floats, Ints

DEVIATIONS = 3.5  # as for a single image's quality (Iglewicz and Hoaglin 1993)
KEPT, ROUNDS, FOLDS = 0.85, 5, 4
FEWEST = 100  # images of a set: fewer do not tell its covariance
MOST = 20_000  # images
_CLIPPED, _SHRUNK = 20.0, 0.1
_FIRST = 8.0

Values = NDArray[np.float32]


@dataclass(frozen=True)
class OffTopic:
    """`score`: (n,) robust standard deviations of the log distance above the set's median. `rows`: beyond the limit,
    the farthest first. `nearest`: (n,) the class that each image is nearest to.
    """

    score: Floats
    rows: Ints
    nearest: Ints


def find(values: Values, labels: Ints, member: Ints) -> OffTopic | None:
    """Judge every image. `values`: (n, d) features of a pretrained network, all of them; `member`: (n,) number of its
    group. None where there are too few images to tell.
    """
    if not FEWEST <= len(labels) <= MOST:
        return None
    scores, classes = _standard(values), int(labels.max()) + 1
    fold = np.random.default_rng(0).integers(0, FOLDS, int(member.max()) + 1)[member]
    distance = _plain(scores, labels, classes)
    for _round in range(ROUNDS):
        kept = _nearest(distance.min(axis=1), labels)
        distance = _unseen(scores, labels, kept, fold, classes)
    log = np.log(np.maximum(distance.min(axis=1), 1e-6))
    away = log - np.median(log)
    score = away / max(1.4826 * float(np.median(np.abs(away))), 1e-3)
    rows = np.flatnonzero(score > DEVIATIONS)
    return OffTopic(
        score=score,
        rows=rows[np.argsort(-score[rows], kind="stable")],
        nearest=distance.argmin(axis=1).astype(np.int64),
    )


def _standard(values: Values) -> Values:
    middle = np.median(values, axis=0)
    spread = 1.4826 * np.median(np.abs(values - middle), axis=0) + 1e-3 * values.std(axis=0) + 1e-6
    return np.asarray(np.clip((values - middle) / spread, -_CLIPPED, _CLIPPED), np.float32)


def _centres(scores: Values, labels: Ints, kept: NDArray[np.bool_], classes: int) -> Values:
    """(classes, d) medians; nan where a class has no image."""
    found = np.full((classes, scores.shape[1]), np.nan, np.float32)
    for k in range(classes):
        mine = kept & (labels == k)
        if mine.any():
            found[k] = np.median(scores[mine], axis=0)
    return found


def _squares(values: Values, centres: Values) -> Floats:
    """(n, classes) squared distances; infinite from a class without a centre."""
    product = 2 * values @ centres.T
    found = (values**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1)[None] - product
    return np.where(np.isnan(found), np.inf, np.maximum(found, 0)).astype(np.float64)


def _plain(scores: Values, labels: Ints, classes: int) -> Floats:
    bounded = np.clip(scores, -_FIRST, _FIRST)
    return _squares(bounded, _centres(bounded, labels, np.ones(len(labels), np.bool_), classes))


def _nearest(distance: Floats, labels: Ints) -> NDArray[np.bool_]:
    kept = np.zeros(len(labels), np.bool_)
    for k in np.unique(labels):
        mine = np.flatnonzero(labels == k)
        kept[mine[np.argsort(distance[mine], kind="stable")[: max(2, int(np.ceil(KEPT * len(mine))))]]] = True
    return kept


def _unseen(scores: Values, labels: Ints, kept: NDArray[np.bool_], fold: Ints, classes: int) -> Floats:
    """(n, classes) squared Mahalanobis distances by what the other folds show."""
    found = np.full((len(labels), classes), np.inf)
    for each in np.unique(fold):
        out, seen = fold == each, kept & (fold != each)
        if not seen.any():
            continue
        centres = _centres(scores, labels, seen, classes)
        rest = scores[seen] - centres[labels[seen]]
        rest -= rest.mean(axis=0)
        covariance = (rest.T @ rest / len(rest)).astype(np.float64)
        even = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        inverse = np.linalg.inv((1 - _SHRUNK) * covariance + _SHRUNK * even + 1e-9 * np.eye(len(covariance)))
        white = np.linalg.cholesky(inverse).astype(np.float32)
        found[out] = _squares(scores[out] @ white, centres @ white)
    return found
