"""The page of an inspection: one HTML file that works offline, loads nothing and runs nothing."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netvet import __version__
from netvet.audit import suspects
from netvet.audit.notices import words as quality_words
from netvet.base import words
from netvet.base.files import put
from netvet.images.grouping import split_by
from netvet.images.splits import group_counts
from netvet.locale import _, language, ngettext
from netvet.report import html
from netvet.report.html import Tile
from netvet.report.pictures import Picture, ShownGallery, _uri

if TYPE_CHECKING:
    from netvet.audit.inspection import Inspection
    from netvet.audit.quality import Outlier

FILE = "inspection.html"
MOST_PAIRS, MOST_LABELS, MOST_OUTLIERS, MOST_STRANGE, MOST_ROWS = 12, 36, 12, 12, 30
GRAVE = 0.5  # severity from which a sentence is set off as a warning


@dataclass(frozen=True)
class ClassLine:
    """One row of the table of classes; `counts`: images of training, validation and test, with their groups where these
    are known; `width` of its bar in per cent; `marks`: what is the matter with it.
    """

    name: str
    counts: tuple[str, str, str]
    width: float
    suspects: int
    marks: str


def render(found: Inspection, folder: Path | None = None) -> str:
    """The page as one string of HTML; `folder`: where its tables are, for the commands that it prints."""
    return html._environment().get_template("inspection.html.jinja").render(_page(found, folder))


def write(found: Inspection, folder: Path) -> Path:
    """Write `inspection.html` into the folder, atomically."""
    return put(folder / FILE, render(found, folder))


def _page(found: Inspection, folder: Path | None) -> dict[str, Any]:
    said = found.notices
    page: dict[str, Any] = {
        "language": language(),
        "name": Path(found.source).name or found.source,
        "source": found.source,
        "version": __version__,
        "made": datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        "headline": _headline(found),
        "now": _now(found, folder or Path()),
        "grave": any(each.severity >= GRAVE for each in said),
        "notices": [(each.message, each.severity >= GRAVE) for each in said],
        "tiles": _tiles(found),
        "labels_gallery": _labels(found),
        "duplicates_gallery": _duplicates(found),
        "quality_gallery": _quality(found),
        "splits_gallery": _strange(found),
        "label_lines": _label_lines(found),
        "duplicate_lines": _duplicate_lines(found),
        "effects": _effects(found),
        "kinds": _kinds(found),
        "shift": _shift(found),
        "classes": _classes(found),
        "file_lines": _file_lines(found),
        "rejected": [(each.path, _(each.reason)) for each in found.images.rejected[:MOST_ROWS]],
        "more_rejected": max(0, len(found.images.rejected) - MOST_ROWS),
        "notes": list(found.images.notes),
        "seconds": [(name, words.duration(value)) for name, value in found.seconds.items()],
    }
    known = [
        ("labels", _("Labels"), page["label_lines"]),
        ("duplicates", _("Duplicates"), page["duplicate_lines"]),
        ("quality", _("Quality"), page["quality_gallery"] or page["effects"]),
        ("splits", _("Splits"), page["shift"] or page["splits_gallery"]),
        ("classes", _("Classes"), page["classes"]),
        ("mend", _("To fix"), True),
    ]
    page["sections"] = [(name, title) for name, title, there in known if there]
    return page


def _headline(found: Inspection) -> str:
    n = len(found.notices)
    if not n:
        return _("Nothing stands out.")
    return ngettext("{n} thing to look at.", "{n} things to look at.", n).format(n=n)


def _tiles(found: Inspection) -> list[Tile]:
    images = found.images
    tiles = [
        Tile(words.numeral(len(images.labels), ","), _("images")),
        Tile(words.numeral(len(images.classes), ","), _("classes")),
        Tile(
            words.numeral(found.imbalance, ",.0f") + " : 1",
            _("largest to smallest class"),
            "warn" if found.imbalance >= 10 else "",
        ),
    ]
    if found.labels is not None:
        share = len(found.labels.ranked) / max(1, len(images.labels))
        tiles.append(Tile(words.percent(share), _("of labels in doubt"), "warn" if share >= 0.02 else ""))
    leaked = [shares["leaked_share"] for shares in found.leaked.values()]
    told = any(notice.kind == "leakage" for notice in found.notices)
    if leaked:
        tiles.append(Tile(words.percent(max(leaked), 0), _("of held-out images leaked"), "warn" if told else ""))
    if images.rejected:
        tiles.append(Tile(words.numeral(len(images.rejected), ","), _("files unusable"), "warn"))
    return tiles


def _shown(found: Inspection, row: int) -> str:
    """The image in the aspect of its file."""
    files = found.headers
    aspect = 1.0 if files is None or not files.height[row] else float(files.width[row] / files.height[row])
    return _uri(found.images.images[row], min(8.0, max(0.125, aspect)))


def _now(found: Inspection, folder: Path) -> tuple[str, str]:
    """What to do now: a sentence and a command, "" where there is nothing to do."""
    certain = sum(1 for row in suspects.certainties(found) if not row[2].startswith("unusable"))
    guesses = 0 if found.labels is None else len(found.labels.ranked)
    fixing = f"--relabel {shlex.quote(str(folder / suspects.FIXES))}"
    leaving = f"--exclude {shlex.quote(str(folder / suspects.SUSPECTS))}"
    by = _torn_by(found)
    if by:
        text = _("Split by what the names of the files tell: images of one subject lie in training and in validation.")
        return text, f"netvet inspect {shlex.quote(found.source)} --group {shlex.quote(by)}"
    if certain:
        text = ngettext(
            "Leave out {n} file that is certain: a copy of another.",
            "Leave out {n} files that are certain: copies of others.",
            certain,
        ).format(n=certain)
        return text, f"netvet inspect {shlex.quote(found.source or 'DATA')} {leaving}"
    if guesses:
        text = ngettext(
            "Look at {n} image whose label is likely wrong, and write yes into the column accept of fixes.csv where "
            "the other label is right.",
            "Look at {n} images whose labels are likely wrong, and write yes into the column accept of fixes.csv where "
            "the other label is right.",
            guesses,
        ).format(n=guesses)
        return text, f"netvet inspect {shlex.quote(found.source or 'DATA')} {fixing}"
    return _("Train and have it diagnosed."), f"netvet checkup {shlex.quote(found.source or 'DATA')}"


def _torn_by(found: Inspection) -> str:
    """How to split, where twins lie on both sides and the names of the files tell of groups; "" elsewhere."""
    torn = any(notice.kind == "leakage" for notice in found.notices)
    return (split_by(found.source) or "") if torn and found.source and found.images.known_groups is None else ""


def _labels(found: Inspection) -> list[ShownGallery]:
    if found.labels is None or not len(found.labels.ranked):
        return []
    errors, images = found.labels, found.images
    pictures = []
    for row in errors.ranked[:MOST_LABELS].tolist():
        given = words.pretty(images.classes[int(images.labels[row])])
        better = words.pretty(images.classes[int(errors.suggested[row])])
        text = _("{path}: labelled {given}, looks like {better}").format(
            path=images.paths[row], given=given, better=better
        )
        line = f"→ {better} {words.percent(float(errors.wrong[row]), 0)}"
        pictures.append(Picture((_shown(found, row),), (given, line), text))
    return [ShownGallery(_("Given label, and the one that fits better"), pictures, len(errors.ranked))]


def _label_lines(found: Inspection) -> list[str]:
    if found.labels is None:
        return []
    errors = found.labels
    source = {
        "pretrained": _("features of a network trained on ImageNet"),
        "handmade": _("handmade features (gradients and colours), which are weaker than those of a pretrained network"),
    }.get(found.features, "")
    lines = [
        _(
            "Judged by {source}: a linear model that never saw an image of the same group has a balanced accuracy of "
            "{accuracy:.0%}."
        ).format(source=source, accuracy=errors.accuracy)
    ]
    if errors.told is not None:
        lines.append(
            _(
                "Of {n} labels replaced on purpose, {recall:.0%} were listed; of what was listed then, {precision:.0%} "
                "had been replaced."
            ).format(n=errors.told.planted, recall=errors.told.recall, precision=errors.told.precision)
        )
    if errors.grouped:
        lines.append(_("The labels of an image's group count as evidence too."))
    if not len(errors.ranked):
        lines.append(_("No label is more likely wrong than right."))
    return lines


def _duplicates(found: Inspection) -> list[ShownGallery]:
    twins, images = found.duplicates, found.images
    conflicting, across = twins.conflicting(images.labels), twins.across(images.split)
    near = np.flatnonzero(~twins.exact)
    conflicting, across = np.intersect1d(conflicting, near), np.intersect1d(across, near)
    groups = [
        (_("Near-duplicates with different labels"), conflicting),
        (_("Held-out image, and its twin in training"), np.setdiff1d(across, conflicting)),
        (_("Near-duplicates within one split"), suspects.near_within(found)),
    ]
    made = []
    same = suspects.copies(found)
    if same:
        made.append(ShownGallery(_("Exact copies"), [_copies(found, each) for each in same[:MOST_PAIRS]], len(same)))
    for title, which in groups:
        if len(which):
            shown = [_pair(found, at) for at in which[:MOST_PAIRS].tolist()]
            made.append(ShownGallery(title, shown, len(which), pairs=True))
    return made


def _copies(found: Inspection, group: suspects.Copies) -> Picture:
    """One picture with how often it is there, and by what names."""
    images = found.images
    names = [words.pretty(images.classes[label]) for label in group.labels]
    count = _("{n} equal files").format(n=len(group.rows))
    return Picture(
        (_shown(found, group.rows[0]),), (_listed(names), count), _listed([images.paths[r] for r in group.rows])
    )


def _pair(found: Inspection, at: int) -> Picture:
    images, twins = found.images, found.duplicates
    one, other = twins.pairs[at].tolist()
    if images.split[one] < images.split[other]:
        one, other = other, one  # the one held out first
    labels = [words.pretty(images.classes[int(images.labels[row])]) for row in (one, other)]
    first = labels[0] if labels[0] == labels[1] else _("{one} and {other}").format(one=labels[0], other=labels[1])
    close = _("same pixels") if twins.exact[at] else _("correlation {r:.2f}").format(r=float(twins.similarity[at]))
    text = _("{path} next to {other}").format(path=images.paths[one], other=images.paths[other])
    return Picture((_shown(found, one), _shown(found, other)), (first, close), text)


def _duplicate_lines(found: Inspection) -> list[str]:
    twins = found.duplicates
    across = len(twins.across(found.images.split))
    return [
        _(
            "{exact:,} exact copies; {near:,} pairs of near-duplicates; {across:,} of all pairs across the splits. "
            "Images of different groups count as near-duplicates from a correlation of {limit:.2f}."
        ).format(exact=int(twins.exact.sum()), near=int((~twins.exact).sum()), across=across, limit=twins.limit)
    ]


def _quality(found: Inspection) -> list[ShownGallery]:
    by_kind: dict[tuple[int, str], list[Outlier]] = {}
    for each in found.quality.outliers:
        by_kind.setdefault((2 * each.of_class + each.of_part, each.kind), []).append(each)
    made = []
    titles = (_("Single images: {kind}"), _("Part of a class: {kind}"), _("As a class: {kind}"))
    for (among, kind), rows in sorted(by_kind.items(), key=lambda item: (-item[0][0], -len(item[1]))):
        title = titles[among].format(kind=quality_words(kind))
        made.append(ShownGallery(title, [_odd(found, each) for each in rows[:MOST_OUTLIERS]], len(rows)))
    return made


def _odd(found: Inspection, each: Outlier) -> Picture:
    images = found.images
    name = words.pretty(images.classes[int(images.labels[each.row])])
    line = _("{z:.1f} deviations").format(z=each.deviations)
    if found.headers is not None and each.kind in ("tiny", "shape"):
        line = f"{found.headers.width[each.row]} × {found.headers.height[each.row]}"
    if each.kind == "glare":
        line = _("{share:.0%} white").format(share=each.value)
    return Picture((_shown(found, each.row),), (name, line), f"{images.paths[each.row]}: {each.kind}")


def _kinds(found: Inspection) -> list[str]:
    return [quality_words(kind) for kind in found.quality.effects]


def _effects(found: Inspection) -> list[tuple[str, list[tuple[str, float]]]]:
    """Classes with their effect by kind, the worst first: (class, [(text, strength of the colour 0..1)])."""
    if not found.quality.effects:
        return []
    table = np.stack(list(found.quality.effects.values()), axis=1)  # (classes, kinds)
    worst = np.nan_to_num(table, nan=-1).max(axis=1)
    lines = []
    for k in np.argsort(-worst, kind="stable")[:8].tolist():
        cells = [
            ("–", 0.0) if not np.isfinite(v) else (words.numeral(v, "+.2f"), float(np.clip((v - 0.3) / 0.7, 0, 1)))
            for v in table[k].tolist()
        ]
        lines.append((found.images.classes[k], cells))
    return lines


def _shift(found: Inspection) -> list[tuple[str, str, str, str, bool]]:
    """(split, class, AUC, interval, shifted), whole splits first and then the classes that differ most."""
    if found.shifts is None:
        return []
    names = {"val": _("validation"), "test": _("test")}
    whole = [each for each in found.shifts.found if each.where < 0]
    classes = sorted((e for e in found.shifts.found if e.where >= 0), key=lambda e: (-e.shifted, -e.low))[:6]
    return [
        (
            names[each.split],
            _("all classes") if each.where < 0 else words.pretty(found.images.classes[each.where]),
            words.numeral(each.auc, ".2f"),
            _("{low:.2f} to {high:.2f}").format(low=each.low, high=each.high),
            each.shifted,
        )
        for each in [*whole, *classes]
    ]


def _strange(found: Inspection) -> list[ShownGallery]:
    """The images of a shifted split that look least like training."""
    if found.shifts is None:
        return []
    made = []
    for split, rows in found.shifts.strangest.items():
        if any(each.shifted for each in found.shifts.found if each.split == split):
            name = _("validation") if split == "val" else _("test")
            title = _("Least like training: {split}").format(split=name)
            made.append(ShownGallery(title, [_plain(found, row) for row in rows[:MOST_STRANGE].tolist()], len(rows)))
    return made


def _plain(found: Inspection, row: int) -> Picture:
    name = words.pretty(found.images.classes[int(found.images.labels[row])])
    return Picture((_shown(found, row),), (name,), found.images.paths[row])


def _classes(found: Inspection) -> list[ClassLine]:
    counts = found.counts
    totals, images = counts.sum(axis=1), found.images
    groups = None
    if images.known_groups is not None:
        groups = group_counts(images.labels, images.known_groups, images.split, len(images.classes))
    doubts = np.zeros(len(totals), np.int64)
    if found.labels is not None:
        np.add.at(doubts, found.images.labels[found.labels.ranked], 1)
    marks: dict[int, list[str]] = {}
    for each in found.quality.classes:
        marks.setdefault(each.label, []).append(quality_words(each.kind))
    for part in found.quality.parts:
        mark = _("{n} of {total} {kind}").format(n=part.count, total=part.total, kind=quality_words(part.kind))
        marks.setdefault(part.label, []).append(mark)
    return [
        ClassLine(
            found.images.classes[k],
            (_of(counts, groups, k, 0), _of(counts, groups, k, 1), _of(counts, groups, k, 2)),
            round(100 * float(totals[k]) / max(1, int(totals.max())), 1),
            int(doubts[k]),
            ", ".join(marks.get(k, [])),
        )
        for k in np.argsort(-totals, kind="stable").tolist()
    ]


def _of(counts: NDArray[np.int64], groups: NDArray[np.int64] | None, k: int, split: int) -> str:
    """How many images, and of how many groups, a class has in a split."""
    number = words.numeral(int(counts[k, split]), ",")
    if groups is None or not counts[k, split]:
        return number
    n = int(groups[k, split])
    return ngettext("{images}, {n} group", "{images}, {n} groups", n).format(images=number, n=n)


def _file_lines(found: Inspection) -> list[str]:
    if found.headers is None:
        return []
    facts = found.headers.summary()

    def some(counts: dict[str, int]) -> str:
        return _listed([f"{name} {words.numeral(n, ',')}" for name, n in list(counts.items())[:5]])

    return [
        _("Widths from {a} to {b} px (median {m}), heights from {c} to {d} px (median {n}).").format(
            a=facts["width"]["smallest"],
            b=facts["width"]["largest"],
            m=facts["width"]["median"],
            c=facts["height"]["smallest"],
            d=facts["height"]["largest"],
            n=facts["height"]["median"],
        ),
        _("Channels: {modes}. Formats: {formats}.").format(modes=some(facts["modes"]), formats=some(facts["formats"])),
    ]


def _listed(items: Sequence[str]) -> str:
    return ", ".join(items)
