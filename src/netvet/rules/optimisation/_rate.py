"""Whether a run's learning rate was too low or too high: one judgement for the two rules, so that they never both fire.

The `lr-range` exam decides where it was taken: it tried learning rates on this very model. Without it the trace must
do: how far the weights move in a step and over the run, and what the loss does meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from netvet.rules._chance import chance_loss
from netvet.rules._curve import quantile
from netvet.trace import Series, Trace

Side = Literal["low", "right", "high", "unknown"]


@dataclass(frozen=True)
class Judgement:
    """`side`: where the peak learning rate lies. `exam`: whether the exam says so. Rates that are not known are nan."""

    side: Side
    confidence: float
    exam: bool
    peak: float
    low: float = float("nan")
    best: float = float("nan")
    high: float = float("nan")
    evidence: tuple[Series, ...] = ()
    value: float = float("nan")


def judge(trace: Trace, *, slow: float, fast: float, wild: float) -> Judgement:
    """The judgement. `slow`, `fast`: bounds of a layer's update over its weight; `wild`: of the loss over guessing."""
    peak = quantile(trace.series("learning_rate").values, 1.0)
    if trace.places("lr_range_flat"):
        return _by_exam(trace, peak)
    return _by_trace(trace, peak, slow=slow, fast=fast, wild=wild)


def _by_exam(trace: Trace, peak: float) -> Judgement:
    places = [p for p in trace.places("lr_range_flat") if trace.last("lr_range_flat", p) == 0.0]
    if not places:
        return Judgement("right", 0.6, True, peak)
    low, best, high = (
        float(np.nanmedian([trace.last(name, p) for p in places]))
        for name in ("lr_range_low", "lr_range_best", "lr_range_high")
    )
    evidence = tuple(trace.series("lr_range_loss", p) for p in places)
    side: Side = "low" if peak < low else "high" if peak > high else "right"
    beyond = {"low": low / max(peak, 1e-30), "high": peak / high}.get(side, 1.0)
    confidence = min(0.97, 0.7 + 0.2 * float(np.log10(beyond)))
    return Judgement(side, confidence, True, peak, low, best, high, evidence)


def _by_trace(trace: Trace, peak: float, *, slow: float, fast: float, wild: float) -> Judgement:
    layers = trace.places("update_ratio")
    typical = [quantile(trace.series("update_ratio", layer).values, 0.9) for layer in layers]
    loss, chance = trace.series("loss"), chance_loss(trace)
    dead = max((trace.last("dead_fraction", place) for place in trace.places("dead_fraction")), default=0.0)
    start = max(3, len(loss) // 100)
    rest = loss.values[start:]
    if len(rest) and (not np.isfinite(rest).all() or rest.max() > wild * max(chance, np.median(loss.values[:start]))):
        return Judgement("high", 0.7, False, peak, evidence=(loss,), value=float(rest.max()))
    if not typical:
        return Judgement("unknown", 0.0, False, peak)
    middle = int(np.argsort(typical)[len(typical) // 2])
    evidence = (trace.series("update_ratio", layers[middle]), loss)
    if typical[middle] > fast:
        return Judgement("high", 0.6, False, peak, evidence=evidence, value=typical[middle])
    if max(typical) < slow and dead < 0.9:
        return Judgement("low", 0.7, False, peak, evidence=evidence, value=max(typical))
    return Judgement("unknown", 0.0, False, peak)
