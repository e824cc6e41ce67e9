"""Where names of files may be cut so that what stands before the cut names a group: patterns to be tried, no more.

A folder, a date, a word and its number, all but the last fields, the first fields. What looks like a hash has no words:
of 40 hexadecimal digits one in three is followed by a number.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from netvet.images.splits import NAMES

OFTEN = 0.2  # share of the names that have a word before a word is tried
COMMON = 0.05  # share of the names from which on the form of a part of them is no accident
ONCE_MORE = 0.7  # share of the images of which a part of the path says the label: up to 30 % of labels may be wrong

Kind = Literal["video", "track", "site", "day", "camera", "specimen", "photo", "event", "place", "group"]

_FIELD, _BREAK = r"[^-_. ()/]+", r"[-_. ()]+"
_DATE = r"(?:19|20)\d\d[-_.]?(?:0[1-9]|1[0-2])[-_.]?(?:0[1-9]|[12]\d|3[01])"
_MOMENT = re.compile(rf"(?<!\d){_DATE}(?P<clock>[-_ T.]*\d\d[-_.:h]?\d\d(?:[-_.:m]?\d\d(?:\d\d\d)?s?)?)?(?!\d)")
_FORM = re.compile(r"\d+")
_WORD = re.compile(r"(?<![A-Za-z])([A-Za-z]+)([-_ ]?)\d+")
DEFAULT = frozenset(
    [
        "image",
        "images",
        "img",
        "download",
        "downloads",
        "photo",
        "photos",
        "pic",
        "picture",
        "pict",
        "unnamed",
        "untitled",
        "untitleddesign",
        "file",
        "dsc",
        "dscn",
        "dscf",
        "dji",
        "gopr",
        "frame",
        "screenshot",
        "scan",
        "maxresdefault",
        "hqdefault",
        "thumb",
        "thumbnail",
        "crop",
        "copy",
        "p",
        "px",
    ]
)
_CALLED: dict[Kind, str] = {
    "video": "video vid clip movie film sequence seq mot gh gx gp gopr",
    "track": "track trajectory traj fish id animal individual ind tag",
    "site": "site station loc location plot transect reef lake drop haul",
    "camera": "cam camera ct",
    "specimen": "specimen sample slide cat usnm mcz obs observation",
    "photo": "photo img dsc dscn dji pict image",
}
_KINDS: dict[str, Kind] = {word: kind for kind, words in _CALLED.items() for word in words.split()}


def candidates(paths: Sequence[str], label: NDArray[np.int64]) -> Iterator[tuple[str, Kind]]:
    """Patterns with one group, the readable ones first, and what they may stand for."""
    folders = [path.split("/")[:-1] for path in paths]
    open_ = _open_folders(folders, label)
    depth = max(map(len, folders))
    lead = open_[0] if open_ else depth
    start = f"^{'[^/]+/' * lead}"
    for i in open_:
        yield "^" + "[^/]+/" * i + "([^/]+)/", _kind_of([parts[i] for parts in folders if len(parts) > i])
        if i > lead:
            yield f"{start}({'[^/]+/' * (i - lead)}[^/]+)/", "group"
    yield from _cuts(start, [path.rpartition("/")[2].rpartition(".")[0] for path in paths])


def _open_folders(folders: Sequence[Sequence[str]], label: NDArray[np.int64]) -> list[int]:
    """The levels of folders that say more than the label or the split."""
    levels = ([parts[i] if i < len(parts) else "" for parts in folders] for i in range(max(map(len, folders))))
    return [i for i, values in enumerate(levels) if not given(values, label)]


def _cuts(start: str, names: Sequence[str]) -> Iterator[tuple[str, Kind]]:
    moments = [match[0] for name in names if (match := _MOMENT.search(name))]
    if len(moments) >= len(names) / 2:
        between = Counter("" if moment[4].isdigit() else moment[4] for moment in moments).most_common(1)[0][0]
        date = rf"(?<!\d)20\d\d{re.escape(between)}\d\d{re.escape(between)}\d\d"
        yield rf"{start}.*?({date})", "day"
        yield rf"{start}(.*?{date})", "day"
    for word, between in _words(names):
        edge = r"(?<![A-Za-z])" if len(word) == 1 else ""
        yield rf"{start}(.*?{edge}{word}{between}\d+)", _KINDS.get(word.lower(), "group")
    for k in range(1, 6):
        last = f"(?:{_BREAK}{_FIELD}){{{k}}}" if k > 1 else f"{_BREAK}{_FIELD}"
        yield rf"{start}(.+?){last}[)]?\.\w+$", "group"
    for k in range(1, 5):
        first = f"(?:{_FIELD}{_BREAK}){{{k - 1}}}" if k > 1 else ""
        yield rf"{start}({first}{_FIELD}){_BREAK}{_FIELD}.*\.\w+$", "group"


def _words(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Words that numbers follow in many names, in the order in which they stand there, and what is between the two."""
    parts = [[_FORM.sub("#", part) for part in re.split(_BREAK, name) if part] for name in names]
    forms = Counter(form for each in parts for form in set(each))
    usual = {form for form, count in forms.items() if count >= COMMON * len(names)}
    found: dict[str, list[int]] = {}
    between: dict[str, set[str]] = {}
    for name, each in zip(names, parts, strict=True):
        if sum(form in usual for form in each) < len(each) / 2:
            continue  # a hash, or a title
        for match in _WORD.finditer(name):
            found.setdefault(match[1], []).append(match.start())
            between.setdefault(match[1], set()).add(match[2])
    often = [word for word, at in found.items() if len(at) >= OFTEN * len(names)]
    for word in sorted(often, key=lambda word: float(np.mean(found[word]))):
        only = between[word]
        yield re.escape(word), next(iter(only)) if len(only) == 1 else "[-_ ]?"


