"""Plain gradient descent in a ravine: without momentum the steps cannot be long enough.

## Symptom
The loss stalls or crawls; a higher learning rate makes it jump instead of fall, a lower one makes it slower still.

## Evidence
Fires on SGD with a momentum below `weak`. With the `momentum-gain` exam: at the best learning rate of each, a short
stretch with a momentum of 0.9 ends lower by at least `gain` times the loss of guessing; if a higher rate alone does as
well, the cause is ruled out. Without the exam, at low confidence: the training loss ends above `high` times that of
guessing, although gradients arrive and the steps are neither too short nor too long. Why 0.05: the exam's gain was 0.07
and 0.08 in plain nets on rendered fish, which ended at 0.77 to 0.84 of guessing without momentum and at 0.50 and 0.62
with 0.9.
The runs behind these numbers: docs/evidence/no-momentum.md.

## Example
    >>> from netvet.recipe import Recipe
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> plain = healthy_trace(recipe=Recipe().change({"optimizer.momentum": 0.0}))
    >>> assert_fires("no-momentum", altered(plain, {"train_loss": 1.9})).confidence
    0.55
    >>> assert_silent("no-momentum", altered(plain, {"train_loss": 0.9}))

## Why it happens
Where the loss curves much more in one direction than in others, the steepest direction bounds the step, and along the
flat ones the descent creeps. Momentum cancels steps that alternate and adds up those that agree: the safe rate grows by
1 + momentum, the pace along the ravine by 1 / (1 - momentum).

## Not to be confused with
A learning rate that is too low: there, a higher one does as well. Adam, which scales every direction separately and has
momentum of its own. A ravine that comes from pixels that are not normalised.

## Remedies
momentum (0.9: the average of about ten steps).

## References
Sutskever, Martens, Dahl, Hinton 2013, On the importance of initialization and momentum in deep learning,
https://proceedings.mlr.press/v28/sutskever13.html
Goh 2017, Why momentum really works, https://distill.pub/2017/momentum/
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from netvet.locale import _
from netvet.rules import Answer, Finding, RuledOut, rule
from netvet.rules._chance import chance_loss
from netvet.rules._rate import gradient_arrives
from netvet.trace import Trace


@rule(
    "no-momentum",
    needs=["recipe", "learning_rate", "loss", "train_loss"],
    exams=["momentum-gain"],
    explains=["loss-plateau", "accuracy-plateau", "learning-rate-too-low", "under-performance"],
    remedies=["momentum"],
    may_yield_to=["learning-rate-too-low", "learning-rate-too-high"],
)
def check(trace: Trace, *, weak: float = 0.5, gain: float = 0.05, high: float = 0.5) -> Iterator[Answer]:
    """`weak`: momentum, 0..1; `gain`, `high`: shares of the loss of guessing."""
    recipe = trace.recipe
    if recipe is None or recipe.optimizer.name != "sgd" or recipe.optimizer.momentum >= weak:
        return
    chance, momentum = chance_loss(trace), recipe.optimizer.momentum
    own, helped = (trace.last("momentum_loss", place) for place in ("own", "0.9"))
    best, rate = (trace.last("momentum_rate", place) for place in ("own", "0.9"))
    seen = [trace.series("momentum_loss", place) for place in ("0.9", "own")]
    seen += [trace.series("momentum_rate", place) for place in ("0.9", "own")]
    seen += [trace.series("momentum_gain"), trace.series("grad_cosine")]
    seen += [trace.series("sharpness", place) for place in trace.places("sharpness")]
    evidence = tuple(series for series in seen if len(series))
    if math.isfinite(helped):
        gained = (min(own, 2 * chance) - helped) / chance
        values = {"momentum": momentum, "own": own, "best": best, "helped": helped, "rate": rate}
        if gained < gain:
            text = _(
                "Momentum is not the problem: at its best learning rate ({best:.2g}) a short test run ends at a loss "
                "of {own:.2f} with the run's own momentum of {momentum:g}, and with 0.9 at {helped:.2f}."
            )
            if not math.isfinite(own):
                return
            yield RuledOut(text.format(**values), evidence)
            return
        text = _(
            "SGD runs with a momentum of {momentum:g}: even at its best learning rate ({best:.2g}) a short test run "
            "ends at a loss of {own:.2f}, with a momentum of 0.9 (at {rate:.2g}) at {helped:.2f}."
        )
        if not math.isfinite(own):
            text = _(
                "SGD runs with a momentum of {momentum:g}: even at its best learning rate ({best:.2g}) a short test "
                "run ends at no finite loss, with a momentum of 0.9 (at {rate:.2g}) at {helped:.2f}."
            )
        confidence, limit = min(0.95, 0.7 + gained), min(own, 2 * chance) - gain * chance
        yield Finding(text.format(**values), evidence=evidence, limit=limit, confidence=confidence)
        return
    loss = trace.series("train_loss")
    if not loss.last > high * chance or not gradient_arrives(trace):
        return
    text = _("SGD runs with a momentum of {momentum:g}, and the training loss is still {loss:.2f}.")
    yield Finding(
        text.format(momentum=momentum, loss=loss.last),
        evidence=(loss,),
        limit=high * chance,
        confidence=0.55,
        yields_to=("learning-rate-too-low", "learning-rate-too-high"),
    )
