"""Whether a class falls into two parts, of which one is worse: half of its images blurred, say, and half not.

Half of a class that is spoilt pulls the median and the spread of the class along, so that no image of it is far from
its class. Its values then have two modes. The cut between them is that of Otsu 1979
(https://doi.org/10.1109/TSMC.1979.4310076): of all cuts the one that leaves the least variance within the parts. Each
group counts as one observation, its images share its weight.

A cut is found in any class, so three limits say whether it means something. They are set on 4,179 photographs of 23
species, as they are and with half of the images (or of the trajectories) of each species in turn spoilt:

- `DISTANCE`: the means of the parts lie 2.8 or more usual spreads apart, the usual spread being the median over the
  classes of their robust standard deviations. As the photographs are, a worse part that passes the test of a class
  (`netvet.audit.quality.LIMIT`) is at most 2.7 of them away for blur; with a blur of 1 px at 64 px at least 2.9.
- and either `VALLEY`: the parts are 4 or more of their own spreads apart (D of Ashman, Bird and Zepf 1994,
  https://doi.org/10.1086/117248). A uniform distribution cut in two has 3.5, a normal one 2.6; a worse part of the
  photographs as they are at most 3.6;
- or `EXTREME`: Cliff's delta of the worse part against the other classes is 0.98 or more. Of a class that is as wide
  as its scenes (light from noon to dusk) the parts touch. As they are 0.95 at most; spoilt, and with the parts
  touching, 0.99 at least.

A part has at least 5 images, and the worse one at least 3 groups: a single animal in the dark is no half of a class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netvet.base.arrays import Floats

DISTANCE, VALLEY, EXTREME = 2.8, 4.0, 0.98
FEWEST, FEWEST_GROUPS = 5, 3


@dataclass(frozen=True)
class Cut:
    """`worse`: (n,) which values are above the cut. `distance`: of the means, in the unit of the values. `valley`: the
    same in units of the spread within the parts (Ashman's D).
    """

    worse: NDArray[np.bool_]
    distance: float
    valley: float


def cut(values: Floats, member: NDArray[np.int64]) -> Cut | None:
    """The cut of (n,) values that leaves the least variance within both parts; None where no part would have
    `FEWEST` values, or the upper one `FEWEST_GROUPS` groups. `member`: (n,) number of the group of each.
    """
    order = np.argsort(values, kind="stable")
    x, number = values[order], np.unique(member, return_inverse=True)[1][order]
    weight = 1.0 / np.bincount(number)[number]
    weight /= weight.sum()
    last = np.arange(FEWEST - 1, len(x) - FEWEST)  # the last value of the lower part
    last = last[x[last + 1] > x[last]]
    if not len(last):
        return None
    x = x - x.mean()
    share, first, second = (np.cumsum(weight * part) for part in (np.ones(len(x)), x, x**2))
    p, q = share[last], 1 - share[last]
    low, high = first[last] / p, (first[-1] - first[last]) / q
    at = int((p * q * (high - low) ** 2).argmax())
    within = second[last][at] / p[at] - low[at] ** 2 + (second[-1] - second[last][at]) / q[at] - high[at] ** 2
    worse = values > values[order][last[at]]
    if len(np.unique(member[worse])) < FEWEST_GROUPS:
        return None
    distance = float(high[at] - low[at])
    return Cut(worse, distance, float(np.sqrt(2) * distance / np.sqrt(max(float(within), 1e-12))))


def usual_spread(column: Floats, labels: NDArray[np.int64]) -> float:
    """The median over the classes of their robust standard deviations (1.4826 x the median absolute deviation)."""
    spreads = []
    for k in np.unique(labels):
        mine = column[labels == k]
        spreads.append(float(np.median(np.abs(mine - np.median(mine)))))
    return max(1.4826 * float(np.median(spreads)), 1e-3)
