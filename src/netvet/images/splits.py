"""Splits into train, val and test: stratified by class, and no group in two of them.

scikit-learn's `StratifiedGroupKFold` makes k equal folds and does not promise each class a group in each of them,
which matters where a class has five groups of very different sizes. Here each class is dealt out by itself, those
with the fewest groups first: a group goes where it brings a split nearer to its share, and a class with enough groups
is given one in train, then in val, then in test. Of several orders of dealing the one is kept in which val and test
come nearest to their share of the images *and* of the groups: a val split of many small groups would leave training
with the few large ones, and each would be unlike the other.

The order of dealing is a hash of seed and group name, not a random permutation: the order of the input does not
matter, and adding or leaving out an image leaves most others where they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from netvet.locale import _, ngettext

TRAIN, VAL, TEST = 0, 1, 2
NAMES = ("train", "val", "test")

_DEALS = 60  # orders tried a class; the cheapest is kept
_GROUPS = 0.5  # weight of a share of groups that is off, beside a share of images that is off
_SHOWN = 6  # names in a sentence
_CHEAP = 0.02  # an order at this price or below is taken at once


def assign(
    labels: NDArray[np.int64], groups: Sequence[str], *, val: float, test: float, seed: int = 0
) -> NDArray[np.int8]:
    """The split of each image: (n,) of `TRAIN`, `VAL`, `TEST`.

    Args:
        labels: class of each image, (n,).
        groups: group of each image, n names; where images are independent, a name of its own for each (the path).
        val: share of each class's images for val, 0..1; 0 makes none.
        test: share for test; val + test < 1.
        seed: another seed deals another split.

    A group that spans classes counts for each of them and stays whole; shares may then be farther off.
    """
    names, member = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)
    shuffle = np.array([_hash(seed, name) for name in names.tolist()], dtype=np.uint64)
    pairs, sizes = np.unique(np.stack([labels, member]), axis=1, return_counts=True)
    bounds = np.flatnonzero(np.diff(pairs[0])) + 1
    classes = list(zip(np.split(pairs[1], bounds), np.split(sizes, bounds), strict=True))
    part = np.full(len(names), -1, dtype=np.int8)
    for own, size in sorted(classes, key=lambda each: (len(each[0]), int(each[1].sum()), str(names[each[0][0]]))):
        part[own] = _deal(size.tolist(), part[own], shuffle[own], (1 - val - test, val, test))
    for own, size in classes:  # a class whose groups all went elsewhere with another class: train comes first
        if not (part[own] == TRAIN).any():
            part[own[np.argmax(size)]] = TRAIN
    return part[member]


def _hash(seed: int, name: str) -> int:
    data = f"{seed}\0{name}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big")


def _deal(
    sizes: list[int], part: NDArray[np.int8], shuffle: NDArray[np.uint64], shares: tuple[float, float, float]
) -> NDArray[np.int8]:
    """The parts of one class's groups; those that are not -1 stay."""
    free = np.flatnonzero(part < 0)
    if not len(free):
        return part
    total = sum(sizes)
    targets = [share * total for share in shares]
    best, best_price = part, np.inf
    for deal in range(_DEALS):
        # an odd factor permutes the 64-bit numbers: the first order is the hash's own
        order = free[np.argsort(shuffle[free] * np.uint64(1 + 0x9E3779B97F4A7C14 * deal % 2**64), kind="stable")]
        dealt = _deal_once(sizes, part.tolist(), order.tolist(), targets)
        have = np.bincount(dealt, weights=sizes, minlength=3)
        groups = np.bincount(dealt, minlength=3) / len(sizes)
        price = float(np.abs(have - targets)[1:].max()) / total + _GROUPS * float(np.abs(groups - shares)[1:].max())
        if price < best_price:
            best, best_price = np.array(dealt, dtype=np.int8), price
        if price <= _CHEAP:
            break
    return best


