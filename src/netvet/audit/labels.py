"""Labels that are likely wrong: the given one against what the features of the image and of its group say.

Predicted probabilities come from a logistic regression on the features, cross-validated so that no image is judged by
a model that has seen another of its group (or, where no groups are known, a near-duplicate). cleanlab (confident
learning, Northcutt et al. 2021, https://doi.org/10.1613/jair.1.12125) ranks labels by these alone. Where groups hold
more than one image, their labels are evidence too, and the two are weighed by Bayes' rule:

- a group shows one animal, whose class is t;
- the group as a whole was labelled as t but for a share of errors e2, and each image as its group but for e1;
- wrong labels of a class go to some classes more than to others (its look-alikes), by shares that are two thirds even;
- e1 follows from how often two images of a group agree (1 - sqrt(agreement)); e2 and these shares are fitted to the
  predicted probabilities by expectation and maximisation.

A group whose labels disagree so outvotes the odd ones, and one that is labelled wrong throughout is still found by the
pixels: with e1 near 0 a vote says nothing about the image that is not said about its group. Groups that are no single
animals (a site, a camera) are recognised by their labels, which agree on less than `AGREEMENT` of the pairs or
contradict the pixels where they disagree, and then count for nothing: every image is a group by itself, e1 is next to
0, and e2 says how often a label is wrong. A model that is often wrong itself so accuses few.

On 4,179 photographs of 1,348 tracks of 23 species with 10 % of the labels replaced (medians of three seeds: average
precision and, in brackets, AUROC; cleanlab's better method on the same probabilities after it): by any other species
0.992 (0.999), 0.917 (0.989); by the species that it is taken for most 0.948 (0.988), 0.730 (0.946); all labels of a
track so 0.831 (0.978), 0.766 (0.952). Where no groups are known, 0.971 (0.996), 0.906 (0.986) and 0.827 (0.967).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netvet.base.arrays import Floats, Ints

AGREEMENT = 0.6  # of pairs of one group: below it (e1 above 23 %) groups are taken for something else than animals
# The least that e1 and e2 are taken for together. The model has seen the wrong labels of other groups, so that e2 alone
# comes out near 0; with this, 0.3 % of the labels of the photographs as they are were listed (groups ignored, errors
# taken to go everywhere alike), and of 10 % of wrong ones 48 % at a precision of 0.99. cleanlab
# lists 7.8 %, and 92 % at a precision of 0.50.
PRIOR = 0.2
FEWEST_PAIRS = 20  # of images of one group, for their agreement to be known
STEPS = 12  # of expectation and maximisation
# Where wrong labels go is by one part what the images say, by this many even. With 0.1 average precision fell by up to
# 0.09 where they go everywhere and rose by up to 0.12 where they go to one class; even alone lost up to 0.21 there.
SPREAD = 2.0
FOLDS, STRENGTH, MOST_FITTED = 5, 0.3, 20_000
MOST_OF_A_CLASS = 0.5  # accused: beyond it the model does not know the class, and none of it is listed
SUSPECT = 0.5  # probability that the given label is wrong from which it is listed


@dataclass(frozen=True)
class LabelErrors:
    """What each label is worth; n rows.

    `wrong`: the probability that the given label is wrong, 0..1. `doubt`: the same as log-odds of the best other class,
    which order the labels finer. `suggested`: the class that fits best. `ranked`: rows
    that are suspects, the worst first. `probabilities`: (n, classes) by cross-validation. `margin`: cleanlab's score of
    the same probabilities, 0..1, low where a label is doubtful. `estimated`: cleanlab's count of label issues.
    `accuracy`: balanced, of the cross-validated predictions, 0..1. `grouped`: whether the labels of groups counted.
    """

    wrong: Floats
    doubt: Floats
    suggested: Ints
    ranked: Ints
    probabilities: Floats
    margin: Floats
    estimated: int
    accuracy: float
    grouped: bool


def find(
    values: NDArray[np.float32],
    labels: Ints,
    member: Ints,
    *,
    seed: int = 0,
    on_fold: Callable[[int, int], None] | None = None,
) -> LabelErrors:
    """Judge every label. `values`: (n, d) features. `member`: (n,) number of the group of each image."""
    from cleanlab.rank import get_label_quality_scores

    classes = int(labels.max()) + 1
    predicted = cross_validate(values, labels, member, classes, seed=seed, on_fold=on_fold)
    margin = get_label_quality_scores(labels, predicted, method="normalized_margin")
    posterior, grouped = weigh(predicted, labels, member)
    rows = np.arange(len(labels))
    wrong = 1 - posterior[rows, labels]
    others = posterior.copy()
    others[rows, labels] = 0
    doubt = np.log(others.max(axis=1) + 1e-12) - np.log(posterior[rows, labels] + 1e-12)
    accused = (wrong > SUSPECT) & (posterior.argmax(axis=1) != labels)
    share = np.bincount(labels, accused, classes) / np.maximum(np.bincount(labels, minlength=classes), 1)
    suspects = np.flatnonzero(accused & (share[labels] <= MOST_OF_A_CLASS))
    recall = [float((predicted[labels == k].argmax(axis=1) == k).mean()) for k in np.unique(labels)]
    return LabelErrors(
        wrong=wrong,
        doubt=np.asarray(doubt, np.float64),
        suggested=posterior.argmax(axis=1).astype(np.int64),
        ranked=suspects[np.argsort(-doubt[suspects], kind="stable")],
        probabilities=predicted,
        margin=np.asarray(margin, np.float64),
        estimated=_estimated(labels, predicted),
        accuracy=float(np.mean(recall)),
        grouped=grouped,
    )


def cross_validate(
    values: NDArray[np.float32],
    labels: Ints,
    member: Ints,
    classes: int,
    *,
    seed: int = 0,
    on_fold: Callable[[int, int], None] | None = None,
) -> Floats:
    """(n, classes): each image by a model that has seen none of its group."""
    from sklearn.linear_model import LogisticRegression
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
            model = LogisticRegression(C=STRENGTH, tol=1e-3, max_iter=100).fit(values[seen], labels[seen])
        found[np.ix_(held, known)] = model.predict_proba(values[held])
        if on_fold is not None:
            on_fold(fold + 1, count)
    found = found + 1e-6
    return np.asarray(found / found.sum(axis=1, keepdims=True), np.float64)


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


def weigh(predicted: Floats, labels: Ints, member: Ints) -> tuple[Floats, bool]:
    """(n, classes): the probability of each class given the pixels and the labels of the group; and whether the groups
    counted. See the module.
    """
    classes = predicted.shape[1]
    number = np.unique(member, return_inverse=True)[1]
    sizes, votes = _votes(number, labels, classes)
    pairs = float((sizes * (sizes - 1)).sum())
    agreeing = float((votes * (votes - 1)).sum())
    grouped = pairs >= FEWEST_PAIRS and agreeing / pairs >= AGREEMENT
    if grouped and _pixels_side_with(votes[number], predicted, labels):
        e1 = float(np.clip(1 - np.sqrt((agreeing + 1) / (pairs + 2)), 1e-3, 0.5))
    else:
        grouped, e1, number = False, 1e-3, np.arange(len(labels))
        sizes, votes = _votes(number, labels, classes)
    log = np.log(predicted) / _temperature(predicted, labels)
    mean = np.zeros((len(sizes), classes))
    np.add.at(mean, number, log)
    own = 0.5 * log + 0.5 * (mean / sizes[:, None])[number]
    own = np.exp(own - own.max(axis=1, keepdims=True))
    fit = votes * np.log(1 - e1) + (sizes[:, None] - votes) * np.log(e1 / max(1, classes - 1))
    fit = np.exp(fit - fit.max(axis=1, keepdims=True))[number]
    apart = 1 - np.eye(classes)
    goes = apart / max(1, classes - 1)  # (true class, label): where the wrong labels of a class go
    e2 = 0.05
    for _step in range(STEPS):
        right, all_ = (1 - e2) * own * fit, own * ((1 - e2) * fit + e2 * (fit @ goes.T))
        whole = 1 / (sizes[number] * all_.sum(axis=1))  # a group counts once
        wrong = goes * ((own * whole[:, None]).T @ fit)
        spread = wrong.sum(axis=1, keepdims=True) + 1e-9
        goes = wrong + SPREAD * spread / max(1, classes - 1) * apart
        goes /= np.maximum(goes.sum(axis=1, keepdims=True), 1e-9)
        e2 = float(np.clip(1 - (right.sum(axis=1) * whole).sum() / len(sizes), max(1e-4, PRIOR - e1), 0.5))
    posterior = own * ((1 - e2) * fit + e2 * (fit @ goes.T))
    return np.asarray(posterior / posterior.sum(axis=1, keepdims=True), np.float64), grouped


def _votes(number: Ints, labels: Ints, classes: int) -> tuple[Ints, Floats]:
    """(groups,) images of each group, and (groups, classes) how many of them carry each label."""
    votes = np.zeros((int(number.max()) + 1, classes))
    np.add.at(votes, (number, labels), 1)
    return np.bincount(number), votes


def _temperature(predicted: Floats, labels: Ints) -> float:
    """What the log-probabilities are divided by so that they fit the labels best (Guo et al. 2017); 1 or more.

    https://arxiv.org/abs/1706.04599. With few images a regression on 128 features is far too sure of itself.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    log, rows = np.log(predicted), np.arange(len(labels))

    def loss(temperature: float) -> float:
        scaled = log / temperature
        return float((logsumexp(scaled, axis=1) - scaled[rows, labels]).mean())

    return float(minimize_scalar(loss, bounds=(1.0, 20.0), method="bounded", options={"xatol": 0.01}).x)


def _pixels_side_with(votes: Floats, predicted: Floats, labels: Ints) -> bool:
    """Whether images whose label is not that of most of their group look more like the group's label than like their
    own; true where there are none.
    """
    rows = np.arange(len(labels))
    majority = votes.argmax(axis=1)
    odd = votes[rows, labels] < votes[rows, majority]
    if not odd.any():
        return True
    return float(np.log(predicted[rows, majority] / predicted[rows, labels])[odd].mean()) > 0


def _estimated(labels: Ints, predicted: Floats) -> int:
    """The count of label issues of cleanlab, from its confident joint; 0 where it cannot say."""
    from cleanlab.count import num_label_issues

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return int(num_label_issues(labels, predicted))
    except (ValueError, ZeroDivisionError, IndexError):
        return 0
