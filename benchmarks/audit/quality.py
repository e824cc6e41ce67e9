"""Blur and darkness planted in one species of the photographs, in each of them in turn: what the quality audit finds.

Planted at 128 px, where `netvet inspect` measures: a Gaussian blur, its standard deviation given in pixels of the 64 px
picture, or the light multiplied by a factor. In *all* images of the species, in *half* of them, drawn by chance, or in
half of its *trajectories*, in all images of each. `named`: in how many species the class was named, as a whole or as
one of which a part is so; `others_named`: how often another one was. Precision and recall are of the images that are
listed for that kind of fault (`Quality.outliers`), over all species together, and in the median species; of a half, the
other half of the species counts as found wrongly.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from benchmarks.audit.photographs import SIZE, photographs
from netvet.audit import files, quality
from netvet.audit.image_stats import BLOCK, ImageStats, look

STRENGTHS = {"blur": (0.5, 0.75, 1.0, 1.5, 2.0), "dark": (0.7, 0.6, 0.5, 0.4, 0.3, 0.2)}
PLANTED = ("all", "half", "trajectories")


def spoil(images: NDArray[np.uint8], kind: str, strength: float) -> NDArray[np.uint8]:
    """(n, size, size, 3), blurred or darkened."""
    if kind == "dark":
        return np.asarray(np.rint(images * np.float32(strength)), np.uint8)
    sigma = strength * images.shape[1] / 64
    found = np.empty(images.shape, np.uint8)
    for at in range(0, len(images), BLOCK):
        part = images[at : at + BLOCK].astype(np.float32)
        found[at : at + BLOCK] = np.rint(gaussian_filter(part, (0, sigma, sigma, 0)))
    return found


def put(looks: ImageStats, rows: NDArray[np.int64], new: ImageStats) -> ImageStats:
    """The looks with those of some rows replaced; `new` has a row for every image."""
    columns = {each.name: getattr(looks, each.name).copy() for each in fields(ImageStats)}
    for name, column in columns.items():
        column[rows] = getattr(new, name)[rows]
    return replace(looks, **columns)


def chosen(
    rows: NDArray[np.int64], planted: str, member: NDArray[np.int64], random: np.random.Generator
) -> NDArray[np.int64]:
    """The rows of a class that are spoilt. `member`: (n,) the number of the trajectory of each image."""
    if planted == "all":
        return rows
    if planted == "half":
        return random.choice(rows, max(1, round(len(rows) / 2)), replace=False)
    tracks = np.unique(member[rows])
    return rows[np.isin(member[rows], random.choice(tracks, max(1, round(len(tracks) / 2)), replace=False))]


def measure(data: str) -> dict[str, Any]:
    """Kind -> strength -> what it was planted in -> what was found."""
    images = photographs(data)
    headers = files.headers(data, images.paths)
    pixels, labels = np.asarray(images.images), images.labels
    plain = look(pixels)
    nothing = quality.assess(plain, headers, labels, images.known_groups)
    out: dict[str, Any] = {
        "images": len(labels),
        "classes": len(images.classes),
        "pixels": SIZE,
        "unspoilt": {
            kind: {
                "named": len(_named(nothing, kind)),
                "listed": sum(each.kind == kind for each in nothing.outliers),
            }
            for kind in STRENGTHS
        },
    }
    for kind, strengths in STRENGTHS.items():
        for strength in strengths:
            spoilt = look(spoil(pixels, kind, strength))
            for name in PLANTED:
                found = _each_class(kind, name, plain, spoilt, labels, headers, images.known_groups)
                out.setdefault(kind, {}).setdefault(str(strength), {})[name] = found
    return out


def _each_class(
    kind: str,
    planted_in: str,
    plain: ImageStats,
    spoilt: ImageStats,
    labels: NDArray[np.int64],
    headers: files.Headers | None,
    groups: NDArray[np.str_] | None,
) -> dict[str, float]:
    random = np.random.default_rng(0)
    member = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1]
    named = other = hits = listed = planted = 0
    precision, recall = [], []
    classes = np.unique(labels).tolist()
    for k in classes:
        rows = chosen(np.flatnonzero(labels == k), planted_in, member, random)
        found = quality.assess(put(plain, rows, spoilt), headers, labels, groups)
        blamed = _named(found, kind)
        named, other = named + (k in blamed), other + len(blamed - {k})
        mine = {each.row for each in found.outliers if each.kind == kind}
        hit = len(mine & set(rows.tolist()))
        hits, listed, planted = hits + hit, listed + len(mine), planted + len(rows)
        precision.append(hit / max(1, len(mine)))
        recall.append(hit / len(rows))
    return {
        "named": named,
        "others_named": other,
        "precision": round(hits / max(1, listed), 3),
        "recall": round(hits / planted, 3),
        "median_precision": round(float(np.median(precision)), 3),
        "median_recall": round(float(np.median(recall)), 3),
        "least_recall": round(float(np.min(recall)), 3),
    }


def _named(found: quality.Quality, kind: str) -> set[int]:
    """The classes that are named for a kind, as a whole or in part."""
    whole = {each.label for each in found.classes if each.kind == kind}
    return whole | {each.label for each in found.parts if each.kind == kind}


def text(found: dict[str, Any]) -> list[str]:
    """A table."""
    lines = [
        f"Quality: planted in each of {found['classes']} species in turn, {found['images']:,} photographs; unspoilt: "
        + ", ".join(f"{kind} {r['named']} named, {r['listed']} listed" for kind, r in found["unspoilt"].items()),
        f"{'':<6}{'strength':>9}{'planted in':>14}{'named':>7}{'others':>8}{'precision':>11}{'recall':>8}"
        f"{'in the median species':>23}{'least recall':>14}",
    ]
    for kind in STRENGTHS:
        for strength, by_share in found[kind].items():
            for share, r in by_share.items():
                lines.append(
                    f"{kind:<6}{strength:>9}{share:>14}{r['named']:>7}{r['others_named']:>8}{r['precision']:>11.3f}"
                    f"{r['recall']:>8.3f}{r['median_precision']:>15.3f}{r['median_recall']:>8.3f}"
                    f"{r['least_recall']:>14.3f}"
                )
    return lines
