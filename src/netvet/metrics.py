"""Metrics of a classifier, by torchmetrics, with an interval for every class's AUC."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netvet.base.observed import Observed
from netvet.design_effect import correlation, design_effect
from netvet.locale import later
from netvet.trace import TraceWriter

SPLITS = {
    "train": {
        "loss": Observed(later("Training loss"), "nats", "nats"),
        "accuracy": Observed(later("Training accuracy"), "0..1", "share"),
        "balanced_accuracy": Observed(later("Balanced accuracy, training"), "0..1", "share"),
        "calibration_error": Observed("", "0..1", "share"),
        "entropy": Observed("", "of ln(classes), 0..1", "share"),
        "auc": Observed(later("AUC on training images"), "one against the rest, 0..1", "auc"),
        "recall": Observed(later("Recall on training images"), "0..1", "share"),
        "design_effect": Observed("", "images that count as one", "number"),
    },
    "train_eval": {
        "loss": Observed(later("Training loss in evaluation mode"), "nats", "nats"),
        "accuracy": Observed(later("Training accuracy in evaluation mode"), "0..1", "share"),
        "balanced_accuracy": Observed("", "0..1", "share"),
        "calibration_error": Observed("", "0..1", "share"),
        "entropy": Observed("", "of ln(classes), 0..1", "share"),
        "auc": Observed("", "one against the rest, 0..1", "auc"),
        "recall": Observed("", "0..1", "share"),
    },
    "val": {
        "loss": Observed(later("Validation loss"), "nats", "nats"),
        "accuracy": Observed(later("Validation accuracy"), "0..1", "share"),
        "balanced_accuracy": Observed(later("Balanced accuracy, validation"), "0..1", "share"),
        "calibration_error": Observed("", "0..1", "share"),
        "entropy": Observed("", "of ln(classes), 0..1", "share"),
        "auc": Observed(later("AUC on validation images"), "one against the rest, 0..1", "auc"),
        "auc_low": Observed("", "95 % interval, 0..1", "auc"),
        "auc_high": Observed("", "95 % interval, 0..1", "auc"),
        "recall": Observed(later("Recall on validation images"), "0..1", "share"),
        "design_effect": Observed("", "images that count as one", "number"),
    },
}
"""What `record` writes of a split, by metric; in the trace the split's name stands before it, as in `val_auc`."""

RECORDED = {
    **{f"{split}_{name}": observed for split, metrics in SPLITS.items() for name, observed in metrics.items()},
    "loss": Observed(later("Batch loss"), kind="nats"),
    "learning_rate": Observed(later("Highest learning rate"), telling="highest"),
    "epoch": Observed(kind="count"),
    "epoch_seconds": Observed(unit="s", kind="seconds"),
    "training_seconds": Observed(kind="seconds"),
    "class_images": Observed(later("Training images"), "images", "count"),
    "val_images": Observed("", "images", "count"),
    "test_images": Observed("", "images", "count"),
    "class_groups": Observed(later("Training groups"), "groups", "count"),
    "val_groups": Observed(later("Validation groups"), "groups", "count"),
    "test_groups": Observed("", "groups", "count"),
    "train_images": Observed(kind="count"),
    "generated_images": Observed("", "images", "count"),
    "parameters": Observed(later("Trainable parameters"), "trainable numbers", "count"),
    "leaked_share": Observed(later("Leaked images"), "share of the split, 0..1", "share"),
    "leaked_by_group": Observed(later("Leaked by group"), "share of the split, 0..1", "share"),
    "leaked_by_look": Observed(later("Leaked by look"), "share of the split, 0..1", "share"),
}
"""What the loop and `watch` record beside the probes."""


@dataclass(frozen=True)
class Summary:
    """What a set of predictions amounts to.

    `numbers`: loss (nats), accuracy, balanced_accuracy (mean recall of the classes that occur), calibration_error
    (expected, 15 bins, Guo et al. 2017, https://arxiv.org/abs/1706.04599) and entropy (of the predictions, over
    ln(classes)), all 0..1 but the loss. `per_class`: auc (one against the rest), auc_low, auc_high (95 %) and recall,
    for each class that occurs. Where groups are known both have a design_effect, and the intervals are over groups.
    `confusion`: (classes, classes) int64, rows true, columns predicted.
    """

    numbers: dict[str, float]
    per_class: dict[str, dict[str, float]]
    confusion: NDArray[np.int64]


