"""All that is measured of the data alone, in one value, and what of it is worth saying."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from netvet.audit import duplicates, features, files, image_stats, labels, off_topic, planted, quality, shift
from netvet.audit.leakage import leakage
from netvet.audit.notices import Notice, notices
from netvet.images.splits import NAMES, group_counts

if TYPE_CHECKING:
    from netvet.images.dataset import ImageSet

MOST_LISTED = 200  # of each kind in the JSON; the CSV has all

FeatureKind = Literal["auto", "pretrained", "handmade", "none"]
OnStep = Callable[[str, int, int], None]

FEWEST = 20  # images, or groups, below which no label can be judged by the others


@dataclass(frozen=True)
class Inspection:
    """The data alone.

    Attributes:
        source: what was inspected, as it was given.
        images: the set, split as a training would split it.
        looks: one row an image.
        headers: sizes, channels and formats; None where the images come from no files.
        duplicates: copies and near-duplicates.
        quality: blurred, dark... images and classes.
        off_topic: images of another kind than the set; None without pretrained features, or of a small or large set.
        labels: likely label errors; None where no features were asked for.
        shifts: training against validation and test; None where no features were asked for.
        features: "pretrained", "handmade" or "none".
        leaked: split -> name -> share 0..1: `leaked_share` of its images have a twin in training, `leaked_by_look` as
            a copy or near-duplicate, `leaked_by_group` by a shared group, where groups are known.
        seconds: what each step took.
    """

    source: str
    images: ImageSet
    looks: image_stats.ImageStats
    headers: files.Headers | None
    duplicates: duplicates.Duplicates
    quality: quality.Quality
    labels: labels.LabelErrors | None
    shifts: shift.Shifts | None
    features: Literal["pretrained", "handmade", "none"]
    leaked: dict[str, dict[str, float]]
    seconds: dict[str, float]
    off_topic: off_topic.OffTopic | None = None

    @property
    def counts(self) -> NDArray[np.int64]:
        """(classes, 3) images in train, val and test."""
        table = np.zeros((len(self.images.classes), 3), np.int64)
        np.add.at(table, (self.images.labels, self.images.split), 1)
        return table

    def _group_counts(self) -> dict[str, dict[str, int]]:
        """Class -> split -> groups; {} where none are known."""
        images = self.images
        if images.known_groups is None:
            return {}
        table = group_counts(images.labels, images.known_groups, images.split, len(images.classes)).tolist()
        return {name: dict(zip(NAMES, table[k], strict=True)) for k, name in enumerate(images.classes)}

    @property
    def imbalance(self) -> float:
        """Images of the largest class over those of the smallest."""
        totals = self.counts.sum(axis=1)
        return float(totals.max() / max(1, totals.min()))

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What is worth saying, the worst first."""
        return notices(self)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        images, paths, classes = self.images, self.images.paths, self.images.classes
        counts, known = self.counts.tolist(), self.images.known_groups
        pairs = self.duplicates
        across, conflicting = pairs.across(images.split), pairs.conflicting(images.labels)

        def listed(which: NDArray[np.int64]) -> list[dict[str, Any]]:
            return [
                {
                    "path": paths[int(pairs.pairs[at, 0])],
                    "twin": paths[int(pairs.pairs[at, 1])],
                    "similarity": round(float(pairs.similarity[at]), 4),
                    "exact": bool(pairs.exact[at]),
                }
                for at in which[:MOST_LISTED].tolist()
            ]

        tree: dict[str, Any] = {
            "images": len(paths),
            "classes": len(classes),
            "grouped": images.groups is not None,
            "groups": 0 if known is None else len(np.unique(known)),
            "counts": {name: dict(zip(NAMES, counts[k], strict=True)) for k, name in enumerate(classes)},
            "group_counts": self._group_counts(),
            "imbalance": self.imbalance,
            "leaked": self.leaked,
            "leaked_pairs": listed(across),
            "rejected": [{"path": each.path, "reason": each.reason} for each in images.rejected],
            "notes": list(images.notes),
            "notices": [{"kind": each.kind, "severity": round(each.severity, 3), "message": each.message}
                        for each in self.notices],
            "duplicates": {
                "exact": int(pairs.exact.sum()),
                "near": int((~pairs.exact).sum()),
                "across_splits": len(across),
                "conflicting_labels": len(conflicting),
                "limit": pairs.limit,
                "conflicts": listed(conflicting),
            },
            "quality": {
                "whole": dict(self.quality.whole),
                "classes": [
                    {"kind": each.kind, "class": classes[each.label], "effect": each.effect,
                     "interval": [each.low, each.high], "median": each.median, "others": each.others}
                    for each in self.quality.classes
                ],
                "parts": [
                    {"kind": each.kind, "class": classes[each.label], "images": each.count, "of": each.total,
                     "effect": each.effect, "interval": [each.low, each.high]}
                    for each in self.quality.parts
                ],
                "images": len({each.row for each in self.quality.outliers}),
                "outliers": [
                    {"path": paths[each.row], "class": classes[int(images.labels[each.row])], "kind": each.kind,
                     "value": each.value, "class_median": each.class_median, "of_class": each.of_class,
                     "of_part": each.of_part}
                    for each in self.quality.outliers[:MOST_LISTED]
                ],
            },
            "features": self.features,
            "seconds": {name: round(value, 2) for name, value in self.seconds.items()},
        }  # fmt: skip
        if self.headers is not None:
            tree["files"] = self.headers.summary()
        if self.labels is not None:
            tree["labels"] = {
                "suspects": len(self.labels.ranked),
                "estimated": round(self.labels.number, 1),
                "estimated_range": [self.labels.low, self.labels.high],
                "planted": None if self.labels.told is None else asdict(self.labels.told),
                "unclear_classes": [classes[k] for k in self.labels.unclear],
                "balanced_accuracy": self.labels.accuracy,
                "groups_weighed": self.labels.grouped,
                "ranked": [
                    {"path": paths[row], "given": classes[int(images.labels[row])],
                     "suggested": classes[int(self.labels.suggested[row])],
                     "probability": round(float(self.labels.wrong[row]), 4)}
                    for row in self.labels.ranked[:MOST_LISTED].tolist()
                ],
            }  # fmt: skip
        if self.off_topic is not None:
            rows = self.off_topic.rows
            tree["off_topic"] = {
                "images": len(rows),
                "ranked": [
                    {"path": paths[row], "class": classes[int(images.labels[row])],
                     "nearest": classes[int(self.off_topic.nearest[row])],
                     "deviations": round(float(self.off_topic.score[row]), 2)}
                    for row in rows[:MOST_LISTED].tolist()
                ],
            }  # fmt: skip
        if self.shifts is not None:
            tree["shift"] = [
                {"split": each.split, "class": "" if each.where < 0 else classes[each.where], "auc": each.auc,
                 "interval": [each.low, each.high], "images": each.images, "shifted": each.shifted}
                for each in self.shifts.found
            ]  # fmt: skip
        return tree


