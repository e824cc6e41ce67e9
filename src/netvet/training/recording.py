"""What the loop writes into the trace beside the probes: the data, every epoch's metrics, and what the pages show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netvet.images.dataset import ImageSet
from netvet.images.leakage import leakage
from netvet.images.splits import group_counts
from netvet.metrics import Summary, declare, record
from netvet.recipe import Recipe
from netvet.trace import TraceWriter

EXAMPLES = 24  # images of a kind that are kept for the pages
WEIGHT_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


def setup(
    writer: TraceWriter,
    recipe: Recipe,
    images: ImageSet,
    model: nn.Module,
    environment: dict[str, str],
    steps_per_epoch: int,
) -> None:
    """What is known before the first step: sizes, classes, leakage between the splits, the machine."""
    writer.recipe(recipe)
    splits: tuple[Literal["train", "val", "test"], ...] = ("train", "val", "test")
    for split in splits:
        counts = np.bincount(images.labels[images.indices(split)], minlength=len(images.classes))
        name = "class_images" if split == "train" else f"{split}_images"
        declare(writer, name)
        for where, count in zip(images.classes, counts, strict=True):
            writer.add(0, name, float(count), where)
    _groups(writer, images)
    sizes = {split: len(images.indices(split)) for split in splits}
    declare(writer, "parameters", "train_images")
    writer.add(0, "parameters", float(sum(p.numel() for p in model.parameters() if p.requires_grad)))
    writer.add(0, "train_images", float(sizes["train"]))
    shown = _leakage(writer, images)
    plain: dict[str, Any] = {
        "classes": list(images.classes),
        "steps_per_epoch": steps_per_epoch,
        "epochs": recipe.stop.epochs,
        "finished": False,
        "environment": environment,
        "precision": environment["precision"],
        "layers": [name for name, module in model.named_modules() if isinstance(module, WEIGHT_LAYERS)],
        "examples": {"leaked": shown},
        "data": {
            "images": len(images.labels),
            **sizes,
            "rejected": [{"path": r.path, "reason": r.reason} for r in images.rejected],
            "notes": list(images.notes),
            "digest": images.digest,
            "grouped": images.groups is not None,
            "groups": 0 if images.known_groups is None else len(np.unique(images.known_groups)),
        },
    }
    for key, value in plain.items():
        writer.meta(key, value)
    writer.flush()


def _groups(writer: TraceWriter, images: ImageSet) -> None:
    """Record how many groups each class has in each split, where groups are known."""
    known = images.known_groups
    if known is None:
        return
    table = group_counts(images.labels, known, images.split, len(images.classes))
    for counts, name in zip(table.T.tolist(), ("class_groups", "val_groups", "test_groups"), strict=True):
        declare(writer, name)
        for where, count in zip(images.classes, counts, strict=True):
            writer.add(0, name, float(count), where)


def generated(writer: TraceWriter, counts: Mapping[str, int], reported: Sequence[str]) -> None:
    """Generated images that the run trains on, by class, and what is reported of them."""
    declare(writer, "generated_images")
    for where, count in counts.items():
        writer.add(0, "generated_images", float(count), where)
    data = writer.get_meta("data")
    writer.meta("data", {**data, "notes": [*data["notes"], *reported]})
    writer.flush()


def _leakage(writer: TraceWriter, images: ImageSet) -> list[dict[str, str]]:
    """Record how much of each held-out split has a twin in training; returns the captions of the pairs."""
    found = leakage(images)
    declare(writer, "leaked_share", "leaked_by_group", "leaked_by_look")
    for split, shares in found.shares.items():
        for name, value in shares.items():
            writer.add(0, name, value, split)
    pairs = found.pairs[:EXAMPLES]
    if len(pairs):
        writer.add_array(
            0, "examples", images.images[pairs.reshape(-1)].reshape(len(pairs), 2, *images.images.shape[1:]), "leaked"
        )
        writer.add_array(0, "leaked_pairs", found.pairs)
    groups = images.known_groups
    return [
        {
            "path": images.paths[a],
            "other": images.paths[b],
            "label": images.classes[images.labels[a]],
            "other_label": images.classes[images.labels[b]],
            "group": str(groups[a]) if groups is not None and groups[a] == groups[b] else "",
        }
        for a, b in pairs.tolist()
    ]


def epoch(
    writer: TraceWriter, step: int, number: int, train: Summary, val: Summary, seconds: float, trained: float
) -> None:
    """Record an epoch (counted from 1) at the index of its last step. `trained`: seconds of `seconds` without
    evaluation.
    """
    record(train, writer, step, "train")
    record(val, writer, step, "val")
    writer.add(step, "epoch", float(number))
    declare(writer, "epoch", "epoch_seconds", "training_seconds")
    writer.add(step, "epoch_seconds", seconds)
    writer.add(step, "training_seconds", trained)
    writer.flush()


def finish(writer: TraceWriter, step: int, images: ImageSet, logits: Tensor) -> None:
    """Record what the run's final model says of the validation images, and which it gets wrong with most certainty."""
    rows: NDArray[np.int64] = images.indices("val")
    labels = images.labels[rows]
    probabilities = torch.softmax(logits.nan_to_num(), 1).numpy()
    writer.add_array(step, "val_probabilities", probabilities.astype(np.float32))
    writer.add_array(step, "val_labels", labels)
    writer.add_array(step, "val_rows", rows)
    predicted = probabilities.argmax(1)
    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")][:EXAMPLES]
    shown = [
        {
            "path": images.paths[rows[i]],
            "true": images.classes[labels[i]],
            "predicted": images.classes[predicted[i]],
            "probability": f"{probabilities[i, predicted[i]]:.3f}",
        }
        for i in wrong
    ]
    if len(wrong):
        writer.add_array(
            step, "examples", images.images[np.sort(rows[wrong])][np.argsort(np.argsort(rows[wrong]))], "wrong"
        )
    writer.flush()
    known = writer.get_meta("examples") or {}
    writer.meta("examples", {**known, "wrong": shown})
