"""Whether a run's learning rate was too low or too high: what the rules of either side share.

The `lr-range` exam decides where it was taken: it tried learning rates on this very model, and proved the best one
against the run's own. Only a loss that blew up in the run itself outweighs its "right". Without the exam the trace
must do: how far a step moves the weights, and what the loss does. A leap from which the loss came back proves nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from netvet.locale import _, written
from netvet.rules._curve import current, highest, quantile, read
from netvet.rules._loss import batch_loss
from netvet.trace import Series, Trace

Side = Literal["low", "right", "high", "unknown"]
Source = Literal["exam", "loss", "update"]
EARLY = 100  # a hundredth of the run, three steps at least, may have a high loss where the first one has: see SANE
FADED = 0.01  # early over late gradient below which small updates are the gradient's doing, not the learning rate's
DEAD = 0.9  # the same for dead and for saturated units
SANE = 2.0  # times the loss of guessing: a run that starts above has too large weights, and steps to match
KILLED = 3.0  # units that died in training make steps suspicious that are so many times shorter
DECAYED = 3.0  # times what weight decay alone moves a weight: below that no gradient has moved it
MARGIN = 2.0  # how far outside the range of the exam the peak must lie: a ramp of 60 steps is good to about that
FAR = 3.0  # how far from the exam's best the peak must lie where a stretch at the best ended below the whole run
PROVEN = 0.05  # share of the loss of guessing that a stretch at the best must end below one at the run's own rate
BACK, HALF = 0.9, 0.5  # of the loss before a leap, of that of guessing: a loss that ends below either has come back
DOUBTED = 0.6  # confidence where the weights or the signal are wrong as well: they come first


@dataclass(frozen=True)
class Judgement:
    """`side`: where the learning rate lies. `source`: what says so. `rate`: the peak, or that when the loss blew up.

    `low`, `best`, `high`: the exam's learning rates. `own`, `reached`: losses at the end of its stretches, at the
    run's own rate and at the best. `value`: the loss or the update over the weight that was found. `limit`: what the
    first curve of `evidence` was held against. Numbers that are not known are nan.
    """

    side: Side
    rate: float
    confidence: float = 0.0
    source: Source = "exam"
    low: float = math.nan
    best: float = math.nan
    high: float = math.nan
    own: float = math.nan
    reached: float = math.nan
    value: float = math.nan
    limit: float = math.nan
    step: int = 0
    evidence: tuple[Series, ...] = ()

    @property
    def aim(self) -> float:
        """The rate of the exam's stretch at the best: no higher than half of what the loss still falls at."""
        return min(self.best, self.high / 2)


def compared(found: Judgement, form: str) -> str:
    """That the loss falls fastest at another rate, with what short runs at either end at; the run's own by `form`."""
    text = _(
        "The learning rate peaks at {rate:.2g}, but this model's loss falls fastest at {best:.2g}: a short test run at "
        "{aim:.2g} ends at a loss of {reached:.2f}, one at the run's own rate at {own}."
    )
    if not math.isfinite(found.own):
        text = _(
            "The learning rate peaks at {rate:.2g}, but this model's loss falls fastest at {best:.2g}: a short test "
            "run at {aim:.2g} ends at a loss of {reached:.2f}, one at the run's own rate at none that is finite."
        )
    own = written(format(found.own, form))
    return text.format(rate=found.rate, best=found.best, aim=found.aim, reached=found.reached, own=own)


def too_high(trace: Trace, *, fast: float, wild: float) -> Judgement:
    """Whether the rate is too high. `fast`: bound of the update over the weight; `wild`: of the loss over guessing."""
    peak, blown = _peak(trace), _blown_up(trace, wild)
    if not trace.places("lr_range_flat") or trace.last("lr_range_flat") > 0:  # no rate did anything in the ramps
        return blown or _long_steps(trace, peak, fast)
    found = _by_exam(trace, peak)
    return blown if blown is not None and found.side == "right" else found


