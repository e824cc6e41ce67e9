"""What was found as tables to mend and to give back: `--exclude suspects.csv`, `--relabel fixes.csv`.

Their first column is `accept`: only rows that say `yes` there are carried out. What is certain says so already; what a
model guesses stands below an empty line, for a person to accept. No image is in both tables for the same reason: a
label that can be put right is no reason to leave the image out.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netvet.audit.inspection import Inspection
from netvet.base.files import put

SUSPECTS, FIXES, CLASSES, TWINS = "suspects.csv", "fixes.csv", "doubtful-classes.csv", "near-duplicates.csv"
ACCEPTED = "yes"
_HEADER = ("accept", "path", "reason", "label", "suggested", "score", "other")
_FIX_HEADER = ("accept", "path", "label", "given", "probability")

Row = Sequence[str]


@dataclass(frozen=True)
class Copies:
    """Images with the same pixels: `rows` of the set, ascending; `kept`: the one that stays, None where they carry two
    labels equally often, so that nobody can say which is right.
    """

    rows: tuple[int, ...]
    kept: int | None
    labels: tuple[int, ...]


def write(found: Inspection, folder: Path) -> None:
    """Write the tables into a folder.

    `suspects.csv`: images to leave out. Certain: all copies of an image but one, whichever splits they lie in, and
    copies that carry two labels equally often. Guesses: of twins across the splits the image held out, of
    near-duplicates with two labels both, pictures of poor quality. `fixes.csv`: likely label errors and the label that
    fits better, the surest first, all of them guesses. `near-duplicates.csv`: of twins within one split the later one.
    `doubtful-classes.csv`: the images of a class that is worse than the others as a whole or in part: to leave these
    out would be to lose the class, or much of it.
    """
    certain, guesses = list(certainties(found)), list(suspects(found))
    _put(folder / SUSPECTS, _HEADER, certain, guesses)
    _put(folder / FIXES, _FIX_HEADER, (), fixes(found))
    _put(folder / TWINS, _HEADER, (), within(found))
    _put(folder / CLASSES, _HEADER, (), _quality(found, doubtful=True))


def copies(found: Inspection) -> list[Copies]:
    """The images that are there more than once; of each the one that stays has the label that most of them have, and
    lies in training if one with it does.
    """
    hashes, images = found.looks.hashes, found.images
    order = np.argsort(hashes, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(hashes[order]) > 0) + 1)
    made = []
    for part in sorted((np.sort(part) for part in parts if len(part) > 1), key=lambda part: int(part[0])):
        rows = part.tolist()
        counts = Counter(int(images.labels[row]) for row in rows).most_common()
        tie = len(counts) > 1 and counts[0][1] == counts[1][1]
        right = [row for row in rows if int(images.labels[row]) == counts[0][0]]
        kept = None if tie else min(right, key=lambda row: (int(images.split[row]), row))
        made.append(Copies(tuple(rows), kept, tuple(label for label, _n in counts)))
    return made


def certainties(found: Inspection) -> Iterator[Row]:
    """Rows of `suspects.csv` that no model had to guess."""
    images = found.images
    for group in copies(found):
        kept = "" if group.kept is None else images.paths[group.kept]
        for row in group.rows:
            if row == group.kept:
                continue
            label = int(images.labels[row])
            others = [other for other in group.labels if other != label]
            if group.kept is None or label != int(images.labels[group.kept]):
                other = kept or images.paths[next(r for r in group.rows if int(images.labels[r]) != label)]
                yield _line(found, row, "copy with two labels", images.classes[others[0]], "", other, accept=True)
            else:
                yield _line(found, row, "copy", "", "", kept, accept=True)
    for each in images.rejected:
        yield ACCEPTED, each.path, f"unusable: {each.reason}", "", "", "", ""


def fixes(found: Inspection) -> Iterator[Row]:
    """Rows of `fixes.csv`: the likely label errors, without those that leave as copies or as off topic."""
    errors, images = found.labels, found.images
    if errors is None:
        return
    gone = _gone(found) | _foreign(found)
    for row in errors.ranked.tolist():
        if row not in gone:
            better, given = (images.classes[int(part[row])] for part in (errors.suggested, images.labels))
            yield "", images.paths[row], better, given, f"{errors.wrong[row]:.3f}"


def suspects(found: Inspection) -> Iterator[Row]:
    """Rows of `suspects.csv` that are guesses: no likely label error, and nothing that leaves as a copy."""
    twins, images, gone = found.duplicates, found.images, _gone(found)
    fixed = set() if found.labels is None else set(found.labels.ranked.tolist()) - _foreign(found)
    conflicting = set(twins.conflicting(images.labels).tolist())
    listed: set[tuple[int, str]] = set()
    for at in sorted(conflicting | set(twins.across(images.split).tolist())):
        one, other = twins.pairs[at].tolist()
        if twins.exact[at] or {one, other} & gone:
            continue
        keep, go = (one, other) if images.split[one] <= images.split[other] else (other, one)
        rows = ((one, other), (other, one)) if at in conflicting else ((go, keep),)
        reason = "two labels" if at in conflicting else "near-duplicate across splits"
        for row, twin in rows:
            if (row, reason) not in listed and row not in fixed and not (reason == "two labels" and twin in fixed):
                listed.add((row, reason))
                suggested = _label(found, twin) if at in conflicting else ""
                score = f"{twins.similarity[at]:.3f}"
                yield _line(found, row, reason, suggested, score, images.paths[twin], accept=False)
    yield from _off_topic(found)
    yield from _quality(found, doubtful=False)


def _off_topic(found: Inspection) -> Iterator[Row]:
    """Images of another kind, the farthest from every class first; the score in robust standard deviations."""
    if found.off_topic is None:
        return
    gone = _gone(found)
    for row in found.off_topic.rows.tolist():
        if row not in gone:
            yield _line(found, row, "off-topic", "", f"{found.off_topic.score[row]:.1f}", "", accept=False)


def _foreign(found: Inspection) -> set[int]:
    """Positions of images of another kind."""
    return set() if found.off_topic is None else set(found.off_topic.rows.tolist())


def within(found: Inspection) -> Iterator[Row]:
    """Rows of `near-duplicates.csv`: images of one split and label that are nearly another, each once."""
    twins, images, listed = found.duplicates, found.images, _gone(found)
    for at in near_within(found).tolist():
        keep, go = twins.pairs[at].tolist()
        if keep not in listed and go not in listed:
            listed.add(go)
            score = f"{twins.similarity[at]:.3f}"
            yield _line(found, go, "near-duplicate", "", score, images.paths[keep], accept=False)


def near_within(found: Inspection) -> NDArray[np.int64]:
    """Which pairs of near-duplicates, no copies, lie within one split and carry one label: positions."""
    twins, images = found.duplicates, found.images
    one, other = twins.pairs[:, 0], twins.pairs[:, 1]
    same = (images.split[one] == images.split[other]) & (images.labels[one] == images.labels[other])
    return np.flatnonzero(same & ~twins.exact).astype(np.int64)


def _gone(found: Inspection) -> set[int]:
    """Rows that leave as copies."""
    return {row for group in copies(found) for row in group.rows if row != group.kept}


def _quality(found: Inspection, *, doubtful: bool) -> Iterator[Row]:
    for each in found.quality.outliers:
        if (each.of_class or each.of_part) == doubtful and each.kind != "shape":
            yield _line(found, each.row, each.kind, "", f"{each.deviations:.1f}", "", accept=False)


def _line(found: Inspection, row: int, reason: str, suggested: str, score: str, other: str, *, accept: bool) -> Row:
    mark = ACCEPTED if accept else ""
    return mark, found.images.paths[row], reason, _label(found, row), suggested, score, other


def _label(found: Inspection, row: int) -> str:
    return found.images.classes[int(found.images.labels[row])]


def _put(path: Path, header: Row, certain: Sequence[Row], guesses: Iterable[Row]) -> None:
    """The rows as a CSV, an empty line between what is certain and what is guessed."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    table.writerows(certain)
    below = list(guesses)
    if certain and below:
        text.write("\n")
    table.writerows(below)
    put(path, text.getvalue())
