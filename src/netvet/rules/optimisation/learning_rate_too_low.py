"""The learning rate is too low: the steps are too short to get anywhere.

## Symptom
The loss falls smoothly, without noise, and is still high when the run ends.

## Evidence
With the `lr-range` exam: fires when the run's highest rate is below half of the lowest that lowers the loss, or a third
of the best, and 40 steps at the best rate end lower than 40 at the run's own, by 5 % of the loss of guessing, and no
higher than the whole run. Why 5 %: at a hundredth of the usual rate they ended at 1.00 of guessing, at the best at
0.74. Without the exam, at lower confidence: `update_ratio` of the median layer stays below `slow` although gradients
arrive. Why 3e-4: healthy runs have 1.1e-3 to 1.1e-2, slow ones 1.3e-4 to 1.5e-6.
The runs behind these numbers: docs/evidence/learning-rate-too-low.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> run = healthy_trace(recipe=None)
    >>> assert_fires("learning-rate-too-low", altered(run, {"update_ratio@*": 2e-5})).limit
    0.0003
    >>> assert_silent("learning-rate-too-low", altered(run, {"update_ratio@*": 1e-3}))

## Why it happens
A rate taken from another optimiser (Adam's 1e-3 is slow for SGD) or another batch size, or chosen out of caution.

## Not to be confused with
A rate that is too high: the loss plateaus too, but it is noisy, and the exam tells the two apart. A vanishing
gradient: only the early layers stand still. A run that was merely too short.

## Remedies
raise-learning-rate (to the exam's best), one-cycle (a high peak with a warm-up and a cool-down),
cyclic-learning-rate (up to the exam's best again and again; not measured here).

## References
Smith 2017, Cyclical learning rates for training neural networks (the range test), https://arxiv.org/abs/1506.01186
Li et al. 2019, Towards explaining the regularization effect of initial large learning rate, https://arxiv.org/abs/1907.04595
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from netvet.locale import _
from netvet.rules import Answer, Finding, RuledOut, rule
from netvet.rules._rate import Judgement, compared, too_low
from netvet.trace import Trace


@rule(
    "learning-rate-too-low",
    needs=["learning_rate", "loss"],
    exams=["lr-range", "sharpness"],
    explains=["loss-plateau", "accuracy-plateau", "under-performance"],
    remedies=["raise-learning-rate", "one-cycle", "cyclic-learning-rate"],
    yields_to=["learning-rate-too-high"],
)
def check(trace: Trace, *, slow: float = 3e-4) -> Iterator[Answer]:
    """`slow`: update over weight."""
    found = too_low(trace, slow=slow)
    if found.side == "low" and found.source == "exam" and math.isfinite(found.reached):
        message = compared(found, ".2f")
        yield Finding(message, evidence=found.evidence, limit=found.limit, confidence=found.confidence)
    elif found.side == "low" and found.source == "exam":
        text = _(
            "The learning rate peaks at {rate:.2g}, but this model's loss falls only at rates from about {low:.2g}."
        )
        message = text.format(rate=found.rate, low=found.low)
        yield Finding(message, evidence=found.evidence, limit=found.limit, confidence=found.confidence)
    elif found.side == "low":
        text = _(
            "With a learning rate of {rate:.2g} or less, nine steps in ten change the weights of {layer} by less than "
            "{value:.2g} of their size."
        )
        message = text.format(rate=found.rate, layer=found.evidence[0].where, value=found.value)
        yield Finding(message, evidence=found.evidence, limit=found.limit, confidence=found.confidence)
    elif found.side == "right" and found.best == found.best:  # not nan
        yield from _not_low(trace, found)


def _not_low(trace: Trace, found: Judgement) -> Iterator[RuledOut]:
    """That the rate is not too low, with the numbers that say so."""
    text = _(
        "The learning rate is not too low: it peaks at {rate:.2g}, and rates from about {low:.2g} to {high:.2g} "
        "lower the loss."
    )
    end = trace.series("train_loss")
    if found.rate < found.low and not math.isfinite(found.own + found.reached + end.last):
        return  # what lowers the loss are higher rates, and no test run compares them with its own
    if found.rate < found.low:
        text = _(
            "The learning rate is not too low: a short test run ends at a loss of {own:.2f} at its peak "
            "({rate:.2g}), at {reached:.2f} at {aim:.2g}, near the best rate of the range test; the whole run ended "
            "at {end:.2f}."
        )
    numbers = {"rate": found.rate, "low": found.low, "high": found.high, "aim": found.aim}
    numbers |= {"own": found.own, "reached": found.reached, "end": end.last}
    yield RuledOut(text.format(**numbers), (*found.evidence, end) if len(end) else found.evidence)
