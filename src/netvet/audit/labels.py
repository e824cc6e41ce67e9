"""Labels that are likely wrong: the given one against what the features of the image and of its group say.

Predicted probabilities come from two models of the features, a logistic regression and linear discriminants with a
shrunk covariance (right on 2 to 10 points more images of classes of few animals), cross-validated so that no image is
judged by a model that has seen another of its group (or, where no groups are known, a near-duplicate); their geometric
mean counts. What the labels are worth beside it is fitted: see `netvet.audit.noise`. Where groups hold more than one
image, their labels are evidence too: a group whose labels disagree outvotes the odd ones, and one that is labelled
wrong throughout is still found by the pixels. Groups that are no single animals (a site, a camera) are recognised by
their labels, which agree little more than by chance (`AGREEMENT`), or are told apart by the pixels where they do not;
then every image is a group by itself.

Figures: docs/audit.md, by `python -m benchmarks.audit labels` and `python -m benchmarks.audit.planted`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from netvet.audit import noise
from netvet.base.arrays import Floats, Ints

# Of pairs of one group: how much more often than by chance their labels agree (Cohen's kappa, 0..1), below which
# groups are taken for something else than animals. Of seven species, 30 % of all labels wrong leave 0.4.
AGREEMENT = 0.35
FEWEST_PAIRS = 20  # of images of one group, for their agreement to be known
FOLDS, STRENGTH, SHRINKAGE, MOST_FITTED = 5, 0.3, 0.3, 20_000
# Where the labels of a group disagree: how often the pixels may tell the odd images from the others, 0.5..1. Wrong
# labels of single animals gave 0.39 to 0.79, sites with two species each 1.0 (the sixteen rarer species of f4k23).
TOLD_APART, MOST_ODD = 0.9, 2_000
# Share of the labels of a class that are wrong from which the model does not know the class: none of them is listed.
MOST_OF_A_CLASS = 0.4
# Share of each of two classes that carries the other's name, from which nobody can say from the labels which of the two
# names is whose: 40 % exchanged looks as 60 % does.
EXCHANGED = 0.33
# Probability that the given label is wrong from which it is listed: where groups vote, and where they do not. On the
# plantings that the model of noise was set on, without groups, where both models say so: 0.97 of the list were wrong
# at 0.9, and to accept it broke more than it mended in 1 of 60 (by one image); at 0.5 0.84, and 8 of 60 (by up to 21).
# In 26 more plantings each, in the sixteen rarer species of f4k23 and in two reefs, 0.95, 0.98 and 0.92 of the list
# were wrong at 0.9, and 4, 6 and 6 lists empty; at 0.8 0.92, 0.96 and 0.90, half as many again were listed, and 1, 2
# and 5 empty.
SUSPECT, SURE = 0.5, 0.8
# The true number lies between `number` less and more these shares of it, and this share of all labels: see `planted`.
BELOW, ABOVE, BASE = 0.3, 0.4, 0.01
FAIR = 0.75  # balanced accuracy below which, without groups, the pixels' own errors may be all of the number


@dataclass(frozen=True)
class Told:
    """Of labels that were replaced on purpose: how many, the share of them that was listed, and the share of what was
    listed besides the suspects that were replaced ones; 0..1.
    """

    planted: int
    recall: float
    precision: float


@dataclass(frozen=True)
class LabelErrors:
    """What each label is worth; n rows.

    `wrong`: the probability that the given label is wrong, 0..1. `doubt`: the same as log-odds of the best other class,
    which order the labels finer. `suggested`: the class that fits best. `ranked`: rows
    that are suspects, the worst first. `probabilities`: (n, classes) by the cross-validated logistic regression.
    `margin`: cleanlab's score of the same probabilities, 0..1, low where a label is doubtful. `number`: how many labels
    are likely wrong, between `low` and `high`, whether they are listed or not. `accuracy`: balanced, of the
    cross-validated predictions, 0..1. `grouped`: whether the labels of groups counted. `swapped`: (classes, classes)
    the share of the images of each class that carry each label. `unclear`: classes of which a person must look at every
    image, because most of their labels, or most of their images' labels, are wrong or it cannot be told from another;
    none of the labels of those in `unlisted` is listed. `told`: what planting in the set itself says of the list.
    """

    wrong: Floats
    doubt: Floats
    suggested: Ints
    ranked: Ints
    probabilities: Floats
    margin: Floats
    number: float
    low: int
    high: int
    accuracy: float
    grouped: bool
    swapped: Floats
    unclear: tuple[int, ...]
    unlisted: tuple[int, ...]
    told: Told | None = None


def find(
    values: NDArray[np.float32],
    labels: Ints,
    member: Ints,
    *,
    known: bool = True,
    seed: int = 0,
    on_fold: Callable[[int, int], None] | None = None,
) -> LabelErrors:
    """Judge every label. `values`: (n, d) features. `member`: (n,) number of the group of each image; `known`: whether
    groups are, so that their labels are evidence. Clusters of near-duplicates only stay together in a fold.
    """
    from cleanlab.rank import get_label_quality_scores

    classes = int(labels.max()) + 1
    predicted = cross_validate(values, labels, member, classes, seed=seed, on_fold=on_fold)
    margin = get_label_quality_scores(labels, predicted, method="normalized_margin")
    second = cross_validate(values, labels, member, classes, seed=seed, model="discriminants")
    both = np.sqrt(predicted * second)
    both /= both.sum(axis=1, keepdims=True)
    grouped = known and are_animals(both, labels, member)
    found = noise.fit(both, labels, member if grouped else None)
    posterior, rows = found.posterior, np.arange(len(labels))
    wrong = 1 - posterior[rows, labels]
    others = found.order.copy()
    others[rows, labels] = 0
    doubt = np.log(others.max(axis=1) + 1e-12) - np.log(found.order[rows, labels] + 1e-12)
    unclear, unlisted = _unclear(labels, wrong, found.swapped)
    best = posterior.argmax(axis=1).astype(np.int64)
    accused = (wrong > SUSPECT) & (best != labels) & ~np.isin(labels, unlisted) & ~np.isin(best, unlisted)
    if not grouped:  # the pixels alone accuse: surely, and by both models
        accused &= (wrong > SURE) & (predicted.argmax(axis=1) == best) & (second.argmax(axis=1) == best)
    suspects = np.flatnonzero(accused)
    recall = [float((predicted[labels == k].argmax(axis=1) == k).mean()) for k in np.unique(labels)]
    number, total = float(wrong.sum()), len(labels)
    return LabelErrors(
        wrong=wrong,
        doubt=np.asarray(doubt, np.float64),
        suggested=best,
        ranked=suspects[np.argsort(-doubt[suspects], kind="stable")],
        probabilities=predicted,
        margin=np.asarray(margin, np.float64),
        number=number,
        low=max(0, int((1 - BELOW) * number - BASE * total)) if grouped or np.mean(recall) >= FAIR else 0,
        high=int(np.ceil((1 + ABOVE) * number + BASE * total)),
        accuracy=float(np.mean(recall)),
        grouped=grouped,
        swapped=found.swapped,
        unclear=unclear,
        unlisted=unlisted,
    )


def _unclear(labels: Ints, wrong: Floats, swapped: Floats) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Classes that take a person, and those of them of which nothing is listed."""
    known = np.unique(labels)
    foreign = np.bincount(labels, wrong, len(swapped)) / np.maximum(np.bincount(labels, minlength=len(swapped)), 1)
    exchanged = np.minimum(swapped, swapped.T) * (1 - np.eye(len(swapped))) > EXCHANGED
    unlisted = {int(k) for k in known if foreign[k] > MOST_OF_A_CLASS or exchanged[k].any()}
    unclear = unlisted | {int(k) for k in known if swapped[k, k] < 0.5}
    return tuple(sorted(unclear)), tuple(sorted(unlisted))


