"""Training went on after the network had peaked.

## Symptom
Validation accuracy peaks early and then falls while training accuracy still rises.

## Evidence
Reads moving means of `val_accuracy` and `val_loss` over an eighth of the run. Fires when accuracy peaked in the first
`early` of the run and ends more than `fall` (0..1) lower, by more than twice its standard error and three times the
zigzag between epochs, and training accuracy lost at most half as much; only a peak above guessing by `peak` of the way
counts. Fires too, at lower confidence, when accuracy settled within the first half of `early` and validation loss now
exceeds `rise` times its lowest: it only became more confident. With 40 % wrong labels and 40 epochs, accuracy peaked at
50 % in epoch 4 and ended at 41 %; 8 healthy runs are silent.
The runs behind these numbers: docs/evidence/late-stopping.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> peak, zigzag = [0.2, 0.7, 0.82, 0.75, 0.7, 0.66], [0.3, 0.7, 0.86, 0.83, 0.87, 0.84, 0.86, 0.85]
    >>> assert_fires("late-stopping", altered(healthy_trace(), {"val_accuracy": peak})).evidence[0].name
    'val_accuracy'
    >>> assert_silent("late-stopping", altered(healthy_trace(), {"val_accuracy": zigzag}))

## Why it happens
Once the training images are fitted, what remains of the gradient makes the network more confident about them, right or
wrong. With early stopping, the run would yield its best epoch instead of its last.

## Not to be confused with
The zigzag of validation accuracy from one epoch to the next. A validation loss that rises while accuracy rises too: the
network becomes overconfident, but no worse at telling species apart.

## Remedies
early-stopping, and whatever postpones the peak: augment, weight-decay.

## References
Prechelt 1998, Early stopping - but when?, https://doi.org/10.1007/3-540-49430-8_3
Guo et al. 2017, On calibration of modern neural networks, https://arxiv.org/abs/1706.04599
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from netvet.locale import _
from netvet.rules import Finding, rule
from netvet.rules._chance import seen, skill
from netvet.rules._curve import read, smooth, training_accuracy
from netvet.trace import Series, Trace


@rule(
    "late-stopping",
    needs=["val_accuracy", "val_loss", "train_accuracy"],
    explains=["generalisation-gap", "under-performance"],
    remedies=["early-stopping", "augment", "weight-decay"],
)
def check(
    trace: Trace, *, fall: float = 0.03, early: float = 0.7, rise: float = 1.5, peak: float = 0.1
) -> Iterator[Finding]:
    """`fall`: accuracy, 0..1; `early`: share of the run; `rise`: multiple of the lowest loss; `peak`: of the way from
    guessing to always right.
    """
    accuracy, loss = trace.series("val_accuracy"), trace.series("val_loss")
    epochs = len(accuracy)
    if epochs < 6 or (trace.recipe is not None and trace.recipe.stop.early_stopping is not None):
        return
    window = max(3, epochs // 8)
    means, losses = smooth(accuracy.values, window), smooth(loss.values, window)
    best, lowest = int(np.argmax(means)), int(np.argmin(losses))
    if skill(float(means[best]), trace) < peak:
        return  # what never learnt has nothing to lose
    error = math.sqrt(max(means[best] * (1 - means[best]), 0) / seen(trace, "val"))
    zigzag = float(np.std(np.diff(accuracy.values[epochs // 3 :]))) / math.sqrt(window)
    lost = float(means[best] - means[-1])
    train = smooth(training_accuracy(trace).values, window)
    if len(train) == len(means) and 2 * float(train[best] - train[-1]) > lost > 0:
        return  # training lost it too: it came apart, and did not go on for too long
    needed = max(fall, 2 * error, 3 * zigzag)
    if lost > needed and best + window / 2 < early * epochs:
        text = _(
            "Validation accuracy, averaged over {window} epochs, peaked around epoch {best} of {epochs} ({high:.1%}) "
            "and fell to {last:.1%} by the end."
        )
        numbers = {"best": best + 1 + window // 2, "high": means[best], "last": means[-1]}
        message = text.format(window=window, epochs=epochs, **numbers)
        limit, confidence = float(means[best]) - needed, min(0.95, 0.75 + 2 * lost)
        yield Finding(message, evidence=(_averaged(accuracy, means), loss), limit=limit, confidence=confidence)
        return
    settled = int(np.argmax(means >= means[-1] - error))
    if max(settled, lowest) + window / 2 < early * epochs / 2 and losses[-1] > rise * losses[lowest]:
        text = _(
            "By around epoch {settled} of {epochs} validation accuracy was where it ended, but for chance; from then "
            "on validation loss, averaged over {window} epochs, rose from {low:.2f} to {last:.2f}."
        )
        epoch = max(settled, lowest) + 1 + window // 2
        sureness = min(0.7, 0.4 + 0.2 * float(np.log2(losses[-1] / losses[lowest])))
        low = losses[max(settled, lowest)]
        message = text.format(settled=epoch, epochs=epochs, window=window, low=low, last=losses[-1])
        yield Finding(
            message,
            evidence=(_averaged(loss, losses), accuracy),
            limit=float(rise * losses[lowest]),
            confidence=sureness,
        )


def _averaged(series: Series, means: NDArray[np.float64]) -> Series:
    """The moving mean that was judged, as a curve."""
    curve = replace(series, steps=series.steps[len(series) - len(means) :], values=means)
    return read(curve, means[-1], _("averaged"))
