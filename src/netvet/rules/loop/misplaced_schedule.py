"""The learning-rate schedule is stepped at the wrong rhythm: every batch where it counts epochs, or the reverse.

## Symptom
Learning stops after the first epochs although the loss was falling; or it never takes off, epoch after epoch.

## Evidence
The shape of `learning_rate`, and the schedule itself where it is found. Too fast: stepped with every batch,
the rate fell below `gone` of its peak in the first `early` part of the run, and never rose again; or a cosine of so
many epochs was run through more than `rounds` times (`schedule_steps` over `schedule_span`). Too slow: the rate changes
once an epoch, has not come to `reach` of `planned_rate`, and the schedule is planned for `far` times the epochs done
and more batches than three epochs have. Cosines, one-cycles and
polynomials that end a run near 0 come below a hundredth in its last tenth.
The runs behind these numbers: docs/evidence/misplaced-schedule.md.

## Example
    >>> import numpy as np
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> loop = altered(healthy_trace(recipe=None), {"epoch": 1})
    >>> each_batch = altered(loop, {"learning_rate": lambda old: 0.1 * 0.9 ** np.arange(len(old))})
    >>> assert_fires("misplaced-schedule", each_batch).fix
    'scheduler.step()  # once an epoch, after the batches'
    >>> assert_silent("misplaced-schedule", loop)

## Why it happens
`scheduler.step()` stands in the loop over the batches, or outside it. StepLR, ExponentialLR and a cosine of as many
steps as epochs count epochs; OneCycleLR and warm-ups over hundreds of steps count batches.

## Not to be confused with
A cosine over all batches, warm restarts and cyclic rates: they are meant to move within an epoch. A learning-rate-
too-low from the beginning: there the schedule does not matter.

## Remedies
None is a change of the recipe: the finding gives the line of code.

## References
PyTorch documentation, torch.optim, How to adjust learning rate, https://pytorch.org/docs/stable/optim.html
Smith, Topin 2019, Super-convergence, https://arxiv.org/abs/1708.07120
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from netvet.locale import _
from netvet.rules import Answer, Finding, rule
from netvet.rules._curve import highest, read
from netvet.trace import Series, Trace

COSINE = "CosineAnnealingLR"


@rule(
    "misplaced-schedule",
    needs=["learning_rate", "epoch"],
    explains=[
        "loss-plateau",
        "accuracy-plateau",
        "stuck-class",
        "generalisation-gap",
        "learning-rate-too-low",
        "learning-rate-too-high",
        "unchanged-weights",
        "under-capacity",
        "vanishing-gradient",
        "weak-features",
        "under-performance",
    ],
)
def check(
    trace: Trace,
    *,
    gone: float = 0.01,
    early: float = 0.6,
    rounds: float = 3.0,
    reach: float = 0.5,
    far: float = 10.0,
) -> Iterator[Answer]:
    """`gone`, `reach`: shares of a rate; `early`: of the run; `rounds`: of a cosine; `far`: multiple of the epochs."""
    rates, steps = trace.series("learning_rate"), _epoch_steps(trace)
    if trace.recipe is not None or len(rates) < 3 or steps < 2 or not np.isfinite(rates.values).all():
        return
    if _changes_inside(rates, steps) or _each_batch(trace):
        yield from _too_fast(trace, rates, steps, gone=gone, early=early, rounds=rounds)
    else:
        yield from _too_slow(trace, rates, steps, reach=reach, far=far)


def _epoch_steps(trace: Trace) -> int:
    """Optimiser steps of the first epoch; 0 where it is not known."""
    ends = trace.series("epoch").steps
    return int(ends[0]) + 1 if len(ends) else 0


def _each_batch(trace: Trace) -> bool:
    """Whether the schedule was stepped more than twice an epoch."""
    done = max((trace.last("schedule_steps", place) for place in trace.places("schedule_steps")), default=0.0)
    return done > 2 * trace.last("epoch") + 1


def _changes_inside(rates: Series, steps: int) -> bool:
    """Whether the rate changes within the epochs, not only from one to the next."""
    changed = rates.steps[1:][np.diff(rates.values) != 0]
    return int((np.minimum(changed % steps, steps - changed % steps) > 1).sum()) > len(changed) / 2


def _too_fast(
    trace: Trace, rates: Series, steps: int, *, gone: float, early: float, rounds: float
) -> Iterator[Finding]:
    """A schedule of epochs that was stepped every batch."""
    values, peak = rates.values, float(rates.values.max())
    low = int(np.flatnonzero(values > gone * peak).max(initial=-1)) + 1
    turns = trace.last("schedule_steps", COSINE) / max(trace.last("schedule_span", COSINE), 1.0)
    fix = "scheduler.step()  # " + _("once an epoch, after the batches")
    if low < early * len(values) and len(values) - low >= steps and peak > 0:
        text = _(
            "The schedule is stepped with every batch: at step {step}, in epoch {epoch}, the learning rate had fallen "
            "from {peak:.2g} to {rate:.2g}, and {left:.0%} of the run was still to come."
        )
        message = text.format(
            step=int(rates.steps[low]),
            epoch=int(rates.steps[low]) // steps + 1,
            peak=peak,
            rate=values[low],
            left=1 - low / len(values),
        )
        told = read(rates, values[low], _("at step {step}").format(step=int(rates.steps[low])))
        yield Finding(message, evidence=(told, highest(rates)), limit=gone * peak, confidence=0.95, fix=fix)
    elif turns > rounds:
        text = _(
            "A cosine planned for {span:.0f} steps was stepped {done:.0f} times in {epochs:.0f} epochs: the learning "
            "rate fell to {low:.2g} and rose again to {peak:.2g}, over and over."
        )
        message = text.format(
            span=trace.last("schedule_span", COSINE),
            done=trace.last("schedule_steps", COSINE),
            epochs=trace.last("epoch"),
            low=values.min(),
            peak=peak,
        )
        counts = (trace.series("schedule_steps", COSINE), trace.series("schedule_span", COSINE))
        yield Finding(message, evidence=(highest(rates), *counts), confidence=0.85, fix=fix)


def _too_slow(trace: Trace, rates: Series, steps: int, *, reach: float, far: float) -> Iterator[Finding]:
    """A schedule of batches that was stepped once an epoch."""
    planned, epochs = trace.last("planned_rate"), trace.last("epoch")
    values = _distinct(rates.values)
    if not (planned > 0 and values.max() < reach * planned and len(values) >= 3 and (np.diff(values) > 0).all()):
        return
    places = trace.places("schedule_span")
    span = max((trace.last("schedule_span", place) for place in places), default=np.inf)
    if span < far * epochs or span < 3 * steps:
        return
    text = _(
        "The schedule is to reach a learning rate of {planned:.2g}, but it moves once an epoch: after {epochs:.0f} "
        "epochs of {steps} steps it has come to {rate:.2g}."
    )
    yield Finding(
        text.format(planned=planned, epochs=epochs, steps=steps, rate=values.max()),
        evidence=(highest(rates), trace.series("planned_rate")),
        limit=reach * planned,
        confidence=0.93,
        fix="scheduler.step()  # " + _("after every optimizer.step(), in the loop over the batches"),
    )


def _distinct(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values without what repeats the one before."""
    return np.asarray(values[np.concatenate([[True], np.diff(values) != 0])], dtype=np.float64)