def cross_validate(
    values: NDArray[np.float32],
    labels: Ints,
    member: Ints,
    classes: int,
    *,
    seed: int = 0,
    model: Literal["regression", "discriminants"] = "regression",
    on_fold: Callable[[int, int], None] | None = None,
) -> Floats:
    """(n, classes): each image by a model that has seen none of its group."""
    from threadpoolctl import threadpool_limits

    found = np.zeros((len(labels), classes))
    folds = _folds(labels, member, seed)
    count = int(folds.max()) + 1
    random = np.random.default_rng(seed)
    for fold in range(count):
        held, seen = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        if len(seen) > MOST_FITTED:  # more images would make it slower and hardly better
            seen = np.sort(random.choice(seen, MOST_FITTED, replace=False))
        known = np.unique(labels[seen])
        if len(known) < 2:
            found[np.ix_(held, known)] = 1
            continue
        with warnings.catch_warnings(), threadpool_limits(1):  # the matrices are too small to share
            warnings.simplefilter("ignore")  # that it stopped at max_iter: the last digits do not matter here
            fitted = _model(model, len(seen) > len(known)).fit(values[seen], labels[seen])
            found[np.ix_(held, known)] = fitted.predict_proba(values[held])
        if on_fold is not None:
            on_fold(fold + 1, count)
    found = found + 1e-6
    return np.asarray(found / found.sum(axis=1, keepdims=True), np.float64)


