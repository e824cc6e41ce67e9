"""What was found as tables to mend and to give back: `--exclude suspects.csv`, `--relabel fixes.csv`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from netvet.audit.inspection import Inspection
from netvet.base.files import put

SUSPECTS, FIXES, CLASSES = "suspects.csv", "fixes.csv", "doubtful-classes.csv"
_HEADER = ("path", "reason", "label", "suggested", "score", "other")


def write(found: Inspection, folder: Path) -> None:
    """Write the three tables into a folder.

    `suspects.csv`: one row an image and reason, the likely label errors first; of a pair the image that can go.
    `fixes.csv`: path and the label that fits better, of the likely label errors. `doubtful-classes.csv`: the images
    of a class that is worse than the others as a whole or in part: to leave these out would be to lose the class, or
    much of it.
    """
    _put(folder / SUSPECTS, _HEADER, suspects(found))
    _put(folder / CLASSES, _HEADER, _quality(found, doubtful=True))
    _put(folder / FIXES, ("path", "label"), fixes(found))


def fixes(found: Inspection) -> Iterator[Sequence[str]]:
    """(path, label) of the likely label errors."""
    errors, images = found.labels, found.images
    if errors is not None:
        for row in errors.ranked.tolist():
            yield images.paths[row], images.classes[int(errors.suggested[row])]


def suspects(found: Inspection) -> Iterator[Sequence[str]]:
    """Rows of `suspects.csv` after its header."""
    images, errors = found.images, found.labels
    if errors is not None:
        for row in errors.ranked.tolist():
            suggested = images.classes[int(errors.suggested[row])]
            yield images.paths[row], "label", _label(found, row), suggested, f"{errors.wrong[row]:.3f}", ""
    yield from _pairs(found)
    for each in images.rejected:
        yield each.path, f"unusable: {each.reason}", "", "", "", ""
    yield from _off_topic(found)
    yield from _quality(found, doubtful=False)


def _off_topic(found: Inspection) -> Iterator[Sequence[str]]:
    """Images of another kind, the farthest from every class first; the score in robust standard deviations."""
    if found.off_topic is not None:
        for row in found.off_topic.rows.tolist():
            yield found.images.paths[row], "off-topic", _label(found, row), "", f"{found.off_topic.score[row]:.1f}", ""


def _pairs(found: Inspection) -> Iterator[Sequence[str]]:
    """Of copies the later one, of twins across the splits the one held out, of twins with two labels both."""
    twins, images = found.duplicates, found.images
    across, conflicting = (
        set(part.tolist()) for part in (twins.across(images.split), twins.conflicting(images.labels))
    )
    for at, (one, other) in enumerate(twins.pairs.tolist()):
        keep, go = (one, other) if images.split[one] <= images.split[other] else (other, one)
        score = f"{twins.similarity[at]:.3f}"
        if at in conflicting:
            for mine, twin in ((one, other), (other, one)):
                label = _label(found, twin)
                yield images.paths[mine], "two labels", _label(found, mine), label, score, images.paths[twin]
        elif twins.exact[at] or at in across:
            reason = "copy" if twins.exact[at] else "near-duplicate across splits"
            yield images.paths[go], reason, _label(found, go), "", score, images.paths[keep]


def _quality(found: Inspection, *, doubtful: bool) -> Iterator[Sequence[str]]:
    for each in found.quality.outliers:
        if (each.of_class or each.of_part) == doubtful:
            path, label = found.images.paths[each.row], _label(found, each.row)
            yield path, each.kind, label, "", f"{each.deviations:.1f}", ""


def _label(found: Inspection, row: int) -> str:
    return found.images.classes[int(found.images.labels[row])]


def _put(path: Path, header: Sequence[str], rows: Iterator[Sequence[str]]) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    table.writerows(rows)
    put(path, text.getvalue())