def _deal_once(sizes: list[int], part: list[int], order: list[int], targets: list[float]) -> list[int]:
    have, count = [0, 0, 0], [0, 0, 0]
    for index, where in enumerate(part):
        if where >= 0:
            have[where] += sizes[index]
            count[where] += 1
    for index in order:
        size = sizes[index]
        # into val or test only where that brings it nearer to its share than leaving the group out
        where = next((k for k in (VAL, TEST) if have[k] + size / 2 < targets[k]), TRAIN)
        part[index] = where
        have[where] += size
        count[where] += 1
    for wanted in (TRAIN, VAL, TEST):
        if count[wanted] or targets[wanted] <= 0:
            continue
        donors = [k for k in (TRAIN, VAL, TEST) if count[k] > 1 or (k > wanted and count[k])]
        movable = [index for index in order if part[index] in donors]
        if movable:
            moved = min(movable, key=lambda index: abs(sizes[index] - targets[wanted]))
            count[part[moved]] -= 1
            part[moved] = wanted
            count[wanted] += 1
    return part


def torn(groups: Sequence[str], split: NDArray[np.int8]) -> list[str]:
    """The groups that have images in more than one split, sorted."""
    names, member = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)
    low, high = np.full(len(names), 3, np.int8), np.full(len(names), -1, np.int8)
    np.minimum.at(low, member, split)
    np.maximum.at(high, member, split)
    return [str(name) for name in names[low != high]]


def shortages(
    classes: Sequence[str],
    labels: NDArray[np.int64],
    groups: NDArray[np.str_] | None,
    split: NDArray[np.int8],
    *,
    val: bool = True,
    test: bool = True,
) -> list[str]:
    """A sentence for each class that is not in every split that is wanted (train always is)."""
    notes = []
    wanted = [TRAIN, *([VAL] if val else []), *([TEST] if test else [])]
    table = np.zeros((len(classes), 3), dtype=np.int64)
    np.add.at(table, (labels, split), 1)
    for index, name in enumerate(classes):
        absent = [NAMES[k] for k in wanted if not table[index, k]]
        if not absent:
            continue
        if groups is None:
            count = int(table[index].sum())
            sentence = ngettext(
                "The class {name} has {n} image: none is in {splits}.",
                "The class {name} has {n} images: none is in {splits}.",
                count,
            )
        else:
            count = len(np.unique(groups[labels == index]))
            sentence = ngettext(
                "The class {name} has {n} group: none is in {splits}.",
                "The class {name} has {n} groups: none is in {splits}.",
                count,
            )
        notes.append(sentence.format(name=name, n=count, splits=_(" and ").join(absent)))
    return notes


def group_counts(
    labels: NDArray[np.int64], groups: NDArray[np.str_], split: NDArray[np.int8], classes: int
) -> NDArray[np.int64]:
    """(classes, 3): how many groups each class has in train, val and test."""
    member = np.unique(groups, return_inverse=True)[1]
    inside = split >= 0
    each = np.unique(np.stack([labels[inside], split[inside].astype(np.int64), member[inside]]), axis=1)
    table = np.zeros((classes, 3), np.int64)
    np.add.at(table, (each[0], each[1]), 1)
    return table


def alone(
    classes: Sequence[str], labels: NDArray[np.int64], groups: NDArray[np.str_], split: NDArray[np.int8]
) -> list[str]:
    """A sentence on the classes whose validation images are all of one group."""
    counts, images = group_counts(labels, groups, split, len(classes))[:, VAL], np.zeros(len(classes), np.int64)
    np.add.at(images, labels[split == VAL], 1)
    names = [name for name, count, n in zip(classes, counts.tolist(), images.tolist(), strict=True) if count == 1 < n]
    if not names:
        return []
    text = ngettext(
        "{name} has 1 group in validation: its images there count as one, too few to judge the class by.",
        "{n} classes have 1 group in validation: the images of such a class count as one, too few to judge it by: "
        "{name}.",
        len(names),
    )
    shown = ", ".join(names[:_SHOWN]) + (_(" and {n} more").format(n=len(names) - _SHOWN) if names[_SHOWN:] else "")
    return [text.format(n=len(names), name=shown)]