def too_low(trace: Trace, *, slow: float) -> Judgement:
    """Whether the rate is too low. `slow`: bound of the update over the weight."""
    peak = _peak(trace)
    if not trace.places("lr_range_flat"):
        return _short_steps(trace, peak, slow)
    return Judgement("right", peak) if trace.last("lr_range_flat") > 0 else _by_exam(trace, peak)


def _peak(trace: Trace) -> float:
    return quantile(trace.series("learning_rate").values, 1.0)


def _by_exam(trace: Trace, peak: float) -> Judgement:
    """By the range test; where it made stretches, only a side that they prove."""
    low, best, high = (trace.last(name) for name in ("lr_range_low", "lr_range_best", "lr_range_high"))
    own, reached = (trace.last("lr_range_stretch", place) for place in ("own", "best"))
    guess = trace.last("lr_range_guess")
    curves = tuple(trace.series("lr_range_loss", place) for place in trace.places("lr_range_loss"))
    numbers = [trace.series(f"lr_range_{name}") for name in ("low", "best", "high")]
    numbers += [trace.series("lr_range_stretch", place) for place in ("own", "best")]
    rates = trace.series("learning_rate")
    evidence = (read(rates, peak), *curves, *(each for each in numbers if len(each)))
    found = Judgement("right", peak, 0.0, "exam", low, best, high, own, reached, evidence=evidence)
    least, most = low / MARGIN, high * MARGIN
    below, above = peak < least, peak > most
    beyond = abs(math.log10(max((low if below else high) / peak, 1e-9)))
    confidence = 0.7 + 0.2 * beyond
    if math.isfinite(reached) and guess > 0:
        gain = (min(own, 2 * guess) - reached) / guess
        end = trace.last("train_loss")
        passed = not end <= reached  # the short stretch came further than the whole run
        least, most = max(least, best / FAR), min(most, min(best, high / 2) * FAR)
        below, above = (gain >= PROVEN and passed and beyond for beyond in (peak < least, peak > most))
        confidence = 0.82 + 0.5 * min(gain, 0.3)
    if not (below or above):
        return found
    if (above and not _sane(trace)) or (below and not gradient_arrives(trace)):
        confidence = min(confidence, DOUBTED)
    confidence += 0.02 * _agrees(trace, "low" if below else "high")
    confidence = float(np.clip(confidence, 0.5, 0.97))
    return replace(found, side="low" if below else "high", limit=least if below else most, confidence=confidence)


def _agrees(trace: Trace, side: Side) -> bool:
    """Whether the sharpness, where it was measured, says the same: room for tenfold steps, or none for these."""
    limit = trace.last("sharpness_limit")
    sharpness = max((trace.last("sharpness", place) for place in trace.places("sharpness")), default=math.nan)
    return sharpness < limit / 10 if side == "low" else sharpness > limit


def _sane(trace: Trace) -> bool:
    """Whether the first loss, before any step, is about that of guessing; if not, the first weights or the input are
    wrong.
    """
    loss, guessing = batch_loss(trace)
    return loss.first < SANE * guessing


