"""What a list of likely label errors is worth in the set that it is of: labels are replaced on purpose, and the list of
the set so spoilt is made and counted.

As many labels as are likely wrong, at least `FEWEST` and at most a tenth, become any other class with equal chance.
What was listed before is not counted. Wrong labels that go to the class that looks most like the true one are harder
to find, and images that are hard by themselves are there both times, so that the figures are the better case.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netvet.audit import labels as audit
from netvet.base.arrays import Ints

FEWEST, SHARE = 20, 0.1
MOST_IMAGES = 10_000  # above: not done, it takes as long as the list itself


def measure(
    values: NDArray[np.float32],
    labels: Ints,
    member: Ints,
    found: audit.LabelErrors,
    *,
    known: bool = True,
    seed: int = 0,
) -> audit.Told | None:
    """Plant, list and count; None for sets that are too small or too large.

    Args:
        values: (n, d) features.
        labels: (n,) as they were given.
        member: (n,) number of the group of each image.
        found: what was found of these.
        known: whether groups are known.
        seed: of what is drawn.
    """
    total = len(labels)
    count = min(max(FEWEST, round(found.number)), int(SHARE * total))
    open_ = np.flatnonzero(~np.isin(np.arange(total), found.ranked) & ~np.isin(labels, found.unlisted))
    if count < FEWEST or total > MOST_IMAGES or len(open_) < 2 * count:
        return None
    random, classes = np.random.default_rng(seed), int(labels.max()) + 1
    rows = random.choice(open_, count, replace=False)
    spoilt = labels.copy()
    spoilt[rows] = (labels[rows] + random.integers(1, classes, count)) % classes
    if len(np.unique(spoilt)) < len(np.unique(labels)):
        return None
    listed = np.setdiff1d(audit.find(values, spoilt, member, known=known, seed=seed).ranked, found.ranked)
    hits = np.intersect1d(listed, rows)
    return audit.Told(count, len(hits) / count, len(hits) / max(1, len(listed)))
