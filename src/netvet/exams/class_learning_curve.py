"""Would more images of a class help?

## What it does
Asks about the classes that have less than a fifth of the largest one's training images, or whose AUC on validation
lies 0.1 below the median of the classes; where there is none it costs nothing. Describes every image by features that
owe nothing to the run (those of a pretrained network where its weights are installed, handmade ones otherwise). For at
most four of these classes, the lowest AUC first, it fits a balanced logistic regression, the class against the rest, on
an eighth, a quarter, a half and all of its training images and on those of the others. Seven subsets of each size are
drawn; images of one group are taken or left together. Each is asked about the validation images. A straight line
through the AUC's log-odds against the logarithm of the number of images is followed one doubling further; drawing the
subsets and the validation images (group by group) anew 200 times, each time without one of the sizes, says how sure
that is.

The network's own features are of no use here: they were learnt from all of the images, and a part of these does as
well on them as all.

## What it gives
By class, AUC 0..1: `curve_auc_half`, `curve_auc` and `curve_auc_twice`, with a half, with all and (a forecast) with
twice as many of its training images; `curve_gain_low` and `curve_gain_high`, the 95 % interval of what the doubling
adds. Array `class_curve` at the class: a row a size, the number of images, the mean AUC, the lowest, the highest, and
the mean recall (0..1, at even odds).

## What it decides
Whether a class that is not learnt has too few images, or whether more of the same would hardly help: a flat curve.

## References
Cortes et al. 1993, Learning curves: asymptotic values and rate of convergence, https://papers.nips.cc/paper/1993
Hestness et al. 2017, Deep learning scaling is predictable, empirically, https://arxiv.org/abs/1712.00409
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from netvet.base.arrays import Floats, Ints
from netvet.base.observed import Observed
from netvet.exams import ExamContext, exam
from netvet.exams._described import described
from netvet.locale import _, later
from netvet.trace import Trace

if TYPE_CHECKING:
    from netvet.images.dataset import ImageSet

SHARES = (1 / 8, 1 / 4, 1 / 2, 1.0)
DRAWS = 7  # subsets of each size
MOST_CLASSES = 4
RARE, MARGIN, SOUND = 5, 0.1, 0.85  # times fewer images than the largest class; AUC: as for a stuck class
MOST_OTHERS = 2048  # training images of the other classes: more make it slower and hardly better
FEWEST, FEWEST_ASKED = 6, 4  # training images, for three sizes; validation images
STRENGTH = 0.1  # C of the regression
RESAMPLED, MOST_ASKED = 200, 500  # validation images of the other classes in each


@dataclass(frozen=True)
class Curve:
    """One class. `sizes`: (k,) training images. `scores`: (k, draws, asked) what each fit says of each validation
    image. `positive`: (asked,) which of these are of the class. `member`: (asked,) the number of the group of each.
    """

    sizes: Ints
    scores: Floats
    positive: NDArray[np.bool_]
    member: Ints

    def aucs(self) -> Floats:
        """(k, draws) AUC."""
        return auc_of(self.scores, self.positive)

    def recalls(self) -> Floats:
        """(k,) mean recall at even odds."""
        return np.asarray((self.scores[:, :, self.positive] > 0).mean(axis=(1, 2)))

    def forecast(self, random: np.random.Generator) -> tuple[float, float, float]:
        """AUC with twice as many images, and the lower and the upper end of what the doubling adds."""
        aucs, gains = self.aucs(), list[float]()
        yes, no = np.flatnonzero(self.positive), np.flatnonzero(~self.positive)
        groups = [yes[self.member[yes] == group] for group in np.unique(self.member[yes])]
        for _draw in range(RESAMPLED):
            drawn = [groups[at] for at in random.integers(0, len(groups), len(groups)).tolist()]
            asked = np.concatenate([*drawn, random.choice(no, min(len(no), MOST_ASKED))])
            subsets = random.integers(0, aucs.shape[1], aucs.shape)
            scores = np.take_along_axis(self.scores[:, :, asked], subsets[:, :, None], axis=1)
            again = auc_of(scores, self.positive[asked])
            left = np.delete(np.arange(len(again)), random.integers(0, len(again) - 1))  # is it one straight line?
            gains.append(doubled(self.sizes[left], again[left]) - float(again[-1].mean()))
        low, high = np.quantile(gains, [0.025, 0.975])
        return doubled(self.sizes, aucs), float(low), float(high)


@exam(
    "class-learning-curve",
    gives={
        "curve_auc_half": Observed(later("AUC with half of its images"), "AUC", "auc"),
        "curve_auc": Observed(later("AUC with all of its images"), "AUC", "auc"),
        "curve_auc_twice": Observed(later("AUC expected of twice its images"), "AUC", "auc"),
        "curve_gain_low": Observed("", "AUC", "auc"),
        "curve_gain_high": Observed("", "AUC", "auc"),
        "class_curve": Observed(),
    },
    cost="features of every image, and about a hundred logistic regressions on them",
)
def run_exam(context: ExamContext) -> str:
    """Draw the learning curves of a context's hardest classes."""
    images, record = context.images, context.record
    chosen = behind(context)
    if not chosen:
        return _("No class that is rare or stays behind has enough images for a learning curve.")
    values, reported = described(images).astype(np.float64), list[str]()
    for k in chosen:
        curve = measure(values, images, k)
        if curve is None:
            continue
        name, aucs = images.classes[k], curve.aucs()
        twice, low, high = curve.forecast(np.random.default_rng(k))
        half = float(np.interp(curve.sizes[-1] / 2, curve.sizes, aucs.mean(axis=1)))
        record.add(0, "curve_auc_half", half, name)
        record.add(0, "curve_auc", float(aucs[-1].mean()), name)
        record.add(0, "curve_auc_twice", twice, name)
        record.add(0, "curve_gain_low", low, name)
        record.add(0, "curve_gain_high", high, name)
        rows = [curve.sizes, aucs.mean(axis=1), aucs.min(axis=1), aucs.max(axis=1), curve.recalls()]
        record.add_array(0, "class_curve", np.stack(rows, axis=1).astype(np.float64), name)
        text = _(
            "Half of the {n} training images of {name} gave an AUC of {half:.2f}, all of them {all:.2f}; twice as many "
            "would give about {twice:.2f}."
        )
        reported.append(text.format(n=curve.sizes[-1], name=name, half=half, all=aucs[-1].mean(), twice=twice))
    return reported[0] if reported else _("These classes have too few groups for a learning curve.")


