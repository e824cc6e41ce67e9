"""What simple features of the images can tell of their classes: kernel ridge regression on thumbnails, in NumPy.

A least-squares support vector machine (Suykens, Vandewalle 1999, https://doi.org/10.1023/A:1018628609742) with a
Gaussian kernel: for a thousand images it takes a tenth of a second, and leaves each of them out in turn for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

RIDGE = 0.03
CELLS, ANGLES = 4, 8
SHUFFLES = 30


@dataclass(frozen=True)
class Told:
    """What features tell of labels, each image left out in turn. `accuracy`: balanced, 0..1. `chance`, `spread`: mean
    and standard deviation of the same with the labels shuffled. `recalls`: class -> recall, 0..1.
    """

    accuracy: float
    chance: float
    spread: float
    recalls: Mapping[int, float]


def features(thumbnails: NDArray[np.floating]) -> Floats:
    """(n, channels, side, side) as (n, features): the pixels at half the side, and gradients by place and direction."""
    x = np.asarray(thumbnails, np.float64)
    n, channels, side, _width = x.shape
    coarse = x.reshape(n, channels, side // 2, 2, side // 2, 2).mean((3, 5)).reshape(n, -1)
    down, right = np.gradient(x.mean(1), axis=(1, 2))
    strength, angle = np.hypot(down, right), np.arctan2(down, right) % np.pi
    bins = np.minimum((angle * ANGLES / np.pi).astype(int), ANGLES - 1)
    votes = np.stack([np.where(bins == k, strength, 0.0) for k in range(ANGLES)], 1)
    cell = side // CELLS
    cells = votes.reshape(n, ANGLES, CELLS, cell, CELLS, cell).mean((3, 5)).reshape(n, -1)
    cells /= np.linalg.norm(cells, axis=1, keepdims=True) + cells.mean() + 1e-9
    return np.concatenate([_standardised(coarse), _standardised(cells)], 1)


def told(x: Floats, labels: Labels) -> Told:
    """What features (n, features) tell of labels (n,), each image left out in turn."""
    kernel = _kernel(x, x)
    inverse = np.asarray(np.linalg.inv(kernel + RIDGE * np.eye(len(x))), np.float64)
    random = np.random.default_rng(0)
    orders = [np.arange(len(x)), *(random.permutation(len(x)) for _ in range(SHUFFLES))]
    named = [_left_out(inverse, labels[order]) for order in orders]
    right = np.array([balanced(each, labels[order]) for each, order in zip(named, orders, strict=True)])
    return Told(float(right[0]), float(right[1:].mean()), float(right[1:].std()), _recalls(named[0], labels))


def by_chance(named: Labels, labels: Labels) -> Told:
    """What classes that were named (n,) tell of labels (n,)."""
    random = np.random.default_rng(0)
    shuffled = np.array([balanced(named, random.permutation(labels)) for _ in range(SHUFFLES)])
    return Told(balanced(named, labels), float(shuffled.mean()), float(shuffled.std()), _recalls(named, labels))


def answers(x: Floats, labels: Labels, asked: Floats) -> Labels:
    """The classes that features (n, features) with labels (n,) give to others (m, features): (m,)."""
    known = np.unique(labels)
    kernel = _kernel(x, x)
    weights = np.linalg.solve(kernel + RIDGE * np.eye(len(x)), _signs(labels, known))
    return np.asarray(known[(_kernel(asked, x, _width(x)) @ weights).argmax(1)], np.int64)


def balanced(named: Labels, labels: Labels) -> float:
    """Mean recall of the classes that occur, 0..1."""
    return float(np.mean(list(_recalls(named, labels).values())))


def _recalls(named: Labels, labels: Labels) -> dict[int, float]:
    return {int(k): float((named[labels == k] == k).mean()) for k in np.unique(labels)}


def _left_out(inverse: Floats, labels: Labels) -> Labels:
    """The class of each image by the others, (n,)."""
    known = np.unique(labels)
    wanted = _signs(labels, known)
    predicted = wanted - (inverse @ wanted) / np.diag(inverse)[:, None]
    return np.asarray(known[predicted.argmax(1)], np.int64)


def _signs(labels: Labels, known: Labels) -> Floats:
    """One column a class, of mean 0, in which every class weighs the same."""
    hot = (labels[:, None] == known).astype(np.float64)
    share = hot.mean(0)
    return np.asarray((hot - share) / np.sqrt(share * (1 - share) + 1e-9), np.float64)


def _standardised(x: Floats) -> Floats:
    spread = x.std()
    return np.asarray((x - x.mean(0)) / (spread + 1e-12) / np.sqrt(x.shape[1]), np.float64)


def _kernel(a: Floats, b: Floats, width: float | None = None) -> Floats:
    return np.asarray(np.exp(-_distances(a, b) / (width or _width(b))), np.float64)


def _distances(a: Floats, b: Floats) -> Floats:
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return np.asarray(np.maximum(squares, 0), np.float64)


def _width(x: Floats) -> float:
    """The median squared distance of some of the images."""
    some = x[:: max(1, len(x) // 200)]
    return float(np.median(_distances(some, some)[np.triu_indices(len(some), 1)])) or 1.0