def cuts_a_moment(pattern: str, paths: Sequence[str]) -> bool:
    """Whether a pattern ends within a date and its time of day."""
    find, cut, total = re.compile(pattern), 0, 0
    for path in paths[:: max(1, len(paths) // 500)]:
        match, moment = find.search(path), _MOMENT.search(path, path.rfind("/") + 1)
        if match is None or moment is None:
            continue
        total += 1
        day = moment.start("clock") if moment["clock"] else moment.end()
        cut += moment.start() < match.end(1) < moment.end() and match.end(1) != day
    return cut > total / 2


def given(values: Sequence[str], label: NDArray[np.int64]) -> bool:
    """Whether a part of the paths says the label once more, or which split, or is the same everywhere."""
    plain = ["" if value.lower() in NAMES else value for value in values]
    found, number = np.unique(np.asarray(plain, np.str_), return_inverse=True)
    table = np.zeros((len(found), int(label.max()) + 1), np.int64)
    np.add.at(table, (number, label), 1)
    return len(found) <= 2 * table.shape[1] and bool(table.max(0).sum() >= ONCE_MORE * len(label)) and _told(table)


def _told(table: NDArray[np.int64]) -> bool:
    """Whether a value stands for one label, or all for one value."""
    return (
        len(table) == 1
        or bool(table.max(1).sum() >= ONCE_MORE * table.sum())
        or table.sum(1).max() >= 0.95 * table.sum()
    )


def _kind_of(folders: Sequence[str]) -> Kind:
    """What folders hold, by the word that most of their names begin with."""
    words = Counter(match[0].lower() for name in folders if (match := re.match("[A-Za-z]+", name)))
    word, count = words.most_common(1)[0] if words else ("", 0)
    if sum(bool(_MOMENT.match(name)) for name in folders) >= len(folders) / 2:
        return "day"
    return _KINDS.get(word, "group") if count >= len(folders) / 2 else "group"
