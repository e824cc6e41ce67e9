"""The learning rate is too high: the steps overshoot.

## Symptom
The loss jumps up and down, blows up, or settles at what guessing costs; units die.

## Evidence
With the `lr-range` exam: the run's highest learning rate lies above twice the rate at which the loss is lowest, or
above three times the best, and it is proven: 40 steps at the best rate end at a loss lower by 5 % of guessing or more
than 40 steps at the run's own, and no higher than where the whole run ended. A run that came further than those 40
steps, or as far at its own rate, is not ailed by the rate (a dropout of 0.9 looks so in the ramps). A `sharpness`
above its limit adds a little. The 5 % (`PROVEN` of guessing): at thirty times the usual rate without norm, and with
Adam at fifty times, the stretch exploded, and at the best rate it reached 0.85 to 0.92 of guessing. Where the first
loss, before any step, is twice that of guessing, the first weights come first, and the confidence is 0.6 at most.
With or without it, and where it is flat: a batch loss more than `wild` times that of guessing, or one that is not
finite, after the first step, or after the first hundredth of the run where it began high; healthy runs stay below 1.8
times. Without it, at lower confidence: an `update_ratio` (one update over the weight, RMS; the largest of the run)
above `fast` in the median layer, or above a third of that where most units of a layer died in training; unless the
very first loss was twice that of guessing, for then the weights were too large from the start. 0.1: healthy runs have
0.001 to 0.016, ten and thirty times the usual rate with batch norm 0.05 and 0.06 (98 % and 95 % right), runs that
were wrecked 0.06 (with dead units) to 0.9. Below `slow` see learning-rate-too-low.

## Why it happens
A step is safe only up to about 2 over the sharpest curvature of the loss; beyond it every step makes things worse.
Without normalisation, with little warm-up and with deeper networks that bound is lower.

## Not to be confused with
A rate that is too low: the loss plateaus too, but smoothly. A single bad batch. Noise from a small batch that
averages out.

## Remedies
lower-learning-rate (to the exam's best), one-cycle (starts and ends low), early-batch-norm (makes larger steps safe).

## References
Smith 2017, Cyclical learning rates for training neural networks (the range test), https://arxiv.org/abs/1506.01186
Cohen et al. 2021, Gradient descent on neural networks typically occurs at the edge of stability, https://arxiv.org/abs/2103.00065
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from netvet.locale import _
from netvet.rules import Answer, Finding, rule
from netvet.rules._rate import judge
from netvet.trace import Trace


@rule(
    "learning-rate-too-high",
    needs=["learning_rate", "loss"],
    exams=["lr-range", "sharpness"],
    explains=["divergence", "loss-plateau", "accuracy-plateau", "dead-relu", "vanishing-gradient"],
    remedies=["lower-learning-rate", "one-cycle", "early-batch-norm"],
)
def check(trace: Trace, *, slow: float = 3e-4, fast: float = 0.1, wild: float = 3.0) -> Iterator[Answer]:
    """`slow`, `fast`: update over weight; `wild`: multiple of the loss of guessing."""
    found = judge(trace, slow=slow, fast=fast, wild=wild)
    if found.side != "high":
        return
    if found.source == "exam" and math.isfinite(found.reached):
        text = _(
            "The learning rate peaks at {rate:.2g}, but on this model the loss falls fastest at {best:.2g}: a short "
            "stretch there ends at {reached:.2f}, at the run's own rate at {own:.3g}."
        )
        message = text.format(rate=found.rate, best=found.best, reached=found.reached, own=found.own)
        limit = found.high
    elif found.source == "exam":
        text = _("The learning rate peaks at {rate:.2g}, but on this model the loss only falls up to about {high:.2g}.")
        message, limit = text.format(rate=found.rate, high=found.high), found.high
    elif found.source == "loss" and math.isfinite(found.value):
        text = _("At step {step}, at a learning rate of {rate:.2g}, the loss shot up to {value:.3g}.")
        message, limit = text.format(step=found.step, rate=found.rate, value=found.value), wild
    elif found.source == "loss":
        text = _("At step {step}, at a learning rate of {rate:.2g}, the loss stopped being a finite number.")
        message, limit = text.format(step=found.step, rate=found.rate), wild
    else:
        text = _(
            "With a learning rate of {rate:.2g} a single step changes the weights of {layer} by {value:.0%} of "
            "their size."
        )
        message, limit = text.format(rate=found.rate, layer=found.evidence[0].where, value=found.value), fast
    yield Finding(message, evidence=found.evidence, limit=limit, confidence=found.confidence)
