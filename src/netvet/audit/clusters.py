"""Into how many forms do the images of a class fall, and how far apart are they?

Frames of one group are averaged, so that one animal counts once. Differences are measured against what varies within
the other classes: features are whitened by the pooled covariance of these (Ledoit and Wolf 2004,
https://doi.org/10.1016/S0047-259X(03)00096-4), so that pose, light and background count for little. The class's animals
are parted by k-means on their first principal components, and the number of parts is the one of the highest silhouette
(Rousseeuw 1987, https://doi.org/10.1016/0377-0427(87)90125-7). Anything can be parted, so two more numbers say whether
the parts are forms:

- how often one cloud gives as high a silhouette: normal samples of the same number and variances, parted in the same
  way (SigClust, Liu et al. 2008, https://doi.org/10.1198/016214508000000454);
- how far the nearest two forms lie apart, as a multiple of the distance from the class to the second nearest other
  class: of two classes that look the same, either would be all forms beside the nearest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netvet.base.arrays import Floats, Ints

MOST_FORMS, COMPONENTS = 5, 8
FEWEST, SMALLEST = 3, 0.1  # animals of a form, and their share of the class: fewer are odd ones, no form
DRAWS = 100  # normal samples


@dataclass(frozen=True)
class Clusters:
    """Of one class. `count`: the number of forms, at least 2. `silhouette`: -1..1. `distance`: of the nearest two
    forms, as a multiple of the distance to the second nearest other class. `chance`: share 0..1 of the normal samples
    that have as high a silhouette. `rows`: the class's images. `form`: (rows,) 0 is the largest. `far`: (rows,)
    distance of each image's animal from the centre of its form.
    """

    count: int
    silhouette: float
    distance: float
    chance: float
    rows: Ints
    form: Ints
    far: Floats


def clusters(
    values: NDArray[np.floating], labels: Ints, member: Ints, label: int, *, draws: int = DRAWS
) -> Clusters | None:
    """The forms of a class; None where it or the others have too few animals, or no parting has parts large enough.

    Args:
        values: (n, d) features.
        labels: (n,) classes.
        member: (n,) number of the group of each image.
        label: the class.
        draws: normal samples that `chance` is a share of.
    """
    from scipy.spatial.distance import pdist
    from sklearn.covariance import LedoitWolf

    key = np.unique(np.stack([labels, member], axis=1), axis=0, return_inverse=True)[1].reshape(-1)
    animals = int(key.max()) + 1
    mean = np.zeros((animals, values.shape[1]))
    np.add.at(mean, key, values)
    mean /= np.bincount(key, minlength=animals)[:, None]
    of = np.zeros(animals, np.int64)
    of[key] = labels
    known = np.unique(of)
    centres = {int(k): mean[of == k].mean(axis=0) for k in known}
    mine, others = mean[of == label], np.flatnonzero(of != label)
    if len(mine) < 2 * FEWEST or len(others) < 2 * len(known):
        return None
    within = mean[others] - np.stack([centres[int(k)] for k in of[others]])
    spread, axes = np.linalg.eigh(LedoitWolf().fit(within).covariance_)
    whiten = axes / np.sqrt(np.maximum(spread, 1e-12))
    cloud = (mine - centres[label]) @ whiten
    _, _, directions = np.linalg.svd(cloud, full_matrices=False)
    found = cloud @ directions[: min(COMPONENTS, len(mine) // 3)].T
    parted, silhouette = part(found)
    if parted is None:
        return None
    parts = int(parted.max()) + 1
    middle = np.stack([cloud[parted == j].mean(axis=0) for j in range(parts)])
    apart = pdist(middle).min()
    far_off = sorted(np.linalg.norm((centres[int(k)] - centres[label]) @ whiten) for k in known if k != label)
    near = far_off[min(1, len(far_off) - 1)]
    random = np.random.default_rng(0)
    scale = found.std(axis=0)
    as_high = sum(part(random.normal(0, scale, found.shape))[1] >= silhouette for _ in range(draws))
    rank = np.argsort(np.argsort(-np.bincount(parted, minlength=parts), kind="stable"))
    rows = np.flatnonzero(labels == label)
    place = np.cumsum(of == label) - 1
    here = place[key[rows]]
    far = np.linalg.norm(found - np.stack([found[parted == j].mean(axis=0) for j in range(parts)])[parted], axis=1)
    return Clusters(
        parts,
        silhouette,
        float(apart / max(near, 1e-9)),
        as_high / max(1, draws),
        rows,
        rank[parted[here]],
        far[here],
    )


def part(points: Floats) -> tuple[Ints | None, float]:
    """The parting of (n, d) points of the highest silhouette, and that; None and -1 where no part is large enough."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    best: Ints | None = None
    highest = -1.0
    least = max(FEWEST, SMALLEST * len(points))
    for count in range(2, MOST_FORMS + 1):
        if count * least > len(points):
            break
        found = KMeans(count, n_init=4, random_state=0).fit(points).labels_.astype(np.int64)
        if np.bincount(found, minlength=count).min() < least:
            continue
        silhouette = float(silhouette_score(points, found))
        if silhouette > highest:
            best, highest = found, silhouette
    return best, highest
