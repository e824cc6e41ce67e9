"""Whether generated images of a class may be trained on: no collapsed ones, no copies, none of another class.

Judged in handmade features (oriented gradients and colours, `netvet.audit.features`), which owe nothing to the run nor
to the GAN, and against real images of the class. FID is no use here: it needs thousands of images and the weights of
an Inception network.

The limits lie between held-out real images and planted failures, both measured on three species of each of two painted
reefs (32 and 64 px) and three in photographs (32 px, groups known), with all their training images and with 8:

                                        recognised   spread       nearness     covered
    held out, real                      0.66 - 1.00  0.91 - 1.16  0.91 - 1.09  0.50 - 1.00
      where the class has 8 images      0.19 - 0.94
    one image over and over             1.00         0.00         0.00 - 0.13
    one image, shifted and noisy                     0.49 - 0.76  0.57 - 0.85
    two or three images, the same                                 0.56 - 0.83
    training images, shifted and noisy                            0.56 - 0.85
    the mean image, shifted and noisy                0.60 - 0.85
    another class                       0.00 - 0.28
    noise, rendered fish                                           1.50 - 1.95
    noise, photographed fish            0.00 - 0.53                            0.00 - 0.75

No planted failure is within all limits: noise on photographs is recognised in at most 10 % where it covers more than
15 %. Of a class of 8 images some real ones would be refused: what its others look like cannot be known from these.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netvet.audit.features import handmade
from netvet.base.arrays import Floats32
from netvet.locale import _

FEWEST = 5  # real images of a class below which neither a GAN nor this can say what it looks like
NEIGHBOUR = 3  # the real neighbour within whose distance a generated image must lie to cover a real one
RECOGNISED = 0.35
SPREAD = 0.88
COPIED = 0.88
FAR = 1.25
COVERED = 0.3
MOST_FITTED = 5_000  # images that the classifier is fitted on

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class Judgement:
    """What is measured of generated images of a class; nan where nothing can be said.

    `recognised`: the share that look more like the class, to a classifier fitted on real training images, than 95 % of
    the real images of other classes do, 0..1. `spread`: the mean distance between two of them over that between two
    real ones of the class. `nearness`: the median distance from one to the nearest real one, over that from a real one
    to the nearest other (of another group). `covered`: the share of the real ones that have a generated one nearer than
    their third real neighbour, 0..1 (Naeem et al. 2020, https://arxiv.org/abs/2002.09797).
    """

    recognised: float
    spread: float
    nearness: float
    covered: float

    def objection(self) -> str:
        """Why the images are refused, a sentence; "" where they may be used."""
        if not self.spread >= SPREAD:
            return _("they are all alike: they differ by only {share:.0%} of what real ones differ by").format(
                share=self.spread
            )
        if not self.nearness >= COPIED:
            return _(
                "they are copies: they lie {times:.2f} times as far from a real one as real ones lie from each other"
            ).format(times=self.nearness)
        if not self.nearness <= FAR:
            return _(
                "they look like no real one: the nearest real one is {times:.1f} times as far away as for real ones"
            ).format(times=self.nearness)
        if not self.recognised >= RECOGNISED:
            return _("they look like other classes: only {share:.0%} are recognised").format(share=self.recognised)
        if not self.covered >= COVERED:
            return _("they cover only part of the class: {share:.0%} of the real images have one nearby").format(
                share=self.covered
            )
        return ""


def judge(
    generated: Images,
    real: Images,
    labels: NDArray[np.int64],
    label: int,
    groups: NDArray[np.str_] | None = None,
) -> Judgement:
    """Judge (k, side, side, 3) generated images of the class `label`.

    `real`: (n, side, side, 3) of the training split, of all classes. `labels`, `groups`: of these.
    """
    known, made = _described(real), _described(generated)
    middle, scale = known.mean(axis=0), known.std(axis=0)
    scale = np.maximum(scale, 0.1 * float(scale.mean()))
    known, made = (known - middle) / scale, (made - middle) / scale
    mine = labels == label
    own = known[mine]
    strange = _strangers(np.arange(int(mine.sum())).astype(np.str_) if groups is None else groups[mine])
    among, across = _distances(own, own), _distances(made, own)
    apart = np.where(strange, among, np.inf)
    nearest = apart.min(axis=1)
    usual = float(np.median(nearest[np.isfinite(nearest)])) if np.isfinite(nearest).any() else float("nan")
    radius = np.sort(apart, axis=1)[:, min(NEIGHBOUR, apart.shape[1] - 1) - 1]
    inner = _distances(made, made)
    pairs = max(1, len(made) * (len(made) - 1))
    return Judgement(
        recognised=_recognised(known, labels, label, made),
        spread=float(inner.sum() / pairs / among[strange].mean()) if strange.any() else float("nan"),
        nearness=float(np.median(across.min(axis=1))) / usual,
        covered=float((across.min(axis=0) <= radius).mean()),
    )


def _described(images: Images) -> Floats32:
    return np.concatenate([handmade(images[at : at + 64]) for at in range(0, len(images), 64)])


def _distances(one: Floats32, other: Floats32) -> NDArray[np.float64]:
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(one, other), np.float64)


def _strangers(groups: NDArray[np.str_]) -> NDArray[np.bool_]:
    """(n, n): whether two images are of different groups; where all are of one, whether they are two."""
    apart = groups[:, None] != groups[None, :]
    return apart if apart.any() else ~np.eye(len(groups), dtype=bool)


def _recognised(known: Floats32, labels: NDArray[np.int64], label: int, made: Floats32) -> float:
    """The share of `made` that look more like the class than 95 % of the real images of other classes do, to a logistic
    regression that was fitted on the real images, every class weighed alike.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    rows, mine = np.arange(len(labels)), labels == label
    if mine.all():
        return float("nan")
    if len(rows) > MOST_FITTED:
        rows = np.random.default_rng(0).choice(rows, MOST_FITTED, replace=False)
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # that it stopped at max_iter: the last digits do not matter here
        model = LogisticRegression(C=0.01, class_weight="balanced", max_iter=100).fit(
            known[rows], labels[rows] == label
        )
    limit = np.quantile(model.decision_function(known[~mine]), 0.95)
    return float((model.decision_function(made) > limit).mean())
