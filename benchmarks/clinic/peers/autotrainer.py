"""Our port of AutoTrainer's published rules, on netvet's trace. It is no code of theirs.

X. Zhang, J. Zhai, S. Ma, C. Shen: AUTOTRAINER: An Automatic DNN Training Problem Detection and Repair System, ICSE
2021, https://doi.org/10.1109/ICSE43902.2021.00043; order and thresholds after their repository
(https://github.com/shiningrain/AUTOTRAINER, AutoTrainer/utils/monitor.py and utils.py, `default_param`):

| problem | condition | threshold |
|---|---|---|
| exploding gradient | something not finite; validation loss >= 1e5; first over last gradient norm | beta_3 = 70 |
| vanishing gradient | that ratio, and the first kernel's gradient norm, are small | beta_1 = 1e-3, beta_2 = 1e-4 |
| dying ReLU | share of the gradient that is 0 | gamma = 0.7 |
| oscillating loss | swings of the accuracy by zeta or more, in a share eta of the epochs | zeta = 0.03, eta = 0.2 |
| slow convergence | no epoch gains delta of accuracy, in training and in validation | delta = 0.01 |

It looks every third epoch (`checktype`, epoch_3), from 30 % of the planned epochs on where curves count; the first four
matter only while a best accuracy lies below Theta = 0.7, or convergence is slow. It stops at the first look that finds
a problem, and names one.

What differs here: gradients are the last that were measured before the look, of a training batch, where theirs are of
the first batch in inference; and the trace has no share of zeros in the gradient. The mean of `dead_fraction` over
the ReLU layers stands for it: the weights of a unit that is 0 throughout get none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.clinic.peers.words import WARNING, Heard, Word
from netvet.trace import Trace

LOOKS = 3  # epochs between two looks
BETA_1, BETA_2, BETA_3 = 1e-3, 1e-4, 70.0
GAMMA = 0.7
ZETA, ETA = 0.03, 0.2
DELTA = 0.01
THETA = 0.7
POINT = 0.3  # share of the planned epochs after which curves count
HUGE = 1e5


def hear(trace: Trace) -> Heard:
    """The one problem that it would have stopped the training for; none where it finds none."""
    curves = {name: trace.series(name) for name in ("train_loss", "val_loss", "train_accuracy", "val_accuracy")}
    steps = curves["val_loss"].steps
    planned = int(trace.meta.get("epochs", len(steps)))
    ever = dict.fromkeys(("vanish", "explode", "relu", "nan"), False)
    late = dict.fromkeys(("low", "slow", "swings"), False)
    for epoch in range(0, len(steps), LOOKS):
        step = int(steps[epoch])
        past = {name: curve.values[: epoch + 1] for name, curve in curves.items()}
        _gradients(trace, step, ever)
        losses = np.concatenate([past["train_loss"], past["val_loss"]])
        ever["nan"] |= not np.isfinite(losses).all() or past["val_loss"][-1] >= HUGE
        if not ever["nan"] and epoch + 1 >= POINT * planned:
            train, val = past["train_accuracy"], past["val_accuracy"]
            late["swings"] |= swings(train)
            late["low"] |= bool(max(train) < THETA or max(val) < THETA)
            late["slow"] |= gain(train) < DELTA and gain(val) < DELTA
        problem = _problem(ever, late)
        if problem:
            return Heard((Word((problem,), WARNING, step, text=f"{problem}, seen after epoch {epoch + 1}"),))
    return Heard()


def _gradients(trace: Trace, step: int, ever: dict[str, bool]) -> None:
    layers = [place for place in trace.places("grad_norm") if place]
    norms = [_at(trace, "grad_norm", layer, step) for layer in layers]
    known = [norm for norm in norms if norm is not None]
    weights = [_at(trace, "weight_norm", layer, step) for layer in trace.places("weight_norm")]
    ever["nan"] |= any(not math.isfinite(norm) for norm in (*known, *(w for w in weights if w is not None)))
    if len(known) >= 2 and not ever["nan"]:
        ratio = known[0] / known[-1] if known[-1] else math.inf if known[0] else math.nan
        ever["vanish"] |= ratio < BETA_1 and known[0] < BETA_2
        ever["explode"] |= ratio > BETA_3
    dead = [_at(trace, "dead_fraction", layer, step) for layer in trace.places("dead_fraction")]
    shares = [share for share in dead if share is not None]
    ever["relu"] |= bool(shares) and sum(shares) / len(shares) >= GAMMA


def _at(trace: Trace, name: str, where: str, step: int) -> float | None:
    """The last value at or before a step."""
    series = trace.series(name, where)
    found = int(np.searchsorted(series.steps, step, side="right"))
    return float(series.values[found - 1]) if found else None


def _problem(ever: dict[str, bool], late: dict[str, bool]) -> str:
    if ever["nan"]:
        return "exploding gradient"
    if late["low"] or late["slow"]:
        for key, name in (("relu", "dying ReLU"), ("explode", "exploding gradient"), ("vanish", "vanishing gradient")):
            if ever[key]:
                return name
        return "slow convergence" if late["slow"] else ""
    return "oscillating loss" if late["swings"] else ""


def swings(accuracy: NDArray[np.float64] | Sequence[float]) -> bool:
    """Whether pairs of local maxima and minima, in order, differ by ZETA or more in a share ETA of the epochs.

    >>> swings([0.5, 0.6, 0.5, 0.6, 0.5, 0.6]), swings([0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
    (True, False)
    """
    high, low = [], []
    for before, here, after in zip(accuracy, accuracy[1:], accuracy[2:], strict=False):
        if here >= before and here >= after:
            high.append(here)
        if here <= before and here <= after:
            low.append(here)
    count = sum(top - bottom >= ZETA for top, bottom in zip(high, low, strict=False))
    return bool(count >= ETA * len(accuracy))


def gain(accuracy: NDArray[np.float64]) -> float:
    """The largest rise from one epoch to the next; 0 where there is none."""
    return float(max(0.0, *np.diff(accuracy))) if len(accuracy) > 1 else 0.0
