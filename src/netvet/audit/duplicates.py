"""Images that are there more than once: exact copies, and pictures that are nearly the same.

Two pictures are compared by the correlation of their 16 x 16 colour thumbnails, each channel centred by itself (so
that a cast of colour or light does not matter). Pairs to compare come from an index and not from all pairs: the
thumbnails' 16 principal components in a k-d tree (Bentley 1975, https://doi.org/10.1145/361002.361007), of which each
image asks its 48 nearest; within a group of at most 64 images all pairs are compared. Distances in the components
are never longer than the true ones, so the tree loses a pair only where an image has more than 48 nearer ones. On
4,179 photographs of fish it found all 1,579 pairs above 0.95 and 3,743 of 3,751 above 0.92 that a comparison of all 8.7
million pairs finds. The time grows as n log n.

Frames count for nothing: flat areas that touch the border are cut off or filled first (`netvet.audit.frames`).

The limits:

- Within a group (a track, an animal), 0.75: on the same photographs it finds 99 % of the pairs of one track that a
  structural similarity of 0.8 calls near (Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861), and 99 % of those
  within 8 bits of perceptual hash. Or, of one label, colours (`netvet.audit.colours`) as alike as those of one in 20
  pairs of two groups and two classes of the set, where groups are animals and not places: an animal turns, and is the
  same. That finds 89 % of all pairs of a track in those photographs, near or not.
- Otherwise 0.92, or the lowest limit above it at which at most 5 % of the pairs have different labels beyond what
  the closest pairs have: two species are no copies of one another, so where they come that close (one camera, one
  background), looking alike means less. The colours must be the same too (`SAME_COLOURS`), below `CERTAIN`: of the
  pairs that are found so, 8.5 % are of two tracks, of those without colours 30 %. Where more than a quarter of the
  closest pairs has two labels (`MISLABELLED`), the set has no pairs that are certain, and no limit.
- Or 0.9, where the fine detail of both is the same too (`SAME_DETAIL`; see `detail`): an image that was saved again,
  moved by a pixel, relit. An image's three nearest are looked at in this way; and so is every pair with two labels,
  which counts only if its detail is the same. Where more than a quarter of these has two labels, the detail is that of
  the place, and does not count either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from netvet.audit.colours import likeness
from netvet.audit.detail import detail_correlation
from netvet.audit.image_stats import ImageStats
from netvet.audit.pairs import BLOCK, cosines

IN_GROUP = 0.75
APART = 0.92
SIMILAR, SAME_DETAIL = 0.9, 0.8
FOREIGN = 0.05
CERTAIN = 0.985  # pairs this close are copies; the labels that differ among them are errors of the labels
NONE = 1.01  # a limit that no pair reaches
# Of the closest pairs, the share with two labels up to which labels may be the reason: where a tenth of them is wrong,
# a fifth of the copies has two; beyond a quarter, looking alike says nothing of being the same.
MISLABELLED = 0.25
SAME_COLOURS = 0.985
RARE = 0.05
# Clusters that can be no animal: of so many images, of such a share of the set, in which no class has such a share.
MANY, CHAINED, ONE_CLASS = 20, 0.05, 0.8
FEWEST = 20  # pairs that a share is taken of
DIMENSIONS, NEAREST, WHOLE_GROUP, LOOKED_AT = 16, 48, 64, 3
_SAMPLE = 5_000

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Duplicates:
    """`pairs`: (k, 2) rows of the set, the smaller first, the closest pairs first. `similarity`: (k,) their
    correlation, -1..1; 1 for copies. `exact`: (k,) whether the decoded pixels are the same. `limit`: from which
    correlation images that share no known group count as near-duplicates.
    """

    pairs: Rows
    similarity: NDArray[np.float32]
    exact: NDArray[np.bool_]
    limit: float

    def across(self, split: NDArray[np.int8]) -> Rows:
        """Which pairs have one image in training and one held out: positions in `pairs`."""
        one, other = split[self.pairs[:, 0]], split[self.pairs[:, 1]]
        return np.flatnonzero((one != other) & ((one == 0) | (other == 0)))

    def conflicting(self, labels: Rows) -> Rows:
        """Which pairs carry different labels: positions in `pairs`."""
        return np.flatnonzero(labels[self.pairs[:, 0]] != labels[self.pairs[:, 1]])


def find(
    looks: ImageStats, labels: Rows, groups: NDArray[np.str_] | None, images: NDArray[np.uint8] | None = None
) -> Duplicates:
    """All copies, and the near-duplicates. Without the `images`, (n, size, size, 3), no detail is compared."""
    order = np.argsort(looks.hashes, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(looks.hashes[order]) > 0])
    first = np.repeat(order[starts], np.diff(np.r_[starts, len(order)]))
    copy = order != first
    copies = np.stack([first[copy], order[copy]], axis=1).astype(np.int64)

    kept = np.sort(order[starts]).astype(np.int64)
    codes = _codes(looks.thumbnails[kept])
    member = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1]
    candidates = np.unique(np.concatenate([kept[_neighbours(codes)], _mates(member)]), axis=0)
    candidates = candidates[looks.hashes[candidates[:, 0]] != looks.hashes[candidates[:, 1]]]
    similarity, colours = correlation(looks.thumbnails, candidates), likeness(looks.colours, candidates)
    foreign = labels[candidates[:, 0]] != labels[candidates[:, 1]]
    together = (member[candidates[:, 0]] == member[candidates[:, 1]]) & (groups is not None)
    alike = ~together & ((colours >= SAME_COLOURS) | (similarity >= CERTAIN))
    limit = _limit(similarity[alike], foreign[alike], labels)
    near = np.where(together, similarity >= IN_GROUP, alike & (similarity >= limit))
    if groups is not None:
        near |= together & ~foreign & (colours >= _usual(looks.colours, labels, member))
    if images is not None:
        unsure = np.flatnonzero(~together & ~near & (similarity >= SIMILAR))
        unsure = unsure[_nearest(candidates[unsure], similarity[unsure])]
        asked = np.concatenate([unsure, np.flatnonzero(near & foreign & ~together)])
        same = detail_correlation(images, candidates[asked]) >= SAME_DETAIL
        near[asked] = same
        kept = near & ~together
        if at_least(float(foreign[kept].mean()) if kept.any() else 0.0, int(kept.sum())) > MISLABELLED:
            near[asked] = False  # one place, whoever is before it

    pairs = np.concatenate([copies, candidates[near]])
    closeness = np.concatenate([np.ones(len(copies), np.float32), similarity[near]])
    exact = np.arange(len(pairs)) < len(copies)
    best = np.lexsort((-closeness, ~exact))
    return Duplicates(pairs[best], closeness[best], exact[best], limit)


def clusters(found: Duplicates, count: int) -> Rows:
    """(count,) the number of the cluster of each image: images that a chain of pairs connects are one."""
    return _connected(found.pairs, count)


def folds(found: Duplicates, labels: Rows) -> Rows:
    """(n,) `clusters` that can stand for unknown groups. Where chains of near-duplicates have joined many images of
    several classes, likeness says nothing of who is who, and only copies count.
    """
    number = clusters(found, len(labels))
    classes = int(labels.max()) + 1
    table = np.bincount(number * classes + labels, minlength=(int(number.max()) + 1) * classes).reshape(-1, classes)
    sizes = table.sum(axis=1)
    chained = (sizes >= MANY) & (sizes > CHAINED * len(labels)) & (table.max(axis=1) < ONE_CLASS * sizes)
    kept = found.exact | ~chained[number[found.pairs[:, 0]]]
    return _connected(found.pairs[kept], len(labels)) if chained.any() else number


def _connected(pairs: Rows, count: int) -> Rows:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    one, other = pairs.T
    links = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def members(groups: NDArray[np.str_] | None, labels: Rows, search: Callable[[], Duplicates]) -> Rows:
    """(n,) the number of the group of each image; of its `folds` in what `search` finds, where none is known."""
    if groups is None:
        return folds(search(), labels)
    return np.asarray(np.unique(groups, return_inverse=True)[1], np.int64)


def correlation(thumbnails: NDArray[np.uint8], pairs: Rows) -> NDArray[np.float32]:
    """The correlation of the thumbnails of each pair of rows, -1..1."""
    return cosines(thumbnails, pairs, _centred)


def _centred(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(k, side, side, 3) as (k, side * side * 3): each channel centred, the whole of unit length."""
    block = thumbnails.astype(np.float32)
    flat = (block - block.mean(axis=(1, 2), keepdims=True)).reshape(len(block), -1)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6), np.float32)


