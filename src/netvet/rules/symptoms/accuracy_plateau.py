"""Accuracy stays low, in training and in validation alike, and no longer rises.

## Symptom
The network is wrong on most images, those it trains on included, and further epochs do not help.

## Evidence
`train_accuracy` and `val_accuracy` of the model that the run yields, each as the share of the way from guessing
(always the largest class) to always being right. The rule fires when both lie below `limit` and both rose by less than
`still` (0..1) over the last third of the run.

Proof: healthy runs reached 0.67 or more in validation; runs with too low a learning rate at most 0.28, runs with dead
units or no gradient 0.00. `limit` is 0.4.
The runs behind these numbers: docs/evidence/accuracy-plateau.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> low = {"train_accuracy": [0.12, 0.13, 0.13], "val_accuracy": [0.12, 0.12, 0.13]}
    >>> assert_fires("accuracy-plateau", altered(healthy_trace(), low)).evidence[0].name
    'train_accuracy'
    >>> rising = {"train_accuracy": [0.15, 0.3, 0.45], "val_accuracy": [0.15, 0.28, 0.42]}
    >>> assert_silent("accuracy-plateau", altered(healthy_trace(), rising))

## Why it happens
The network does not learn to tell the classes apart: training does not work (see loss-plateau), or it has found that
predicting the largest classes is enough for a low loss.

## Not to be confused with
Hard data on which no network does better: 60 % of ten classes is far above guessing. A generalisation-gap: there
training accuracy is high.

## Remedies
See the cause that explains it: learning-rate-too-low, learning-rate-too-high, vanishing-gradient, dead-relu,
class-imbalance.

## References
Cohen 1960, A coefficient of agreement for nominal scales, https://doi.org/10.1177/001316446002000104
Glorot, Bengio 2010, Understanding the difficulty of training deep feedforward neural networks,
https://proceedings.mlr.press/v9/glorot10a.html
"""

from __future__ import annotations

from collections.abc import Iterator

from netvet.locale import _
from netvet.rules import Finding, rule
from netvet.rules._chance import chance_accuracy, skill
from netvet.rules._curve import kept, last_third, rise, running, upto
from netvet.trace import Trace


@rule("accuracy-plateau", kind="symptom", needs=["train_accuracy", "val_accuracy"])
def check(trace: Trace, *, limit: float = 0.4, still: float = 0.05) -> Iterator[Finding]:
    """`limit`: share of the way from guessing to always right; `still`: accuracy, 0..1."""
    at = kept(trace)
    train, val = upto(trace.series("train_accuracy"), at), upto(trace.series("val_accuracy"), at)
    if len(val) < 3 or skill(train.last, trace) >= limit or skill(val.last, trace) >= limit:
        return
    if max(rise(last_third(train)), rise(last_third(val))) >= still:
        return
    chance = chance_accuracy(trace)
    text = _(
        "Training accuracy has levelled off at {train:.1%}, validation accuracy at {val:.1%}; always predicting "
        "the largest class would give {chance:.1%}."
    )
    if running(trace, train):
        text = _(
            "Training accuracy, taken from the batches while the network trained on them, has levelled off at "
            "{train:.1%}, validation accuracy at {val:.1%}; always predicting the largest class would give "
            "{chance:.1%}."
        )
    yield Finding(
        text.format(train=train.last, val=val.last, chance=chance),
        evidence=(train, val),
        limit=chance + limit * (1 - chance),
        confidence=0.95,
    )
