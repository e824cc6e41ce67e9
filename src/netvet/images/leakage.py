"""Held-out images that have a twin among the training images: of the same group, or nearly the same picture.

A picture counts as nearly the same when the correlation of the two 16 x 16 colour thumbnails exceeds a limit. The
limit is 0.98, or higher where images of *different* classes come as close as that (a fixed camera, one background):
the 99th percentile of their closest matches, since two images of different classes are not copies of one another. On
4,179 underwater photographs of 1,348 tracked fish, 0.98 finds 17 % of the validation images of a random split and 2.5
% of one by track.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netvet.images.dataset import ImageSet

SIDE = 16
LIMIT = 0.98
HELD_OUT = 2_000  # images of a split that are compared; the shares of larger splits are estimates
TRAINING = 50_000
BLOCK = 256


@dataclass(frozen=True)
class Leakage:
    """`shares`: split -> observation name -> share 0..1. `pairs`: (k, 2) rows of the set, held out and training,
    closest first.
    """

    shares: dict[str, dict[str, float]]
    pairs: NDArray[np.int64]


def leakage(images: ImageSet) -> Leakage:
    """How much of the validation and the test split has a twin in training, and which pairs."""
    train = _spread(images.indices("train"), TRAINING)
    known = images.known_groups
    reference = _thumbnails(images, train)
    shares: dict[str, dict[str, float]] = {}
    pairs: list[tuple[float, int, int]] = []
    for split in ("val", "test"):
        rows = _spread(images.indices(split), HELD_OUT)
        if not len(rows) or not len(train):
            continue
        close, twin, foreign = _closest(images, rows, train, reference, group=False)
        limit = max(LIMIT, float(np.quantile(foreign, 0.99)))
        by_look = close > limit
        leaked = by_look.copy()
        numbers = {"leaked_by_look": float(by_look.mean())}
        if known is not None:
            shared = np.isin(known[rows], known[train])
            leaked |= shared
            numbers["leaked_by_group"] = float(shared.mean())
            within, sibling, _ = _closest(images, rows[shared], train, reference, group=True)
            pairs += zip(within.tolist(), rows[shared].tolist(), sibling.tolist(), strict=True)
            by_look &= ~shared
        pairs += zip(close[by_look].tolist(), rows[by_look].tolist(), twin[by_look].tolist(), strict=True)
        shares[split] = {"leaked_share": float(leaked.mean()), **numbers}
    pairs.sort(key=lambda pair: -pair[0])
    return Leakage(shares, np.array([(a, b) for _, a, b in pairs], dtype=np.int64).reshape(-1, 2))


def _closest(
    images: ImageSet, rows: NDArray[np.int64], train: NDArray[np.int64], reference: NDArray[np.float32], *, group: bool
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """For each row: the best correlation with a training image of its class (or group), which one, and the best of
    other classes.
    """
    best = np.full(len(rows), -1, np.float32)
    twin = np.full(len(rows), -1, np.int64)
    foreign = np.full(len(rows), -1, np.float32)
    kind = images.known_groups if group and images.known_groups is not None else images.labels
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        similar = _thumbnails(images, rows[part]) @ reference.T
        same = kind[rows[part]][:, None] == kind[train][None]
        mine = np.where(same, similar, np.float32(-1))
        at = mine.argmax(1)
        best[part], twin[part] = mine[np.arange(len(at)), at], train[at]
        foreign[part] = np.where(same, np.float32(-1), similar).max(1)
    return best, twin, foreign


def _thumbnails(images: ImageSet, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """(n, SIDE * SIDE * 3): thumbnails by block means, centred and of unit length, so that a product is a
    correlation.
    """
    size = images.images.shape[1]
    edges = np.linspace(0, size, min(SIDE, size) + 1).astype(np.int64)[:-1]
    found = np.empty((len(rows), len(edges) ** 2 * 3), np.float32)
    for start in range(0, len(rows), BLOCK):
        block = images.images[rows[start : start + BLOCK]].astype(np.float32)
        small = np.add.reduceat(np.add.reduceat(block, edges, axis=1), edges, axis=2)
        flat = small.reshape(len(block), -1)
        flat -= flat.mean(1, keepdims=True)
        found[start : start + BLOCK] = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return found


def _spread(rows: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    return rows if len(rows) <= limit else rows[np.linspace(0, len(rows) - 1, limit).astype(np.int64)]
