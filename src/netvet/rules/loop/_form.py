"""What the loop's loss is, as its observers recognised it, and what form the model's output has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netvet.locale import _
from netvet.rules._curve import quantile, read
from netvet.trace import Series, Trace


@dataclass(frozen=True)
class LossForm:
    """`name`: "" where no loss fits. `scale`: what it is multiplied by. `summed`: over the batch. `smoothing`: 0..1."""

    name: str = ""
    scale: float = 1.0
    summed: bool = False
    smoothing: float = 0.0

    @property
    def cross_entropy(self) -> bool:
        """Whether it is the cross-entropy of the output taken as logits."""
        return self.name in ("cross-entropy", "cross-entropy, labels smoothed") and self.scale > 0


def loss_form(trace: Trace) -> LossForm:
    """The loss that the loop gave, as recognised by its value."""
    return LossForm(**trace.meta.get("loss_form", {}))


def always(trace: Trace, name: str) -> bool:
    """Whether a mark, 0 or 1, was 1 at the sampled steps, of which there are three or more; one of 20 may differ."""
    values = trace.series(name).values
    return len(values) >= 3 and float(np.mean(values > 0)) >= 0.95


def extremes(trace: Trace) -> tuple[float, float]:
    """The least and the largest value of the output at all sampled steps; nan where none was measured."""
    low, high = trace.series("output_low").values, trace.series("output_high").values
    return (float(low.min()), float(high.max())) if len(low) and len(high) else (np.nan, np.nan)


def shown(trace: Trace) -> tuple[Series, ...]:
    """The loss, read by the median of its last twenty values, and the cross-entropy of the same batches, by that of its
    last five.
    """
    loss, entropy = trace.series("loss"), trace.series("batch_cross_entropy")
    ends = quantile(loss.values[-20:], 0.5), quantile(entropy.values[-5:], 0.5)
    return read(loss, ends[0], _("median at the end")), read(entropy, ends[1], _("median at the end"))
