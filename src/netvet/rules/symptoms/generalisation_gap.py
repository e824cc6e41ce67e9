"""The network is much better on its training images than on new ones.

## Symptom
Training accuracy is high and goes on rising; validation accuracy stays far below it.

## Evidence
`train_accuracy` less `val_accuracy` (0..1) of the model that the run yields: the last one, or with early stopping the
best; in a loop of one's own training images count as in evaluation mode (`train_eval_accuracy`). The rule fires when
the lower end of the gap's 95 % interval (Newcombe 1998: the sizes of both splits count) lies above `limit`; in a log.
Accuracy rather than balanced accuracy, because a class of three validation images would decide the latter.

Proof: on photographs of 23 species healthy runs have a gap of surely 9 points, the same network on a quarter of the
images surely 18. `limit` is 0.15, `uncounted` 0.25.
The runs behind these numbers: docs/evidence/generalisation-gap.md.

## Example
    >>> from netvet.testing import assert_fires, assert_silent, healthy_trace
    >>> assert_fires("generalisation-gap", healthy_trace(train_accuracy=0.98, val_accuracy=0.62)).evidence[0].name
    'accuracy_gap'
    >>> assert_silent("generalisation-gap", healthy_trace(train_accuracy=0.99, val_accuracy=0.87))

## Why it happens
The network has learnt what tells these images apart (a background, noise, a single fish) rather than what tells the
species apart. Nothing in training rewards it for stopping.

## Not to be confused with
A validation split of other fish, light or camera than the training split: then more regularisation does not close the
gap. A gap of a few points is normal: every network is a little better on what it has seen.

## Remedies
See the cause that explains it: late-stopping, weak-regularisation, over-capacity, class-imbalance.

## References
Zhang et al. 2017, Understanding deep learning requires rethinking generalization, https://arxiv.org/abs/1611.03530
Newcombe 1998, Interval estimation for the difference between independent proportions,
https://pubmed.ncbi.nlm.nih.gov/9595617/
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from netvet.base.observed import Observed
from netvet.locale import _, later
from netvet.rules import Finding, rule
from netvet.rules._chance import seen, surely_more
from netvet.rules._curve import kept, read, running, training_accuracy, upto
from netvet.trace import Series, Trace


@rule("generalisation-gap", kind="symptom", needs=["train_accuracy", "val_accuracy"])
def check(trace: Trace, *, limit: float = 0.15, uncounted: float = 0.25) -> Iterator[Finding]:
    """`limit`: of the gap's lower bound, 0..1; `uncounted`: of the gap, where nothing says on how many images."""
    at, counted = kept(trace), math.isfinite(seen(trace, "val"))
    limit = limit if counted else uncounted
    train, val = upto(training_accuracy(trace), at), upto(trace.series("val_accuracy"), at)
    low = surely_more(train.last, seen(trace, train.name.removesuffix("_accuracy")), val.last, seen(trace, "val"))
    if not low > limit:
        return
    n = min(len(train), len(val))
    what = Observed(later("Accuracy gap"), "0..1", "share")
    gap = Series("accuracy_gap", "", val.steps[:n], train.values[:n] - val.values[:n], what)
    text = _(
        "Training accuracy is {train:.1%}, validation accuracy only {val:.1%}: a gap of {gap:.1f} points, and surely "
        "more than {low:.0f}."
    )
    if running(trace, train):
        text = _(
            "Training accuracy, taken from the batches while the network trained on them, is {train:.1%}, validation "
            "accuracy only {val:.1%}: a gap of {gap:.1f} points, and surely more than {low:.0f}."
        )
    if not counted:
        text = _("Training accuracy is {train:.1%}, validation accuracy only {val:.1%}: a gap of {gap:.1f} points.")
    surely = math.floor(100 * low)  # not rounded: that would be more than is sure
    yield Finding(
        text.format(train=train.last, val=val.last, gap=100 * (train.last - val.last), low=surely),
        evidence=(read(gap, low, _("at least")), train, val),
        limit=limit,
        confidence=0.95,
    )
