"""What the loops are fed: painted fish, photographs of fish, digits and painted shapes, 32 pixels a side.

Nothing is downloaded. The photographs (f4k23) are looked for where the clinic does; their validation images are of
other trajectories than those for training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.clinic import datasets
from benchmarks.clinic.photographs import lot
from netvet.reef import Reef, render

SIZE = 32
HELD = 0.3
"""Share of the images that is validated on."""
Bytes = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Photos:
    """A set in two splits.

    `x`, `xv`: uint8 (images, 3, 32, 32), RGB, of training and validation. `y`, `yv`: int64 (images,), the numbers of
    `classes`. Both splits are in random order.
    """

    x: Bytes
    y: Labels
    xv: Bytes
    yv: Labels
    classes: tuple[str, ...]


def reef(**options: Any) -> Photos:
    """Painted fish; a third of each species, drawn by chance, is validated on."""
    painted = render(Reef(**options), SIZE, workers=1)
    return _split(painted.images, painted.labels, painted.classes)


def fish(first: int, last: int, each: int) -> Photos:
    """Photographs of f4k23: its species from the `first` to before the `last` by frequency, about `each` images."""
    root, rows = datasets._fish()
    names = datasets.names(rows, datasets.Options())[first:last]
    taken: dict[bool, list[tuple[str, int]]] = {False: [], True: []}
    for k, name in enumerate(names):
        mine = sorted((row for row in rows if row[1] == name), key=lambda row: (lot(row[2]), row[0]))[:each]
        groups = list(dict.fromkeys(row[2] for row in mine))
        held = set(groups[: max(1, round(HELD * len(groups)))])
        for path, _name, group in mine:
            taken[group in held].append((path, k))
    (x, y), (xv, yv) = (_photographs(root, taken[held]) for held in (False, True))
    return Photos(x, y, xv, yv, tuple(names))


def digits(each: int) -> Photos:
    """Handwritten digits of 8 x 8 pixels, enlarged fourfold (scikit-learn's copy of the UCI set, Alpaydin 1998)."""
    from sklearn.datasets import load_digits

    known = load_digits()
    rows = np.concatenate([np.flatnonzero(known.target == k)[:each] for k in range(10)])
    small = (known.images[rows] * 15.9375).astype(np.uint8)
    grey = np.stack(
        [np.asarray(Image.fromarray(each).resize((SIZE, SIZE), Image.Resampling.BICUBIC)) for each in small]
    )
    return _split(np.repeat(grey[..., None], 3, axis=3), known.target[rows], tuple(str(k) for k in range(10)))


def shapes(each: int, noise: float = 12.0, seed: int = 0) -> Photos:
    """Discs, squares, triangles, rings, crosses and bars of any colour, place and size on a plain noisy ground."""
    chance = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(SHAPES)), each)
    pictures = np.stack([_shape(chance, list(SHAPES)[k], noise) for k in labels])
    return _split(pictures, labels, tuple(SHAPES))


SHAPES: Mapping[str, Any] = {
    "disc": lambda u, v: u**2 + v**2 < 1,
    "square": lambda u, v: np.maximum(abs(u), abs(v)) < 0.85,
    "triangle": lambda u, v: (v < 0.8) & (v > 2 * abs(u) - 0.9),
    "ring": lambda u, v: (u**2 + v**2 < 1) & (u**2 + v**2 > 0.35),
    "cross": lambda u, v: np.minimum(abs(u), abs(v)) < 0.25,
    "bar": lambda u, v: (abs(v) < 0.3) & (abs(u) < 1),
}


def _shape(chance: np.random.Generator, name: str, noise: float) -> Bytes:
    size = chance.uniform(7, 11)
    cx, cy = SIZE / 2 + chance.uniform(-4, 4, 2)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    u, v = (columns - cx) / size, (rows - cy) / size
    inside = SHAPES[name](u, v) & (np.maximum(abs(u), abs(v)) < 1)
    ground, colour = chance.uniform(0, 120, 3), chance.uniform(140, 255, 3)
    picture = np.where(inside[..., None], colour, ground) + chance.normal(0, noise, (SIZE, SIZE, 3))
    return picture.clip(0, 255).astype(np.uint8)


def _photographs(root: Any, rows: list[tuple[str, int]]) -> tuple[Bytes, Labels]:
    opened = [np.asarray(Image.open(root / path).convert("RGB").resize((SIZE, SIZE))) for path, _k in rows]
    order = np.random.default_rng(0).permutation(len(rows))
    x = np.stack(opened).transpose(0, 3, 1, 2)[order]
    return np.ascontiguousarray(x), np.array([k for _path, k in rows], np.int64)[order]


def _split(pictures: Bytes, labels: Labels, classes: tuple[str, ...]) -> Photos:
    """`pictures`: (images, height, width, 3). Each class gives the same share to validation."""
    order = np.random.default_rng(1).permutation(len(labels))
    x, y = np.ascontiguousarray(pictures[order].transpose(0, 3, 1, 2)), labels[order].astype(np.int64)
    held = np.zeros(len(y), bool)
    for k in range(len(classes)):
        mine = np.flatnonzero(y == k)
        held[mine[: max(1, round(HELD * len(mine)))]] = True
    return Photos(x[~held], y[~held], x[held], y[held], classes)


SETS = {
    "reef6": partial(reef, species=6, n=90, fauna=21, difficulty=0.25),
    "reef10": partial(reef, species=10, n=60, fauna=22, difficulty=0.15),
    "reef2": partial(reef, species=2, n=220, fauna=23, difficulty=0.4),
    "rare": partial(reef, species=5, n=220, fauna=24, difficulty=0.1, imbalance=6.0),
    "reef4": partial(reef, species=4, n=200, fauna=25, difficulty=0.15),
    "fish5": partial(fish, 0, 5, 190),
    "digits": partial(digits, 140),
    "reef5": partial(reef, species=5, n=110, fauna=41, difficulty=0.3),
    "reef12": partial(reef, species=12, n=60, fauna=42, difficulty=0.15),
    "reef23": partial(reef, species=23, n=50, fauna=46, difficulty=0.1),
    "two": partial(reef, species=2, n=200, fauna=43, difficulty=0.3),
    "unequal": partial(reef, species=4, n=260, fauna=44, difficulty=0.1, imbalance=8.0),
    "fish7": partial(fish, 5, 12, 200),
    "shapes": partial(shapes, 200),
}
"""By name. Those from reef5 on are of the locked half: other species, painted by other chance, and other things."""


@cache
def load(name: str) -> Photos:
    """The set of a name."""
    return SETS[name]()


def absent(name: str) -> str | None:
    """Why a set cannot be had here; None where it can."""
    return datasets.absent("f4k23") if name.startswith("fish") else None
