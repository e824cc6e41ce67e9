"""Whether a run had come to its end, and where it would get to if it went on: shared by the verdict and the rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netvet.rules._curve import finite
from netvet.trace import Series, Trace

FEWEST = 5  # validations: from fewer no pace can be read
ANNEALED = 0.1  # of its highest value: a learning rate that ends below it has ended the run by plan
CARRIES = 0.5  # of what the second half of a run gained, gained again in as much time: see below


@dataclass(frozen=True)
class Outlook:
    """`now`: validation accuracy as it stands (0..1, smoothed over the last quarter). `then`: where it would be after
    `epochs` more epochs, as many as were run. `noise`: standard error of what was gained.
    """

    now: float
    then: float
    epochs: int
    noise: float

    @property
    def gain(self) -> float:
        """What is still to come, 0..1."""
        return self.then - self.now


def outlook(trace: Trace) -> Outlook | None:
    """Where the validation accuracy would get to in as many epochs again; None where no pace can be read, or where the
    schedule has brought the learning rate to its end.

    Learning curves follow a power law of the work done (Hestness et al. 2017, https://arxiv.org/abs/1712.00409; Domhan,
    Springenberg, Hutter 2015): of a - b t^-c, doubling t gains 2^-c times what the doubling before it gained, 0.35 to
    0.7 for the exponents 0.5 to 1.5 of such curves. Half of it is expected here, and no more than there is room for.
    """
    curve = trace.series("val_accuracy")
    values = finite(curve.values)
    if len(values) < FEWEST or len(values) < len(curve) or _annealed(trace):
        return None
    end = values[-max(2, len(values) // 4) :]
    middle = values[len(values) // 2 - 1 : len(values) // 2 + 1]
    now, before = float(end.mean()), float(middle.mean())
    gained = max(0.0, now - before)
    noise = float(np.std(np.diff(values[len(values) // 2 :])) / np.sqrt(len(end))) if len(values) > 3 else 0.0
    return Outlook(now, min(1.0, now + CARRIES * gained), len(values), noise)


def _annealed(trace: Trace) -> bool:
    rate: Series = trace.series("learning_rate")
    values = finite(rate.values)
    return len(values) > 1 and values[-1] <= ANNEALED * values.max() and values.max() > 0
