"""The learning rate is too high: the steps overshoot.

## Symptom
The loss jumps up and down, blows up, or settles at that of guessing; units die.

## Evidence
With the `lr-range` exam: fires when the highest rate exceeds twice the rate at which the loss is lowest, or three times
the best, and 40 steps at the best rate end lower than 40 at the run's own, by 5 % of the loss of guessing (`PROVEN`),
and no higher than the whole run. Fires too on a batch loss above `wild` times that of guessing that does not come back.
Without the exam, at lower confidence, on an `update_ratio` above `fast` in the median layer (a third where units died)
while the loss stays above half that of guessing; 0.1: healthy runs have 0.001 to 0.016, wrecked ones 0.06 to 0.9.
The runs behind these numbers: docs/evidence/learning-rate-too-high.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> long = altered(healthy_trace(), {"update_ratio@*": 0.4})
    >>> assert_fires("learning-rate-too-high", altered(long, {"loss": 1.9})).limit
    0.1
    >>> assert_silent("learning-rate-too-high", long)  # the loss came down all the same

## Why it happens
A step is safe only up to about 2 over the sharpest curvature of the loss; beyond that, every step makes things worse.
Without normalisation, with little warm-up and in deeper networks that bound is lower.

## Not to be confused with
A rate that is too low: the loss plateaus too, but smoothly. A single bad batch, after which the loss comes back. Noise
from small batches that averages out. A loop that makes every step longer or wrong, which comes first where it is found:
uncleared-gradients, unshuffled-batches, unsuited-loss (a sum over the batch).

## Remedies
lower-learning-rate (to the exam's best), one-cycle (starts and ends low), early-batch-norm (makes larger steps safe).
Of a constant rate that learns and never settles also cosine and reduce-on-plateau; cyclic-learning-rate last, since it
goes back up (none of the three measured here).

## References
Smith 2017, Cyclical learning rates for training neural networks (the range test), https://arxiv.org/abs/1506.01186
Cohen et al. 2021, Gradient descent on neural networks typically occurs at the edge of stability, https://arxiv.org/abs/2103.00065
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from netvet.locale import _
from netvet.rules import Answer, Finding, rule
from netvet.rules._rate import compared, too_high
from netvet.trace import Trace


@rule(
    "learning-rate-too-high",
    needs=["learning_rate", "loss"],
    exams=["lr-range", "sharpness"],
    explains=["divergence", "loss-plateau", "accuracy-plateau", "dead-relu", "vanishing-gradient", "under-performance"],
    remedies=[
        *("lower-learning-rate", "one-cycle", "early-batch-norm"),
        *("cosine", "reduce-on-plateau", "cyclic-learning-rate"),
    ],
)
def check(trace: Trace, *, fast: float = 0.1, wild: float = 3.0) -> Iterator[Answer]:
    """`fast`: update over weight; `wild`: multiple of the loss of guessing."""
    found = too_high(trace, fast=fast, wild=wild)
    if found.side != "high":
        return
    if found.source == "exam" and math.isfinite(found.reached):
        message = compared(found, ".3g")
    elif found.source == "exam":
        text = _(
            "The learning rate peaks at {rate:.2g}, but this model's loss falls only at rates up to about {high:.2g}."
        )
        message = text.format(rate=found.rate, high=found.high)
    elif found.source == "loss" and math.isfinite(found.value):
        text = _(
            "At step {step}, at a learning rate of {rate:.2g}, the loss shot up to {value:.3g}, and it never came back."
        )
        if found.step == int(found.evidence[0].steps[-1]):
            text = _("At step {step}, the last, at a learning rate of {rate:.2g}, the loss shot up to {value:.3g}.")
        message = text.format(step=found.step, rate=found.rate, value=found.value)
    elif found.source == "loss":
        text = _("At step {step}, at a learning rate of {rate:.2g}, the loss was no longer finite.")
        message = text.format(step=found.step, rate=found.rate)
    else:
        text = _(
            "With learning rates of at most {rate:.2g} a single step changes the weights of {layer} by up to "
            "{value:.0%} of their size."
        )
        message = text.format(rate=found.rate, layer=found.evidence[0].where, value=found.value)
    blown = found.source == "loss" and not math.isfinite(found.value)  # no limit is held against what is no number
    limit = None if blown else found.limit
    yield Finding(message, evidence=found.evidence, limit=limit, confidence=found.confidence)