def _codes(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The first principal components (about the origin) of the centred thumbnails, (n, 16)."""
    sample = _centred(thumbnails[np.linspace(0, len(thumbnails) - 1, min(_SAMPLE, len(thumbnails))).astype(np.int64)])
    _values, vectors = np.linalg.eigh(sample.T @ sample)
    axes = vectors[:, ::-1][:, :DIMENSIONS]
    parts = [_centred(thumbnails[at : at + BLOCK]) @ axes for at in range(0, len(thumbnails), BLOCK)]
    return np.concatenate(parts).astype(np.float32)


def _neighbours(codes: NDArray[np.float32]) -> Rows:
    """Pairs of positions, the smaller first: each with its nearest in the tree, as far as they can be near at all."""
    reach = float(np.sqrt(2 - 2 * SIMILAR))
    tree = cKDTree(codes)
    found = []
    for start in range(0, len(codes), BLOCK):
        part = codes[start : start + BLOCK]
        _distance, there = tree.query(part, k=min(NEAREST + 1, len(codes)), distance_upper_bound=reach, workers=-1)
        there = there.reshape(len(part), -1)
        here = np.broadcast_to(np.arange(start, start + len(part))[:, None], there.shape)
        there, here = there.ravel(), here.ravel()
        real = (there < len(codes)) & (there != here)
        found.append(np.sort(np.stack([here[real], there[real]], axis=1), axis=1))
    return np.concatenate(found).astype(np.int64)


def _mates(member: Rows) -> Rows:
    """All pairs of positions of one group, where that has at most `WHOLE_GROUP` images; the tree serves the others."""
    order = np.argsort(member, kind="stable")
    sizes = np.bincount(member)
    size_of, found = sizes[member[order]], [np.empty((0, 2), np.int64)]
    for step in range(1, min(WHOLE_GROUP, int(sizes.max(initial=1)))):
        same = (member[order[:-step]] == member[order[step:]]) & (size_of[:-step] <= WHOLE_GROUP)
        found.append(np.stack([order[:-step][same], order[step:][same]], axis=1))
    return np.sort(np.concatenate(found), axis=1).astype(np.int64)


def _nearest(pairs: Rows, similarity: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which pairs are among the `LOOKED_AT` closest of either of their images."""
    kept = np.zeros(len(pairs), np.bool_)
    for column in pairs.T:
        order = np.lexsort((-similarity, column))
        first = np.searchsorted(column[order], column[order])
        kept[order] |= np.arange(len(order)) - first < LOOKED_AT
    return kept


def at_least(share: float, n: int) -> float:
    """The lower end of Wilson's 95 % interval of a share of n, 0..1; 0 of none.

    >>> round(at_least(0.5, 10), 3), at_least(0.0, 0)
    (0.237, 0.0)
    """
    if not n:
        return 0.0
    z2 = 1.96**2 / n
    return max(0.0, (share + z2 / 2 - float(np.sqrt(z2 * (share * (1 - share) + z2 / 4)))) / (1 + z2))


def _usual(colours: NDArray[np.uint8], labels: Rows, member: Rows) -> float:
    """The likeness of colours that only `RARE` of the pairs of two groups and two classes reach; 2, which none
    reaches, where groups are no single animals: they hold images of several classes.
    """
    random = np.random.default_rng(0)
    pairs = random.integers(0, len(labels), (_SAMPLE * 4, 2))
    apart = (member[pairs[:, 0]] != member[pairs[:, 1]]) & (labels[pairs[:, 0]] != labels[pairs[:, 1]])
    classes = int(labels.max()) + 1
    table = np.bincount(member * classes + labels, minlength=(int(member.max()) + 1) * classes).reshape(-1, classes)
    if apart.sum() < FEWEST or table.max(axis=1).sum() < ONE_CLASS * len(labels):
        return 2.0
    return float(np.quantile(likeness(colours, pairs[apart]), 1 - RARE))


def _limit(similarity: NDArray[np.float32], foreign: NDArray[np.bool_], labels: Rows) -> float:
    """See the module: from which correlation a pair that shares no group is near; above 1 where none is."""
    by_chance = 1 - float(((np.bincount(labels) / len(labels)) ** 2).sum())
    certain = similarity >= CERTAIN
    wrong = float(foreign[certain].mean()) if certain.sum() >= FEWEST else 0.0
    if at_least(wrong, int(certain.sum())) > MISLABELLED:
        return NONE
    for limit in np.arange(APART, CERTAIN, 0.005):
        above = similarity >= limit
        if above.sum() and foreign[above].mean() > FOREIGN * by_chance + wrong:
            continue
        return float(limit)
    return CERTAIN
