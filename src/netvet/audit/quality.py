"""Which images are blurred, dark, glaring, flat, tiny or oddly shaped, and which classes are so beside the others.

One class against the others: Cliff's delta (1993, https://doi.org/10.1037/0033-2909.114.3.494), the chance that an
image of the class is worse than one of the others less the chance of the opposite, -1..1; with a 99 % interval whose
variance is that of DeLong et al. 1988 (https://doi.org/10.2307/2531595) over groups instead of images, since the
frames of one animal are one observation. That a whole set is blurred or dark does not move it: that is told apart,
by the share of all images beyond a fixed level.

The limit of 0.8: on 4,179 photographs of 23 species as they are, the largest effects are 0.67 (blur) and 0.58
(darkness), in eight rendered species 0.47; a blur of 1 px at 64 px, or half the light, planted in any one of the 23
gives at least 0.98 and 0.97.

A part of a class against its rest and the others: see `netvet.audit.parts`. Looked for in blur and darkness, where
it was planted and its limits were measured; light in stops (log2), of which half the light is one whatever it was.

One image against its class: the distance from the class's median in robust standard deviations (1.4826 x the median
absolute deviation), from 3.5 on (Iglewicz and Hoaglin 1993).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netvet.audit.files import Headers
from netvet.audit.image_stats import ImageStats
from netvet.audit.parts import DISTANCE, EXTREME, VALLEY, cut, usual_spread
from netvet.base.arrays import Floats

LIMIT, LOWEST = 0.8, 0.6  # Cliff's delta, and the lower end of its interval, from which a class is named
FEWEST = 5  # images of a class
DEVIATIONS = 3.5
Z = 2.576
BEYOND = 0.05  # an image of a class that is named counts where it is worse than all but 5 % of the others'
IN_PART = ("blur", "dark")  # kinds in which a part of a class is looked for
# Levels from which a single image counts whatever its class is like; all images beyond them are reported as such.
DARK, FLAT, GLARING, TINY = 0.2, 0.04, 0.25, 32
SMALL = 64  # pixels: what a network is shown by default; a larger picture is not tiny, whatever the others are
RARE = 0.05  # share of the images up to which such levels single images out: more is how the set is


@dataclass(frozen=True)
class QualityEffect:
    """A class that is worse than the others: `kind` as in `measures`, `label` its index, `effect` Cliff's delta with
    its 99 % interval, and the medians of the measure.
    """

    kind: str
    label: int
    effect: float
    low: float
    high: float
    median: float
    others: float


@dataclass(frozen=True)
class ClassPart:
    """A class of which a part is worse than the rest and than the other classes: `kind`, `label` as in `QualityEffect`,
    `count` images of the part that are listed, of `total` in the class; `effect` Cliff's delta of the part against the
    other classes, with its 99 % interval.
    """

    kind: str
    label: int
    count: int
    total: int
    effect: float
    low: float
    high: float


@dataclass(frozen=True)
class Outlier:
    """One image: its `row`, the `kind`, the `value` of the measure, the `class_median`, and the `deviations` in robust
    standard deviations, from its class or, `of_class` (listed because its whole class is named), from the others;
    `of_part` (listed because a part of its class is named), from the rest of its class.
    """

    row: int
    kind: str
    value: float
    class_median: float
    deviations: float
    of_class: bool
    of_part: bool = False


@dataclass(frozen=True)
class Quality:
    """`classes`, `parts` and `outliers`: the worst first. `whole`: kind -> share of all images beyond the level that
    needs no comparison. `effects`: (kind) -> Cliff's delta of every class, nan where it has too few images.
    """

    classes: tuple[QualityEffect, ...]
    outliers: tuple[Outlier, ...]
    whole: Mapping[str, float]
    effects: Mapping[str, Floats]
    parts: tuple[ClassPart, ...] = ()


def measures(looks: ImageStats, files: Headers | None, labels: NDArray[np.int64]) -> dict[str, tuple[Floats, ...]]:
    """Kind -> (n,) measures of which a larger value is worse; a class is judged by the one that shows most."""
    detail, outline = -looks.detail.astype(np.float64), -looks.outline.astype(np.float64)
    found = {
        "dark": (1 - looks.light.astype(np.float64),),
        "flat": (-np.log10(np.maximum(looks.contrast.astype(np.float64), 1e-3)),),
        "glare": (looks.glare.astype(np.float64),),
    }
    if files is not None and (files.side > 0).all():
        small = -np.log2(files.side)
        found["tiny"] = (small,)
        shape = np.log2(files.width / files.height)
        found["shape"] = (np.abs(shape - np.median(shape)),)
        detail, outline = (_without(part, small, labels) for part in (detail, outline))
    return {"blur": (detail, outline), **found}


def assess(
    looks: ImageStats, files: Headers | None, labels: NDArray[np.int64], groups: NDArray[np.str_] | None
) -> Quality:
    """Compare classes with one another, and images with their class."""
    member = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1]
    known = measures(looks, files, labels)
    named: list[QualityEffect] = []
    parts: list[ClassPart] = []
    outliers: dict[tuple[int, str], Outlier] = {}
    effects: dict[str, Floats] = {}
    for kind, columns in known.items():
        table = [by_class(column, labels, member) for column in columns]
        effects[kind] = np.nanmax(np.array([[cell[0] for cell in row] for row in table]), axis=0, initial=-1)
        ill: set[int] = set()
        for column, row in zip(columns, table, strict=True):
            for k, (delta, low, high) in enumerate(row):
                if kind != "shape" and delta >= LIMIT and low >= LOWEST and k not in ill:
                    ill.add(k)
                    mine = labels == k
                    medians = float(np.median(column[mine])), float(np.median(column[~mine]))
                    named.append(QualityEffect(kind, k, delta, low, high, *medians))
                    beyond = np.quantile(column[~mine], 1 - BEYOND)
                    for image in np.flatnonzero(mine & (column > beyond)).tolist():
                        outliers[image, kind] = _outlier(image, kind, column, medians[0], medians[1], of_class=True)
        for part, rows, column in _parts(kind, columns, labels, member, ill):
            parts.append(part)
            mine = np.flatnonzero(labels == part.label)
            middle, rest = float(np.median(column[mine])), float(np.median(column[np.setdiff1d(mine, rows)]))
            for image in rows.tolist():
                outliers[image, kind] = _outlier(image, kind, column, middle, rest, of_class=False, of_part=True)
        for column in columns:
            for image in _far(kind, column, looks, files, labels):
                median = float(np.median(column[labels == labels[image]]))
                outliers.setdefault((image, kind), _outlier(image, kind, column, median, median, of_class=False))
    return Quality(
        classes=tuple(sorted(named, key=lambda each: -each.effect)),
        outliers=tuple(sorted(outliers.values(), key=lambda each: (-each.of_class, -each.deviations))),
        whole=_whole(looks, files),
        effects=effects,
        parts=tuple(sorted(parts, key=lambda each: -each.effect)),
    )


def effect(column: Floats, mine: NDArray[np.bool_], member: NDArray[np.int64]) -> tuple[float, float, float]:
    """Cliff's delta of the images `mine` against the others, with its 99 % interval; nan where there are too few.

    `member`: (n,) number of the group of each image.
    """
    here, there = column[mine], column[~mine]
    if len(here) < FEWEST or len(there) < FEWEST:
        return float("nan"), float("nan"), float("nan")
    up, down = _placements(here, there), -_placements(there, here)
    delta = float(up.mean())
    variance = _variance(up, member[mine]) + _variance(down, member[~mine])
    half = Z * float(np.sqrt(variance))
    return delta, max(-1.0, delta - half), min(1.0, delta + half)


def by_class(column: Floats, labels: NDArray[np.int64], member: NDArray[np.int64]) -> list[tuple[float, float, float]]:
    """Of each class, by index: its `effect` against the others. Classes that are poor together do not hide one another:
    where several, and not more than half, have an effect of `LOWEST` or more, each is held against the sound ones.
    """
    classes = range(int(labels.max()) + 1)
    found = [effect(column, labels == k, member) for k in classes]
    poor = [k for k in classes if found[k][0] >= LOWEST]
    if 2 <= len(poor) <= len(np.unique(labels)) / 2:
        for k in poor:
            kept = (labels == k) | ~np.isin(labels, poor)
            found[k] = effect(column[kept], labels[kept] == k, member[kept])
    return found


def _placements(values: Floats, others: Floats) -> Floats:
    """For each value: the share of the others below it less the share above it."""
    ordered = np.sort(others)
    below, upto = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return np.asarray((below + upto) / len(others) - 1, np.float64)


def _variance(placements: Floats, member: NDArray[np.int64]) -> float:
    """Of the mean of the placements, over groups; with one group alone, over images."""
    number = np.unique(member, return_inverse=True)[1]
    count = int(number.max()) + 1
    if count < 2:
        number, count = np.arange(len(placements)), len(placements)
    sums = np.bincount(number, weights=placements - placements.mean(), minlength=count)
    return float((sums**2).sum() / len(placements) ** 2 * count / (count - 1))


def _without(column: Floats, small: Floats, labels: NDArray[np.int64]) -> Floats:
    """The measure less what the size of the file explains within classes: an enlarged small picture is no blurred one.

    The slope is taken within classes, so that a class that is blurred *and* small is not excused.
    """
    x, y = small.copy(), column.copy()
    for k in np.unique(labels):
        mine = labels == k
        x[mine] -= np.median(small[mine])
        y[mine] -= np.median(column[mine])
    spread = float((x**2).sum())
    slope = float((x * y).sum()) / spread if spread > 0 else 0.0
    return np.asarray(column - slope * (small - np.median(small)), np.float64)


def _parts(
    kind: str, columns: tuple[Floats, ...], labels: NDArray[np.int64], member: NDArray[np.int64], ill: set[int]
) -> Iterator[tuple[ClassPart, NDArray[np.int64], Floats]]:
    """Of the classes that are not `ill` as a whole: the worse part, its rows, and the measure that shows it best."""
    if kind not in IN_PART:
        return
    scales = [-np.log2(np.maximum(1 - column, 1e-3)) if kind == "dark" else column for column in columns]
    usual = [usual_spread(scale, labels) for scale in scales]
    for k in np.setdiff1d(np.unique(labels), list(ill)).tolist():
        mine = np.flatnonzero(labels == k)
        best: tuple[float, ClassPart, NDArray[np.int64], Floats] | None = None
        for column, scale, spread in zip(columns, scales, usual, strict=True):
            found = cut(scale[mine], member[mine])
            if found is None or found.distance < DISTANCE * spread or (best and found.valley <= best[0]):
                continue
            seen = labels != k
            seen[mine[found.worse]] = True
            delta, low, high = effect(column[seen], labels[seen] == k, member[seen])
            if delta >= LIMIT and low >= LOWEST and (found.valley >= VALLEY or delta >= EXTREME):
                rows = mine[found.worse & (column[mine] > np.quantile(column[labels != k], 1 - BEYOND))]
                best = found.valley, ClassPart(kind, k, len(rows), len(mine), delta, low, high), rows, column
        if best:
            yield best[1:]


def _far(kind: str, column: Floats, looks: ImageStats, files: Headers | None, labels: NDArray[np.int64]) -> list[int]:
    """Images far beyond their class, and beyond all but 1 % of the set: what is odd for its class alone is no fault."""
    spread = 1.4826 * float(np.median(np.abs(column - np.median(column))))
    far = np.zeros(len(column), np.bool_)
    if kind == "shape":  # a long fish on a long picture: no fault of it
        return []
    for k in np.unique(labels):
        mine = np.flatnonzero(labels == k)
        middle = np.median(column[mine])
        own = max(1.4826 * float(np.median(np.abs(column[mine] - middle))), spread / 2, 1e-3)
        far[mine] = (column[mine] - middle) / own > DEVIATIONS
    far &= column >= np.quantile(column, 0.99)
    level = {"dark": looks.light < DARK, "flat": looks.contrast < FLAT, "glare": looks.glare > GLARING}.get(kind)
    if kind == "tiny" and files is not None:
        level, far = files.side < TINY, far & (files.side < SMALL)
    if kind == "dark":
        far &= looks.light < 2 * DARK
    if kind == "flat":
        far &= looks.contrast < 2 * FLAT
    if kind == "glare":  # most images have none at all: a trace of it is far from the median and no fault
        far &= looks.glare > GLARING / 5
    if level is not None and level.mean() < RARE:
        far |= level
    return [int(row) for row in np.flatnonzero(far)]


def _outlier(
    row: int, kind: str, column: Floats, median: float, origin: float, *, of_class: bool, of_part: bool = False
) -> Outlier:
    spread = 1.4826 * float(np.median(np.abs(column - np.median(column))))
    spread = max(spread if spread > 1e-2 else float(column.std()), 1e-3)  # most are the same: the median says nothing
    return Outlier(row, kind, float(column[row]), median, float((column[row] - origin) / spread), of_class, of_part)


def _whole(looks: ImageStats, files: Headers | None) -> dict[str, float]:
    """Kind -> share of all images beyond the level that needs no comparison."""
    shares = {
        "dark": float((looks.light < DARK).mean()),
        "flat": float((looks.contrast < FLAT).mean()),
        "glare": float((looks.glare > GLARING).mean()),
    }
    if files is not None:
        shares["tiny"] = float((files.side < TINY).mean())
    return shares
