"""Whether validation and test are drawn as training is: a classifier is asked to tell them apart.

The two-sample test of Lopez-Paz and Oquab 2017 (https://arxiv.org/abs/1610.06545) on the features: a logistic
regression that never sees two images of one group on both sides. Its AUC is 0.5 where the splits cannot be told apart.
Images are weighted so that both sides have the same share of every class: a split that only has other proportions of
the classes has not changed its look. The interval (99 %; over all classes of a split together where they are compared
one by one, by Bonferroni's correction) is that of DeLong's placements, summed by group, with Student's t for the
number of groups: twenty frames of three animals say next to nothing.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netvet.audit.labels import _folds
from netvet.base.arrays import Floats, Ints

# An AUC of 0.65 is what a difference in means of 0.55 standard deviations gives, a medium effect (Cohen 1988).
LIMIT, LOWEST = 0.65, 0.55
FEWEST, GROUPS = 8, 8  # images and groups of a side
MOST = 6_000  # images of training that are compared
CONFIDENCE = 0.99


@dataclass(frozen=True)
class Shift:
    """`split`: "val" or "test". `where`: class index, or -1 for all images. `auc` with its 99 % interval; `shifted`:
    beyond the limit.
    """

    split: str
    where: int
    auc: float
    low: float
    high: float
    images: int

    @property
    def shifted(self) -> bool:
        """Told apart beyond doubt, and by more than a little."""
        return self.auc >= LIMIT and self.low >= LOWEST


@dataclass(frozen=True)
class Shifts:
    """`found`: all images of each split first, then classes, the most shifted first. `strangest`: split -> rows that
    look least like training, the strangest first.
    """

    found: tuple[Shift, ...]
    strangest: dict[str, Ints]


def compare(
    values: NDArray[np.float32], labels: Ints, split: NDArray[np.int8], member: Ints, *, seed: int = 0
) -> Shifts:
    """Training against validation and against test."""
    found: list[Shift] = []
    strangest: dict[str, Ints] = {}
    train = np.flatnonzero(split == 0)
    if len(train) > MOST:
        train = np.sort(np.random.default_rng(seed).choice(train, MOST, replace=False))
    for number, name in ((1, "val"), (2, "test")):
        held = np.flatnonzero(split == number)[: 2 * MOST]
        shared = np.intersect1d(labels[train], labels[held])
        rows = np.concatenate([train[np.isin(labels[train], shared)], held[np.isin(labels[held], shared)]])
        side = (split[rows] == number).astype(np.int64)
        if min(side.sum(), len(side) - side.sum()) < FEWEST:
            continue
        weights = _weights(labels[rows], side)
        score = _scores(values[rows], side, weights, member[rows], seed)
        found.append(Shift(name, -1, *_auc(score, side, weights, member[rows], 1), int(side.sum())))
        by_class = []
        for k in shared.tolist():
            mine = labels[rows] == k
            if min(side[mine].sum(), (1 - side[mine]).sum()) >= FEWEST:
                ones = np.ones(int(mine.sum()))
                auc = _auc(score[mine], side[mine], ones, member[rows][mine], len(shared))
                by_class.append(Shift(name, k, *auc, int(side[mine].sum())))
        found += sorted(by_class, key=lambda each: -each.auc)
        there = np.flatnonzero(side == 1)
        strangest[name] = rows[there[np.argsort(-score[there], kind="stable")]]
    return Shifts(tuple(found), strangest)


def _weights(labels: Ints, side: Ints) -> Floats:
    """Both sides weigh the same in every class, and every class as in the side that is held out."""
    table = np.zeros((int(labels.max()) + 1, 2))
    np.add.at(table, (labels, side), 1)
    return np.asarray(table[labels, 1] / table[labels, side], np.float64)


def _scores(values: NDArray[np.float32], side: Ints, weights: Floats, member: Ints, seed: int) -> Floats:
    """Cross-validated log-odds of being held out, (n,)."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    score = np.zeros(len(side))
    folds = _folds(side, np.unique(member, return_inverse=True)[1], seed)
    for fold in range(int(folds.max()) + 1):
        held, seen = folds == fold, folds != fold
        if len(np.unique(side[seen])) < 2 or not held.any():
            continue
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore")
            model = LogisticRegression(C=0.03, tol=1e-3, max_iter=60)
            model.fit(values[seen], side[seen], sample_weight=weights[seen])
        score[held] = model.decision_function(values[held])
    return score


def _auc(score: Floats, side: Ints, weights: Floats, member: Ints, compared: int) -> tuple[float, float, float]:
    """The weighted AUC with its interval over groups, as one of so many that are `compared`; 0 to 1 for few groups."""
    from scipy.stats import t

    one, other = side == 1, side == 0
    up = _placements(score[one], score[other], weights[other])
    down = 1 - _placements(score[other], score[one], weights[one])
    auc = float(np.average(up, weights=weights[one]))
    variance = _variance(up, weights[one], member[one]) + _variance(down, weights[other], member[other])
    groups = min(len(np.unique(member[one])), len(np.unique(member[other])))
    if groups < GROUPS:
        return auc, 0.0, 1.0
    half = float(t.ppf(1 - (1 - CONFIDENCE) / 2 / compared, groups - 1)) * float(np.sqrt(variance))
    return auc, max(0.0, auc - half), min(1.0, auc + half)


def _placements(values: Floats, others: Floats, weights: Floats) -> Floats:
    """For each value: the weighted share of the others below it, ties by half."""
    order = np.argsort(others)
    cumulative = np.r_[0, np.cumsum(weights[order])]
    below, upto = (np.searchsorted(others[order], values, side) for side in ("left", "right"))
    return np.asarray((cumulative[below] + cumulative[upto]) / 2 / cumulative[-1], np.float64)


def _variance(placements: Floats, weights: Floats, member: Ints) -> float:
    number = np.unique(member, return_inverse=True)[1]
    count = int(number.max()) + 1
    if count < 2:
        return 0.25
    mean = np.average(placements, weights=weights)
    sums = np.bincount(number, weights=weights * (placements - mean), minlength=count)
    return float((sums**2).sum() / weights.sum() ** 2 * count / (count - 1))