def _model(name: Literal["regression", "discriminants"], enough: bool) -> Any:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegression

    if name == "regression" or not enough:  # discriminants need more images than classes
        return LogisticRegression(C=STRENGTH, tol=1e-3, max_iter=100)
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE)


def _folds(labels: Ints, member: Ints, seed: int) -> Ints:
    """The fold of each image: groups stay whole, classes are spread. Large sets: groups are dealt by chance."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    sizes = np.bincount(labels)
    n, groups = len(labels), len(np.unique(member))
    count = max(2, min(FOLDS, int(sizes[sizes > 0].max()), groups))
    folds = np.zeros(n, np.int64)
    if groups < n and groups > MOST_FITTED:
        order = np.random.default_rng(seed).permutation(int(member.max()) + 1)
        return np.asarray(order[member] % count, np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class with fewer images than folds: it is absent from some
        if groups == n:
            dealt = StratifiedKFold(count, shuffle=True, random_state=seed).split(labels, labels)
        else:
            dealt = StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(labels, labels, member)
        for fold, (_seen, held) in enumerate(dealt):
            folds[held] = fold
    return folds


def are_animals(predicted: Floats, labels: Ints, member: Ints) -> bool:
    """Whether the groups show one animal each: see the module."""
    classes = predicted.shape[1]
    number = np.unique(member, return_inverse=True)[1].reshape(-1)
    votes = np.zeros((int(number.max()) + 1, classes))
    np.add.at(votes, (number, labels), 1)
    sizes = votes.sum(axis=1)
    pairs, agreeing = float((sizes * (sizes - 1)).sum()), float((votes * (votes - 1)).sum())
    chance = float(((votes.sum(axis=0) / len(labels)) ** 2).sum())
    if pairs < FEWEST_PAIRS or agreeing / pairs - chance < AGREEMENT * (1 - chance):
        return False
    return _told_apart(votes, number, predicted, labels) < TOLD_APART


def _told_apart(votes: Floats, number: Ints, predicted: Floats, labels: Ints) -> float:
    """How often the pixels tell an image whose label is not that of most of its group from one whose label is: 0..1,
    0.5 where they cannot, as of one animal, and where no labels disagree.
    """
    majority = votes.argmax(axis=1)
    odd = np.flatnonzero(majority[number] != labels)
    odd = odd[np.linspace(0, len(odd) - 1, min(len(odd), MOST_ODD)).astype(np.int64)] if len(odd) else odd
    order = np.argsort(number, kind="stable")
    ends = np.cumsum(np.bincount(number))
    log, found = np.log(predicted), []
    for row in odd.tolist():
        group = int(number[row])
        mates = order[ends[group - 1] if group else 0 : ends[group]]
        mates = mates[labels[mates] == majority[group]]
        own, most = int(labels[row]), int(majority[group])
        apart = log[mates, own] - log[mates, most]
        mine = log[row, own] - log[row, most]
        found.append(float((apart < mine).mean() + 0.5 * (apart == mine).mean()))
    return float(np.mean(found)) if found else 0.5
