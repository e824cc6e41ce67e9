"""The learning rate is too low: the steps are too short to get anywhere.

## Symptom
The loss falls smoothly, without noise, and is still high when the run ends.

## Evidence
With the `lr-range` exam: the run's highest learning rate lies below half of the lowest one that lowers the loss, or
below a third of the best, and it is proven: 40 steps at the best rate end at a loss lower by 5 % of guessing or more
than 40 steps at the run's own, and no higher than where the whole run ended. A `sharpness` below a tenth of its limit
adds a little. The 5 %: at a hundredth of the usual rate a stretch ended at 1.00 of guessing, at the best rate at
0.74, and the whole run at 0.99. Without it, at lower confidence: `update_ratio` (one update over the weight, RMS;
90th percentile over the run) of the median layer lies below `slow`, though the gradient reaches every layer and moves
the weights more than weight decay does. 3e-4: healthy runs have 1.1e-3 (fine-tuning) to 1.1e-2, runs with a thirtieth
of the rate or less 1.3e-4 to 1.5e-6. Nothing is said of a run whose loss blew up (`wild`) or whose steps are long
(`fast`): see learning-rate-too-high.

## Why it happens
A rate taken over from another optimiser (Adam's 1e-3 is slow for SGD), another batch size, or chosen out of caution.

## Not to be confused with
A rate that is too high: the loss plateaus too, but it is noisy, and the exam tells the two apart. A vanishing
gradient: there only the early layers stand still. A run that was merely too short.

## Remedies
raise-learning-rate (to the exam's best), one-cycle (a high peak with a warm-up and a cool-down).

## References
Smith 2017, Cyclical learning rates for training neural networks (the range test), https://arxiv.org/abs/1506.01186
Li et al. 2019, Towards explaining the regularization effect of initial large learning rate, https://arxiv.org/abs/1907.04595
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from netvet.locale import _
from netvet.rules import Answer, Finding, RuledOut, rule
from netvet.rules._rate import judge
from netvet.trace import Trace


@rule(
    "learning-rate-too-low",
    needs=["learning_rate", "loss"],
    exams=["lr-range", "sharpness"],
    explains=["loss-plateau", "accuracy-plateau"],
    remedies=["raise-learning-rate", "one-cycle"],
)
def check(trace: Trace, *, slow: float = 3e-4, fast: float = 0.1, wild: float = 3.0) -> Iterator[Answer]:
    """`slow`, `fast`: update over weight; `wild`: multiple of the loss of guessing."""
    found = judge(trace, slow=slow, fast=fast, wild=wild)
    if found.side == "low" and found.source == "exam" and math.isfinite(found.reached):
        text = _(
            "The learning rate peaks at {rate:.2g}, but on this model the loss falls fastest at {best:.2g}: a short "
            "stretch there ends at {reached:.2f}, at the run's own rate at {own:.2f}."
        )
        message = text.format(rate=found.rate, best=found.best, reached=found.reached, own=found.own)
        yield Finding(message, evidence=found.evidence, limit=found.low, confidence=found.confidence)
    elif found.side == "low" and found.source == "exam":
        text = _(
            "The learning rate peaks at {rate:.2g}, but on this model the loss only falls from about {low:.2g} on."
        )
        message = text.format(rate=found.rate, low=found.low)
        yield Finding(message, evidence=found.evidence, limit=found.low, confidence=found.confidence)
    elif found.side == "low":
        text = _(
            "With a learning rate of {rate:.2g} or less, a step changes the weights of {layer} by {value:.1g} of "
            "their size: "
            "hardly at all."
        )
        message = text.format(rate=found.rate, layer=found.evidence[0].where, value=found.value)
        yield Finding(message, evidence=found.evidence, limit=slow, confidence=found.confidence)
    elif found.side == "right" and found.best == found.best:  # not nan
        text = _(
            "The learning rate is not too low: it peaks at {rate:.2g}, and the loss falls between {low:.2g} and "
            "{high:.2g}."
        )
        yield RuledOut(text.format(rate=found.rate, low=found.low, high=found.high), found.evidence)