def behind(context: ExamContext) -> list[int]:
    """The classes that are asked about, the worst first by validation AUC: of those that have less than a fifth of the
    largest one's images, or whose AUC lies `MARGIN` below a median of at least `SOUND`.
    """
    images, trace = context.images, Trace.open(context.run)
    count = len(images.classes)
    train, asked = (np.bincount(images.labels[images.indices(part)], minlength=count) for part in ("train", "val"))
    able = [k for k in range(count) if train[k] >= FEWEST and asked[k] >= FEWEST_ASKED and asked[k] < asked.sum()]
    score = np.array([trace.last("val_auc", name) for name in images.classes])
    usual = float(np.median(score)) if np.isfinite(score).all() else 0.0
    chosen = [k for k in able if RARE * train[k] < train.max() or (usual >= SOUND and score[k] < usual - MARGIN)]
    return sorted(chosen, key=lambda k: (score[k] if score[k] == score[k] else 0.5, train[k], k))[:MOST_CLASSES]


def measure(values: Floats, images: ImageSet, k: int) -> Curve | None:
    """The curve of class k; None where its groups are too few for three sizes."""
    random = np.random.default_rng(k)
    train, val, labels = images.indices("train"), images.indices("val"), images.labels
    mine, others = train[labels[train] == k], train[labels[train] != k]
    if len(others) > MOST_OTHERS:
        others = np.sort(random.choice(others, MOST_OTHERS, replace=False))
    every = np.arange(len(labels))
    member = every if images.known_groups is None else np.unique(images.known_groups, return_inverse=True)[1]
    sizes: list[int] = []
    scores: list[list[Floats]] = []
    for share in SHARES:
        count = max(2, round(share * len(mine)))
        parts = [subset(mine, member[mine], count, random) for _draw in range(DRAWS if share < 1 else 1)]
        size = round(float(np.mean([len(part) for part in parts])))
        if sizes and size <= sizes[-1]:
            continue  # groups so large that a half is all, or so few images that an eighth is a quarter
        sizes.append(size)
        said = [fit(values, part, others, val) for part in parts]
        scores.append([said[at % len(said)] for at in range(DRAWS)])
    return Curve(np.array(sizes), np.array(scores), labels[val] == k, member[val]) if len(sizes) >= 3 else None


def subset(mine: Ints, member: Ints, count: int, random: np.random.Generator) -> Ints:
    """About `count` rows of `mine`, whole groups (`member`: that of each row) drawn by chance."""
    _names, place = np.unique(member, return_inverse=True)
    rank = random.permutation(int(place.max()) + 1)[place]
    order = np.argsort(rank, kind="stable")
    ends = np.cumsum(np.bincount(rank))
    return mine[order[: ends[int(np.abs(ends - count).argmin())]]]


def fit(values: Floats, mine: Ints, others: Ints, asked: Ints) -> Floats:
    """Log-odds of the class for the rows `asked`, by a balanced logistic regression of `mine` against `others`."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    rows = np.r_[mine, others]
    model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=100, tol=1e-3)
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # that it stopped at max_iter: near enough
        model.fit(values[rows], np.arange(len(rows)) < len(mine))
    return np.asarray(model.decision_function(values[asked]), np.float64)


def auc_of(scores: Floats, positive: NDArray[np.bool_]) -> Floats:
    """AUC over the last axis."""
    from scipy.stats import rankdata

    ranks = rankdata(scores, axis=-1)
    yes, no = int(positive.sum()), int((~positive).sum())
    return np.asarray((ranks[..., positive].sum(axis=-1) - yes * (yes + 1) / 2) / max(1, yes * no))


def doubled(sizes: Ints, aucs: Floats) -> float:
    """AUC with twice the most images: a straight line through its log-odds, (k, draws), against the logarithm."""
    odds = logit(aucs.mean(axis=1))
    at = np.log2(sizes)
    slope, _start = np.polyfit(at, odds, 1)
    return float(1 / (1 + np.exp(-(odds[-1] + slope))))


def logit(aucs: Floats) -> Floats:
    """Log-odds of an AUC, kept off 0 and 1."""
    kept = np.clip(aucs, 0.002, 0.998)
    return np.asarray(np.log(kept / (1 - kept)))
