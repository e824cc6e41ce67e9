r"""Groups that the names of files tell of: proposed, never assumed.

Frames of one video, crops of one photograph and views of one specimen are named alike up to a point:
`20190612_video14_fish29_frame2265.png`. Cuts of the names are tried (after each folder, after a word and its number,
after a date, before the last fields, after the first), and a cut is a proposal where what stands before it repeats:

- at least `SHARED` of the images have a sibling, of their class too. Of 50 images whose names begin with a random
  number below 1,000, 5 % have one;
- no group has half of the images, and most classes have `FEWEST` groups, so that they can be dealt out at all;
- it is not the label once more, as in `Esox_lucius_0012.jpg`;
- it holds a number, or is a folder, or is a word that several classes share: titles of photographs repeat words, too;
- its images are of one class more often than chance has it, or it says so of many images and its groups are not small:
  random numbers repeat by chance. Dates are none.

What files tell themselves (`exif:`) is held to the same. The limits are set on `SET` and `HELD` of
tests/images/naming.py, 37 ways to name files, and measured on `LAST`, 20 others: in 56 of 60 drawn sets what is
proposed first tears no group apart and is one of the true levels, or nothing is proposed where there is nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netvet.images.names import DEFAULT, Kind, candidates, cuts_a_moment, given

Ints = NDArray[np.int64]

SHARED, LARGEST, FEWEST, SMALL, MANY = 0.1, 0.5, 3, 2.5, 0.4
CALLED = 0.05  # share of the images that may have a group called as cameras call any file
MOST = 8_000  # images whose names are looked at: of each class as many
ENOUGH = 6  # groups of a class that split well: about one each for validation and test at 15 %
VIEWS = 12  # a cut before so few different endings stands before views (dorsal, lateral), not before a count


@dataclass(frozen=True, eq=False)
class Proposal:
    """Groups that may be meant.

    Attributes:
        by: what `data.group` and `--group` take: a regular expression, or `exif:...`.
        kind: what they are, as far as the words tell.
        member: (n,) number of the group of each image.
        groups: how many there are, those of a single image among them.
        sizes: images of the smallest, the median and the largest.
        spanning: how many hold images of several classes.
        classes: (classes,) groups of each class, in the order of the sorted labels.
        example: the path of an image of the largest group, and what that group is called.
    """

    by: str
    kind: Kind
    member: Ints
    groups: int
    sizes: tuple[int, int, int]
    spanning: int
    classes: Ints
    example: tuple[str, str]


def keys_by(pattern: re.Pattern[str], paths: Sequence[str]) -> list[str]:
    """What the groups of a pattern find in each path, joined by `/`; "" where it finds nothing.

    >>> keys_by(re.compile("_(fish[0-9]+)_"), ["roach/a_fish29_frame3.png", "roach/b.png"])
    ['fish29', '']
    """
    found = (pattern.search(path) for path in paths)
    return ["" if each is None else "/".join(part for part in each.groups() if part) for each in found]


def propose(paths: Sequence[str], labels: Sequence[str]) -> tuple[Proposal, ...]:
    """What the names of images say of groups, the fewest groups first; () where they say nothing."""
    names, label = np.unique(np.asarray(labels, np.str_), return_inverse=True)
    if len(names) < 2:
        return ()
    rows = _looked_at(label)
    some, theirs = [paths[row] for row in rows.tolist()], label[rows]
    found: list[Proposal] = []
    for pattern, kind in candidates(some, theirs):
        keys = keys_by(re.compile(pattern), some)
        if cuts_a_moment(pattern, some) or not plausible(keys, theirs, dated=kind == "day"):
            continue
        if pattern.endswith("/") or not _worded(keys) or _named_after_a_place(pattern, keys, some, theirs):
            found.append(_apart(pattern, kind, paths, label))
    return distinct(found)


def distinct(proposals: Sequence[Proposal]) -> tuple[Proposal, ...]:
    """Without those that say what an earlier one says; the fewest groups first."""
    kept: list[Proposal] = []
    for each in proposals:
        if not any(alike(each.member, other.member) for other in kept):
            kept.append(each)
    return tuple(sorted(kept, key=lambda each: each.groups))


def recommended(proposals: Sequence[Proposal]) -> Proposal | None:
    """The one to split by: the fewest groups of which the classes still have enough; otherwise the most groups."""
    enough = [
        each for each in proposals if np.median(each.classes) >= ENOUGH and np.mean(each.classes >= FEWEST) >= 0.9
    ]
    return min(enough, key=lambda each: each.groups) if enough else max(proposals, key=lambda p: p.groups, default=None)


def measured(by: str, kind: Kind, keys: Sequence[str], paths: Sequence[str], label: Ints) -> Proposal:
    """A proposal from the key of each image; one without a key is a group by itself."""
    member = numbered([key or f"\0{path}" for key, path in zip(keys, paths, strict=True)])
    sizes = np.bincount(member)
    pairs = np.unique(np.stack([member, label]), axis=1)
    at = int(np.argmax(np.where([bool(key) for key in keys], sizes[member], 0)))
    return Proposal(
        by=by,
        kind=kind,
        member=member,
        groups=len(sizes),
        sizes=(int(sizes.min()), int(np.median(sizes)), int(sizes.max())),
        spanning=int((np.bincount(pairs[0], minlength=len(sizes)) > 1).sum()),
        classes=np.bincount(pairs[1], minlength=int(label.max()) + 1),
        example=(paths[at], keys[at]),
    )


def numbered(keys: Sequence[str]) -> Ints:
    """(n,) a number for each key, from 0, in the order in which they come."""
    number: dict[str, int] = {}
    return np.array([number.setdefault(key, len(number)) for key in keys], np.int64)


def plausible(keys: Sequence[str], label: Ints, *, dated: bool) -> bool:
    """Whether groups are what the module asks for. `keys`: of each image, "" where it has none. `dated`: they are
    dates.
    """
    has = np.array([bool(key) for key in keys])
    if has.mean() < SHARED:
        return False
    mine, kept = label[has], [key for key in keys if key]
    member = numbered(kept)
    sizes = np.bincount(member)
    both, pair, shared = np.unique(np.stack([member, mine]), axis=1, return_inverse=True, return_counts=True)
    siblings = int((shared[pair.ravel()] > 1).sum())
    if siblings < SHARED * len(label) or sizes.max() > LARGEST * len(label):
        return False
    if np.median(np.bincount(both[1], minlength=int(label.max()) + 1)) < FEWEST or given(kept, mine):
        return False
    if sum(key.strip("-_. ()").lower() in DEFAULT for key in kept) > CALLED * len(label):
        return False
    many = len(kept) >= SMALL * len(sizes) and len(kept) >= MANY * len(label)
    return dated or many or _of_one_class(sizes, shared, mine)


def alike(one: Ints, other: Ints) -> bool:
    """Whether two groupings put the same images together, but for 2 in 100."""
    if abs(int(one.max()) - int(other.max())) > 0.02 * len(one):
        return False
    pairs, counts = np.unique(np.stack([one, other]), axis=1, return_counts=True)
    together = []
    for numbers in pairs:
        most = np.zeros(int(numbers.max()) + 1, np.int64)
        np.maximum.at(most, numbers, counts)
        together.append(int(most.sum()))
    return min(together) >= 0.98 * len(one)


def _looked_at(label: Ints) -> Ints:
    """Rows of about `MOST` images: of each class the first, so that siblings, which follow one another, are kept."""
    if len(label) <= MOST:
        return np.arange(len(label))
    each = max(100, MOST // len(np.unique(label)))
    return np.sort(np.concatenate([np.flatnonzero(label == k)[:each] for k in np.unique(label)]))


def _worded(keys: Sequence[str]) -> bool:
    """Whether most groups are called by words alone, without a number."""
    return bool(np.mean([not any(map(str.isdigit, key)) for key in keys if key]) > 0.5)


def _named_after_a_place(pattern: str, keys: Sequence[str], paths: Sequence[str], label: Ints) -> bool:
    """Whether words before a number name something that several classes have in common, in nearly all names, and not
    what a camera or a browser calls any file, nor what a picture shows.
    """
    words = [word for key in set(keys) for word in re.findall("[a-z]+", key.lower())]
    if np.mean([bool(key) for key in keys]) < 0.9 or sum(word in DEFAULT for word in words) > 0.2 * len(words):
        return False
    numbers = [not any(map(str.isalpha, rest)) for rest in _rests(pattern, paths)]
    pairs = np.unique(np.stack([numbered(keys), label]), axis=1)
    return bool(np.mean(numbers) >= 0.9 and np.mean(np.bincount(pairs[0]) > 1) >= 0.5)


def _rests(pattern: str, paths: Sequence[str]) -> list[str]:
    """What stands after the cut in each name that has it, without the file's ending."""
    matches = map(re.compile(pattern).search, paths)
    return [match.string[match.end(1) :].rpartition(".")[0] for match in matches if match is not None]


def _of_one_class(sizes: Ints, shared: Ints, label: Ints) -> bool:
    """Whether pairs of siblings are of one class twice as often as any two images are, or as nearly always as can
    be.
    """
    pairs, same = (sizes * (sizes - 1)).sum(), (shared * (shared - 1)).sum()
    chance = float(((np.bincount(label) / len(label)) ** 2).sum())
    return bool(same >= min(2 * chance, (1 + chance) / 2) * pairs)


def _apart(pattern: str, kind: Kind, paths: Sequence[str], label: Ints) -> Proposal:
    """The proposal of a pattern; with the class's folder in the group where each class counts its images anew."""
    made = measured(pattern, kind, keys_by(re.compile(pattern), paths), paths, label)
    lead = re.match(r"\^((?:\[\^/\]\+/)+)\(", pattern)
    if lead is None or made.spanning <= made.groups / 2 or not _views(set(_rests(pattern, paths))):
        return made
    wider = f"^({lead[1]}{pattern[lead.end() :]}"
    return measured(wider, kind, keys_by(re.compile(wider), paths), paths, label)


def _views(endings: set[str]) -> bool:
    return len(endings) <= VIEWS and sum(any(map(str.isalpha, each)) for each in endings) > len(endings) / 2
