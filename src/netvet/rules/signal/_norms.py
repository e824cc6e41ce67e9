"""What a trace says of its batch norms beside their own curves: the two losses to compare, and what chance would do."""

from __future__ import annotations

import math

from netvet.rules._curve import kept, quantile
from netvet.rules._loss import batch_loss
from netvet.trace import Series, Trace


def losses(trace: Trace) -> tuple[float, float]:
    """Median loss of the training batches in the epoch that the run yields, and what is evaluated after it; or nan."""
    after = evaluated_loss(trace)
    at = min(kept(trace), len(after) - 1)
    if at < 0 or not _comparable(trace):
        return math.nan, math.nan
    loss, _guessing = batch_loss(trace)
    inside = (loss.steps <= after.steps[at]) & (loss.steps > (after.steps[at - 1] if at else -1))
    return quantile(loss.values[inside], 0.5), float(after.values[at])


def evaluated_loss(trace: Trace) -> Series:
    """The loss in evaluation mode, by epoch: of training images, or of validation where a loop did not measure it."""
    if trace.recipe is not None:
        return trace.series("train_loss")
    return trace.series("train_eval_loss" if trace.places("train_eval_loss") else "val_loss")


def _comparable(trace: Trace) -> bool:
    """Whether the batch loss is a plain cross-entropy, or one that can only be higher (smoothing, mixing, dropout)."""
    loss = trace.recipe.loss if trace.recipe is not None else None
    return loss is None or (loss.name == "cross-entropy" and loss.class_weights == "none")


def by_chance(trace: Trace) -> float:
    """How far a batch's mean lies from the true one by chance at most, in standard deviations of a value.

    sqrt(2 / pi) / sqrt(batch): the mean absolute deviation where every position of an image has the same value.
    """
    size = trace.recipe.batch_size if trace.recipe is not None else _batch(trace)
    return math.sqrt(2 / math.pi / max(size, 1.0))


def _batch(trace: Trace) -> float:
    """Images a step; 1 where that was not recorded."""
    steps = trace.meta.get("steps_per_epoch") or math.nan
    images = trace.last("train_images") / steps
    return images if math.isfinite(images) else 1.0