def _blown_up(trace: Trace, wild: float) -> Judgement | None:
    """The loss shot up, or stopped being a number, and never came back: after the first step, or after the beginning
    where it began high.
    """
    loss, guessing = batch_loss(trace)
    start = 1 if _sane(trace) else max(3, len(loss) // EARLY)
    limit = wild * max(guessing, quantile(loss.values[:start], 0.5))
    bad = np.flatnonzero(~(loss.values[start:] <= limit))
    if not len(bad) or not np.isfinite(limit):
        return None
    at = start + int(bad[0])
    if _came_back(loss, guessing, at):
        return None
    rates = trace.series("learning_rate")
    rate = float(rates.values[min(int(np.searchsorted(rates.steps, loss.steps[at])), len(rates) - 1)])
    value, step = float(loss.values[at]), int(loss.steps[at])
    confidence, told = 0.8 if _sane(trace) else DOUBTED, read(loss, value, _("at step {step}").format(step=step))
    return Judgement("high", rate, confidence, "loss", value=value, limit=limit, step=step, evidence=(told,))


def _came_back(loss: Series, guessing: float, at: int) -> bool:
    """Whether the run ended well below what the loss was before this leap, or below half that of guessing."""
    before = quantile(loss.values[:at][-_window(loss) :], 0.5)
    return _end(loss, at + 1) < max(BACK * min(before, guessing), HALF * guessing)


def _end(loss: Series, start: int = 0) -> float:
    """The median of the last losses from a position on; infinite where one of them is no number, or there is none."""
    end = loss.values[start:][-_window(loss) :]
    return float(np.median(end)) if len(end) and np.isfinite(end).all() else math.inf


def _window(loss: Series) -> int:
    return max(5, len(loss) // 20)


def _long_steps(trace: Trace, peak: float, fast: float) -> Judgement:
    """Too high by how far a step moves the median layer at most, where units died or the loss did not come down."""
    (value, curve), killed = _median_layer(trace, 1.0), _killed(trace)
    limit = fast / KILLED if killed else fast
    loss, guessing = batch_loss(trace)
    harmed = killed or not _end(loss) < HALF * guessing
    if math.isfinite(value) and _sane(trace) and value > limit and harmed:
        return Judgement("high", peak, 0.7, "update", value=value, limit=limit, evidence=(highest(curve),))
    return Judgement("unknown", peak, source="update")


def _short_steps(trace: Trace, peak: float, slow: float) -> Judgement:
    """Too low by how far a step moves the median layer: the 90th percentile of the run."""
    value, curve = _median_layer(trace, 0.9)
    told = read(curve, value, _("in nine steps of ten at most"))
    if DECAYED * _decay(trace, peak) < value < slow and gradient_arrives(trace):
        return Judgement("low", peak, 0.7, "update", value=value, limit=slow, evidence=(told,))
    return Judgement("unknown", peak, source="update")


def _median_layer(trace: Trace, q: float) -> tuple[float, Series]:
    """The quantile of the update over the weight in the median layer, and its curve; nan where a layer has none."""
    curves = [trace.series("update_ratio", layer) for layer in trace.places("update_ratio")]
    moves = np.array([quantile(curve.values, q) for curve in curves])
    if not len(moves) or not np.isfinite(moves).all():
        return math.nan, trace.series("update_ratio")
    middle = int(np.argsort(moves)[len(moves) // 2])
    return float(moves[middle]), curves[middle]


def _killed(trace: Trace) -> bool:
    """Whether most units of a layer lived at first and died in training."""
    return any(curve.first < 0.5 < curve.last for curve in current(trace, "dead_fraction"))


def _decay(trace: Trace, peak: float) -> float:
    """The update over the weight that weight decay alone makes, with momentum; 0 where the recipe is not known."""
    if trace.recipe is None:
        return 0.0
    optimizer = trace.recipe.optimizer
    return peak * optimizer.weight_decay / (1 - optimizer.momentum if optimizer.name == "sgd" else 1.0)


def gradient_arrives(trace: Trace) -> bool:
    """Whether the layers get a gradient at all; where they do not, small steps say nothing of the learning rate, nor
    does a failure of the size of the network.
    """
    units = [*current(trace, "dead_fraction"), *current(trace, "saturated_fraction")]
    dead = max((curve.last for curve in units), default=0.0)
    sizes = np.array([quantile(trace.series("grad_rms", layer).values, 0.5) for layer in trace.places("grad_rms")])
    third = max(1, len(sizes) // 3)
    faded = len(sizes) > 1 and not np.median(sizes[:third]) >= FADED * np.median(sizes[-third:]) > 0
    return dead < DEAD and not faded