def inspect(
    images: ImageSet, source: str = "", *, features_from: FeatureKind = "auto", on_step: OnStep | None = None
) -> Inspection:
    """Measure all of it.

    Args:
        images: as loaded; 128 px is what the features and the sharpness are made for.
        source: where its files are, for their headers; "" where there are none.
        features_from: "pretrained" network, "handmade", "auto" for the network where its weights are there and the
            images are at most 10,000, or "none" for neither labels nor shift.
        on_step: called with (name of the step, done, total) as it goes.

    Raises:
        BadInput: pretrained features are asked for and the weights are not installed.
    """
    clock, seconds = time.perf_counter(), dict[str, float]()
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    total, known = len(images.labels), images.known_groups

    def finish(name: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        seconds[name], clock = now - clock, now

    def counter(name: str) -> image_stats.Advance:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            if on_step is not None:
                on_step(name, min(done, total), total)

        return advance

    seen = image_stats.look(images.images, workers=workers, advance=counter("looks"))
    headers = files.headers(source, images.paths, workers=workers) if source else None
    finish("looks")
    twins = duplicates.find(seen, images.labels, known, images.images)
    finish("duplicates")
    assessed = quality.assess(seen, headers, images.labels, known)
    finish("quality")
    errors, shifts, foreign = None, None, None
    kind: Literal["pretrained", "handmade", "none"] = "none"
    if features_from != "none":
        described = features.extract(images.images, kind=features_from, workers=workers, advance=counter("features"))
        kind = described.kind
        finish("features")
        member = duplicates.members(known, images.labels, lambda: twins)
        on_fold = (lambda done, of: on_step("labels", done, of)) if on_step is not None else None
        if len(np.unique(member)) >= FEWEST:
            grouped = known is not None
            errors = labels.find(described.values, images.labels, member, known=grouped, on_fold=on_fold)
            told = planted.measure(described.values, images.labels, member, errors, known=grouped)
            errors = replace(errors, told=told)
            finish("labels")
        if kind == "pretrained" and described.whole is not None:
            foreign = off_topic.find(described.whole, images.labels, member)
            finish("off-topic")
        shifts = shift.compare(described.values, images.labels, images.split, member)
        finish("shift")
    leaked = leakage(images, twins).shares
    return Inspection(
        source, images, seen, headers, twins, assessed, errors, shifts, kind, leaked, seconds, foreign
    )  # fmt: skip
