"""The tables of the page: remedies against the control, and the classes of the data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from netvet.base import words
from netvet.locale import _, ngettext
from netvet.report import facts, text
from netvet.report.model import Report
from netvet.trials import Verdict


@dataclass(frozen=True)
class Row:
    """One remedy in the trial table."""

    remedy: str
    split: str
    changes: str
    effect: str
    interval: str
    outcome: str
    seeds: str
    helped: bool
    chosen: bool


def rows(report: Report) -> list[Row]:
    """Every remedy against the control, the largest effect first; then the confirmation on test."""
    trial = report.trial
    if trial is None:
        return []
    return [_row(v, v.remedy == trial.chosen) for v in text.rows(trial)]


def _row(verdict: Verdict, chosen: bool) -> Row:
    return Row(
        remedy=verdict.remedy,
        split=verdict.split,
        changes=words.changed(verdict.changes),
        effect=words.points(verdict.effect),
        interval="" if verdict.measurement else words.interval(*verdict.interval),
        outcome=text.outcome(verdict),
        seeds=ngettext("{n} seed", "{n} seeds", verdict.seeds).format(n=verdict.seeds),
        helped=verdict.helped,
        chosen=chosen and verdict.split != "test",
    )


def trial_lines(report: Report) -> list[str]:
    """What the trial cost, and what its numbers are."""
    trial = report.trial
    if trial is None:
        return []
    effects = _(
        "Points of {metric}: treated minus control, same seeds; 95% intervals, corrected for the number of remedies."
    )
    if not text.rows(trial):
        return [text.spent(trial)]
    return [text.spent(trial), effects.format(metric=words.metric(trial.metric))]


def data_lines(report: Report) -> list[str]:
    """The images in a few sentences."""
    data = facts.data(report.trace)
    lines = []
    if all(isinstance(data.get(key), int) for key in ("images", "train", "val", "test")):
        lines.append(
            _("{images} images: {train} training, {val} validation, {test} test.").format(
                **{key: words.numeral(data[key], ",") for key in ("images", "train", "val", "test")}
            )
        )
    counts = [row.train for row in facts.class_rows(report.trace) if math.isfinite(row.train)]
    if len(counts) > 1 and min(counts) > 0:
        few, many = min(counts), max(counts)
        balance = _("{k} classes of {few} to {many} training images, {ratio} to 1.")
        if few == many:
            balance = _("{k} classes of {few} training images each.")
        ratio = words.number(round(many / few, 1))
        lines.append(balance.format(k=len(counts), few=words.number(few), many=words.number(many), ratio=ratio))
    if data.get("groups"):
        lines.append(_in_groups(report, data["groups"]))
    if "grouped" in data:
        lines.append(
            _("Split by group: images of one group stay together.")
            if data["grouped"]
            else _("Split image by image, without groups.")
        )
    return lines


def class_table(report: Report) -> list[dict[str, Any]]:
    """The classes, the largest first, with their images in each split and how well they are recognised."""
    rows = [row for row in facts.class_rows(report.trace) if math.isfinite(row.train)]
    most = max((row.train for row in rows), default=0.0)
    return [
        {
            "name": row.name,
            "counts": [
                _counted(images, groups)
                for images, groups in zip((row.train, row.val, row.test), row.groups, strict=True)
            ],
            "recall": words.percent(row.recall, 0),
            "auc": words.numeral(row.auc, ".3f") if np.isfinite(row.auc) else "–",
            "width": round(100 * row.train / most, 1) if most else 0.0,
        }
        for row in sorted(rows, key=lambda r: -r.train)
    ]


def _counted(images: float, groups: float) -> str:
    """So many images, and groups where they are known."""
    if not (math.isfinite(images) and math.isfinite(groups)):
        return words.number(images)
    text = ngettext("{images}, {n} group", "{images}, {n} groups", int(groups))
    return text.format(images=words.number(images), n=int(groups))


def _in_groups(report: Report, groups: int) -> str:
    """How many groups there are, and by how much less than their number the validation images count."""
    effect = report.trace.last("val_design_effect")
    line = _("The images come in {groups:,} groups.").format(groups=groups)
    if effect > 1:
        more = _(
            "Images of one group are right or wrong together: {n:.1f} validation images count as one, and every "
            "interval is over groups."
        )
        line = f"{line} {more.format(n=effect)}"
    return line
