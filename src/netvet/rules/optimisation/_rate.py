"""Whether a run's learning rate was too low or too high: one judgement for the two rules, so that they never both fire.

The `lr-range` exam decides where it was taken: it tried learning rates on this very model. Only a loss that blew up
in the run itself outweighs its "right". Without the exam the trace must do: how far a step moves the weights, and
what the loss does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from netvet.rules._chance import chance_loss
from netvet.rules._curve import quantile
from netvet.trace import Series, Trace

Side = Literal["low", "right", "high", "unknown"]
Source = Literal["exam", "loss", "update"]
EARLY = 100  # a hundredth of the run, three steps at least, may have a high loss: that is the initialisation's doing
FADED = 0.01  # early over late gradient below which small updates are the gradient's doing, not the learning rate's
DEAD = 0.9  # the same for dead units
SANE = 2.0  # times the loss of guessing: a run that starts above has too large weights, and steps to match
KILLED = 3.0  # units that died in training make steps suspicious that are so many times shorter
DECAYED = 3.0  # times what weight decay alone moves a weight: below that no gradient has moved it
MARGIN = 2.0  # how far outside the range of the exam the peak must lie: a test of 90 steps is good to about that


@dataclass(frozen=True)
class Judgement:
    """`side`: where the learning rate lies. `source`: what says so. `rate`: the peak, or that when the loss blew up.

    `low`, `best`, `high`: the exam's learning rates. `value`: the loss or the update over the weight that was found.
    Numbers that are not known are nan.
    """

    side: Side
    rate: float
    confidence: float = 0.0
    source: Source = "exam"
    low: float = float("nan")
    best: float = float("nan")
    high: float = float("nan")
    value: float = float("nan")
    step: int = 0
    evidence: tuple[Series, ...] = ()


def judge(trace: Trace, *, slow: float, fast: float, wild: float) -> Judgement:
    """The judgement. `slow`, `fast`: bounds of the update over the weight; `wild`: of the loss over guessing."""
    peak = quantile(trace.series("learning_rate").values, 1.0)
    blown = _blown_up(trace, wild)
    if not trace.places("lr_range_flat"):
        return blown or _by_updates(trace, peak, slow=slow, fast=fast)
    if trace.last("lr_range_flat") > 0:
        return Judgement("right", peak)
    low, best, high = (trace.last(name) for name in ("lr_range_low", "lr_range_best", "lr_range_high"))
    side: Side = "low" if peak < low / MARGIN else "high" if peak > high * MARGIN else "right"
    if side == "right" and blown is not None:
        return replace(blown, low=low, best=best, high=high)
    beyond = low / peak if side == "low" else peak / high
    confidence = float(np.clip(0.7 + 0.2 * np.log10(max(beyond, 1e-9)), 0.7, 0.97))
    curves = tuple(trace.series("lr_range_loss", place) for place in trace.places("lr_range_loss"))
    return Judgement(side, peak, confidence, "exam", low, best, high, evidence=(trace.series("learning_rate"), *curves))


def _blown_up(trace: Trace, wild: float) -> Judgement | None:
    """The loss shot up, or stopped being a number, after the beginning."""
    loss = trace.series("loss")
    start = max(3, len(loss) // EARLY)
    limit = wild * max(chance_loss(trace), quantile(loss.values[:start], 0.5))
    bad = np.flatnonzero(~(loss.values[start:] <= limit))
    if not len(bad) or not np.isfinite(limit):
        return None
    at = start + int(bad[0])
    rates = trace.series("learning_rate")
    rate = float(rates.values[min(int(np.searchsorted(rates.steps, loss.steps[at])), len(rates) - 1)])
    value, step = float(loss.values[at]), int(loss.steps[at])
    return Judgement("high", rate, 0.8, "loss", value=value, step=step, evidence=(loss,))


def _by_updates(trace: Trace, peak: float, *, slow: float, fast: float) -> Judgement:
    """By how far a step moves the median layer: at most for too high, the 90th percentile of the run for too low."""
    curves = [trace.series("update_ratio", layer) for layer in trace.places("update_ratio")]
    moves, most = (np.array([quantile(curve.values, q) for curve in curves]) for q in (0.9, 1.0))
    found = Judgement("unknown", peak, source="update")
    if not len(moves) or not np.isfinite(most).all():
        return found
    middle, top = (int(np.argsort(values)[len(values) // 2]) for values in (moves, most))
    loss = trace.series("loss").values
    sane = quantile(loss[:3], 0.5) < SANE * chance_loss(trace)
    if sane and most[top] > (fast / KILLED if _killed(trace) else fast):
        return replace(found, side="high", confidence=0.7, value=float(most[top]), evidence=(curves[top],))
    if DECAYED * _decay(trace, peak) < moves[middle] < slow and _gradient_arrives(trace):
        return replace(found, side="low", confidence=0.7, value=float(moves[middle]), evidence=(curves[middle],))
    return found


def _killed(trace: Trace) -> bool:
    """Whether most units of a layer lived at first and died in training."""
    curves = (trace.series("dead_fraction", layer) for layer in trace.places("dead_fraction"))
    return any(curve.first < 0.5 < curve.last for curve in curves)


def _decay(trace: Trace, peak: float) -> float:
    """The update over the weight that weight decay alone makes, with momentum; 0 where the recipe is not known."""
    if trace.recipe is None:
        return 0.0
    optimizer = trace.recipe.optimizer
    return peak * optimizer.weight_decay / (1 - optimizer.momentum if optimizer.name == "sgd" else 1.0)


def _gradient_arrives(trace: Trace) -> bool:
    """Whether the layers get a gradient at all; where they do not, small steps say nothing of the learning rate."""
    dead = max((trace.last("dead_fraction", place) for place in trace.places("dead_fraction")), default=0.0)
    sizes = np.array([quantile(trace.series("grad_rms", layer).values, 0.5) for layer in trace.places("grad_rms")])
    third = max(1, len(sizes) // 3)
    faded = len(sizes) > 1 and not np.median(sizes[:third]) >= FADED * np.median(sizes[-third:]) > 0
    return dead < DEAD and not faded