def summarise(
    logits: Tensor, labels: Tensor, classes: Sequence[str], groups: NDArray[np.int64] | None = None
) -> Summary:
    """Metrics of `logits` (n, classes) against `labels` (n,) int64. Logits that are not finite give nan, never an
    error. `groups`: (n,) the number of the group of each image, where groups are known.
    """
    from torchmetrics.functional.classification import (
        multiclass_calibration_error,
        multiclass_confusion_matrix,
    )

    logits, labels = logits.detach().float().cpu(), labels.detach().long().cpu()
    count = len(classes)
    probabilities = logits.softmax(1)
    confusion = multiclass_confusion_matrix(logits.nan_to_num().argmax(1), labels, num_classes=count).numpy()
    support = confusion.sum(1)
    occurs = support > 0
    recall = np.divide(confusion.diagonal(), support, out=np.full(count, np.nan), where=occurs)
    finite = bool(torch.isfinite(logits).all())
    numbers = {
        "loss": float(torch.nn.functional.cross_entropy(logits, labels)) if finite else math.nan,
        "accuracy": float(confusion.trace() / max(1, support.sum())),
        "balanced_accuracy": float(recall[occurs].mean()) if occurs.any() else math.nan,
        "calibration_error": (
            float(multiclass_calibration_error(probabilities, labels, num_classes=count, n_bins=15))
            if finite
            else math.nan
        ),
        "entropy": float(torch.special.entr(probabilities).sum(1).mean() / math.log(count)) if finite else math.nan,
    }
    auc = one_vs_rest_auc(probabilities.numpy(), labels.numpy())
    effect, rest = np.ones(count), np.ones(count)
    if groups is not None:
        truth = labels.numpy()
        rho = correlation(logits.nan_to_num().argmax(1).numpy() == truth, truth, groups)
        effect = np.array([design_effect(groups[truth == k], rho) for k in range(count)])
        rest = np.array([design_effect(groups[truth != k], rho) for k in range(count)])
        numbers["design_effect"] = design_effect(groups, rho)
    low, high = auc_interval(auc, support / effect, (support.sum() - support) / rest)
    per_class = {"auc": auc, "auc_low": low, "auc_high": high, "recall": recall}
    if groups is not None:
        per_class["design_effect"] = np.where(occurs, effect, np.nan)
    named = {
        name: {classes[i]: float(values[i]) for i in range(count) if np.isfinite(values[i])}
        for name, values in per_class.items()
    }
    return Summary(numbers, named, confusion.astype(np.int64))


def record(summary: Summary, writer: TraceWriter, step: int, split: str) -> None:
    """Write a summary into a trace, as `val_accuracy`, `val_auc` by class, and so on."""
    writer.declare({f"{split}_{name}": observed for name, observed in SPLITS[split].items()})
    for name, value in summary.numbers.items():
        writer.add(step, f"{split}_{name}", value)
    for name, values in summary.per_class.items():
        for where, value in values.items() if name in SPLITS[split] else ():
            writer.add(step, f"{split}_{name}", value, where)
    writer.add_array(step, f"{split}_confusion", summary.confusion)


def declare(writer: TraceWriter, *names: str) -> None:
    """State in a trace what these observations are."""
    writer.declare({name: RECORDED[name] for name in names})


def one_vs_rest_auc(probabilities: NDArray[np.floating], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Area under the ROC curve of each class against the rest, (classes,); nan for a class that is absent or alone.

    The Mann-Whitney form, all classes at once, ties counted half: the same numbers as scikit-learn's `roc_auc_score`,
    which takes several times as long class by class (a test compares the two).
    """
    from scipy.stats import rankdata

    count = probabilities.shape[1]
    positive = np.bincount(labels, minlength=count).astype(np.float64)
    negative = len(labels) - positive
    auc = np.full(count, np.nan)
    ranks = rankdata(probabilities, axis=0)
    sums = np.zeros(count)
    np.add.at(sums, labels, ranks[np.arange(len(labels)), labels])
    ok = (positive > 0) & (negative > 0) & np.isfinite(probabilities).all(0)
    auc[ok] = (sums[ok] - positive[ok] * (positive[ok] + 1) / 2) / (positive[ok] * negative[ok])
    return auc


def auc_interval(
    auc: NDArray[np.float64], positive: NDArray[np.number], negative: NDArray[np.number], z: float = 1.96
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 95 % score interval of an AUC from its class sizes, Newcombe's method 5; arrays of shape (classes,).

    Unlike DeLong's it does not collapse to a point at an AUC of 1, which a class of three images often has. R. G.
    Newcombe, Confidence intervals for an effect size measure based on the Mann-Whitney statistic, part 2, Statistics
    in Medicine 25 (2006) 559-573, https://doi.org/10.1002/sim.2324.
    """
    pairs = np.maximum(positive * negative, 1).astype(np.float64)
    mean_size = (positive + negative) / 2

    def deviation(theta: NDArray[np.float64]) -> NDArray[np.float64]:
        spread = 1 + (mean_size - 1) * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        wide: NDArray[np.float64] = z * np.sqrt(theta * (1 - theta) * spread / pairs)
        return wide

    def solve(inside: NDArray[np.float64], outside: NDArray[np.float64]) -> NDArray[np.float64]:
        for _ in range(40):  # bisection to 1e-12
            middle = (inside + outside) / 2
            within = np.abs(middle - auc) <= deviation(middle)
            inside, outside = np.where(within, middle, inside), np.where(within, outside, middle)
        return inside

    return solve(auc.copy(), np.zeros_like(auc)), solve(auc.copy(), np.ones_like(auc))
