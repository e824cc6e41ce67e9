"""What a report states, read from the trace: plain values that all renderers share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netvet.report.model import Report
from netvet.rules import Finding, rules
from netvet.trace import Series, Trace

OFF_THE_SCALE = 1e30


@dataclass(frozen=True)
class Confusion:
    """`count` of the `images` of class `true` are taken for `predicted`."""

    true: str
    predicted: str
    count: int
    images: int

    @property
    def share(self) -> float:
        """Of the class' images, 0..1."""
        return self.count / self.images


@dataclass(frozen=True)
class ClassRow:
    """One class: images in each split, AUC with its interval, recall on validation; nan where not measured. `groups`:
    those in train, val and test; nan where none are known.
    """

    name: str
    train: float
    val: float
    test: float
    auc: float
    low: float
    high: float
    recall: float
    groups: tuple[float, float, float] = (math.nan, math.nan, math.nan)


def invalidates(finding: Finding) -> bool:
    """Whether a finding makes the measurement itself untrue: the accuracy of held-out images is doubtful."""
    known = rules().get(finding.rule)
    return known is not None and known.invalidates


def finite(series: Series) -> Series:
    """The series without what is not a number, and without what no axis can hold."""
    keep = np.abs(series.values) < OFF_THE_SCALE  # False for nan too
    return replace(series, steps=series.steps[keep], values=series.values[keep])


def final_epoch(trace: Trace) -> int | None:
    """Index of the epoch whose model the run yields: the last; with early stopping the best. None without epochs."""
    stop = trace.recipe.stop if trace.recipe else None
    metric = stop.metric if stop else "balanced_accuracy"
    values = trace.series(f"val_{metric}").values
    if not len(values):
        values = trace.series("val_accuracy").values
        metric = "accuracy"
    if not len(values):
        return len(trace.series("train_accuracy")) - 1 if len(trace.series("train_accuracy")) else None
    if stop is None or stop.early_stopping is None or not np.isfinite(values).any():
        return len(values) - 1
    return int(np.nanargmin(values) if metric == "loss" else np.nanargmax(values))


def at(series: Series, index: int | None) -> float:
    """The value at an index; the newest where the index is past the end; nan where there is none."""
    if index is None or not len(series):
        return math.nan
    return float(series.values[min(index, len(series) - 1)])


def key_numbers(trace: Trace) -> dict[str, float]:
    """Accuracies of the run's final model, 0..1; only what was measured."""
    index = final_epoch(trace)
    evaluated = (
        trace.recipe is None and len(trace.series("train_eval_accuracy")) >= len(trace.series("val_accuracy")) > 0
    )
    train = "train_eval_accuracy" if evaluated else "train_accuracy"  # of a loop, of the batches: while it trained
    names = (train, "val_accuracy", "val_balanced_accuracy")
    found = {name: at(trace.series(name), index) for name in names}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def epochs_done(trace: Trace) -> int:
    """How many epochs were measured."""
    return max((len(trace.series(name)) for name in ("epoch", "val_loss", "train_loss")), default=0)


def class_names(trace: Trace) -> list[str]:
    """The classes, in the order of the labels; empty where nobody named them."""
    names = trace.meta.get("classes")
    return [str(n) for n in names] if isinstance(names, list) else []


def class_rows(trace: Trace) -> list[ClassRow]:
    """What is known of each class."""
    return [
        ClassRow(
            name,
            trace.last("class_images", name),
            trace.last("val_images", name),
            trace.last("test_images", name),
            trace.last("val_auc", name),
            trace.last("val_auc_low", name),
            trace.last("val_auc_high", name),
            trace.last("val_recall", name),
            (trace.last("class_groups", name), trace.last("val_groups", name), trace.last("test_groups", name)),
        )
        for name in class_names(trace)
    ]


def confusion(trace: Trace) -> NDArray[np.int64] | None:
    """The confusion matrix on validation, rows true; None where there is none that fits the classes."""
    matrix = trace.array("val_confusion")
    size = len(class_names(trace))
    if matrix is None or size < 2 or matrix.shape != (size, size) or not matrix.sum():
        return None
    return matrix.astype(np.int64)


def top_confusions(matrix: NDArray[np.int64], classes: Sequence[str], most: int = 5) -> list[Confusion]:
    """The commonest errors, by count, then by share of the class."""
    totals = matrix.sum(axis=1)
    wrong = [
        Confusion(classes[i], classes[j], int(matrix[i, j]), int(totals[i]))
        for i, j in np.argwhere(matrix)
        if i != j and matrix[i, j] > 0
    ]
    return sorted(wrong, key=lambda c: (-c.count, -c.share))[:most]


def layers(trace: Trace, name: str) -> list[str]:
    """The layers where something was measured, in forward order."""
    places = [p for p in trace.places(name) if p and len(finite(trace.series(name, p)))]
    order = trace.meta.get("layers")
    if isinstance(order, list):
        rank = {layer: i for i, layer in enumerate(order)}
        if all(p in rank for p in places):
            return sorted(places, key=lambda p: rank[p])
    return places


def data(trace: Trace) -> dict[str, Any]:
    """The `data` entry of the trace; empty where there is none."""
    found = trace.meta.get("data")
    return found if isinstance(found, dict) else {}


def examples(trace: Trace, kind: str) -> list[tuple[NDArray[np.uint8], dict[str, Any]]]:
    """Example images ("wrong": (h, w, 3); "leaked": (2, h, w, 3)) with what is known of each."""
    images = trace.array("examples", kind)
    notes = trace.meta.get("examples")
    rows = notes.get(kind) if isinstance(notes, dict) else None
    shape = {"wrong": 4, "leaked": 5}[kind]
    if images is None or not isinstance(rows, list) or images.ndim != shape or images.shape[-1] != 3:
        return []
    return [(image, row) for image, row in zip(images, rows, strict=False) if isinstance(row, dict)]


def leaked(trace: Trace) -> dict[str, float]:
    """Share (0..1) of val and of test that has a twin in training; only where it is above 0."""
    shares = {split: trace.last("leaked_share", split) for split in ("val", "test")}
    return {split: share for split, share in shares.items() if math.isfinite(share) and share > 0}


def stopped_early(report: Report) -> bool:
    """Whether the run was broken off; of a loop of one's own nobody knows how many epochs were planned."""
    return report.trace.recipe is not None and report.trace.meta.get("finished") is False
