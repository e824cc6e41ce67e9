"""The batch loss in nats, whatever the loop computes: what limits on the loss of guessing are held against."""

from __future__ import annotations

import numpy as np

from netvet.rules._chance import chance_loss
from netvet.trace import Series, Trace

AGREE = 0.1  # of the loss of guessing: how far the loop's loss may lie from the cross-entropy and be taken for it
SCALE = 3.0  # times, either way: a first loss that lies further from guessing, with nothing to compare it, has no unit


def batch_loss(trace: Trace) -> tuple[Series, float]:
    """The loss of the batches, and what guessing costs on the same scale.

    The loop's own loss where it is the cross-entropy of the batch (or smoothed, or weighted, at most AGREE from it);
    else that cross-entropy, which is measured at some steps; and where neither labels nor the recipe are known and the
    loss begins far from that of guessing, the loss with its own beginning.
    """
    loss, measured, chance = trace.series("loss"), trace.series("batch_cross_entropy"), chance_loss(trace)
    if trace.recipe is not None or not len(loss):
        return loss, chance
    if len(measured):
        return (loss, chance) if _agrees(loss, measured, chance) else (measured, chance)
    first = float(np.median(loss.values[:3]))
    return loss, chance if chance / SCALE < first < chance * SCALE else abs(first)


def _agrees(loss: Series, measured: Series, chance: float) -> bool:
    """Whether the loss is the measured cross-entropy at most of the steps at which both are known."""
    own = loss.values[np.isin(loss.steps, measured.steps)]
    other = measured.values[np.isin(measured.steps, loss.steps)]
    if not len(own) or len(own) != len(other):
        return False
    near = np.abs(own - other) <= AGREE * np.maximum(chance, np.abs(other))
    return bool(np.mean(near | ~np.isfinite(own)) >= 0.5)
