"""Reading curves: the epoch that a run yields, ends and trends. Shared by the rules."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from netvet.base.observed import Observed
from netvet.locale import _
from netvet.trace import Series, Trace


def kept(trace: Trace) -> int:
    """Index of the epoch whose model the run yields: the last, or with early stopping the best on validation."""
    count = len(trace.series("val_accuracy"))
    stop = trace.recipe.stop if trace.recipe else None
    if stop is None or stop.early_stopping is None:
        return count - 1
    values = trace.series(f"val_{stop.metric}").values[:count]
    if not len(values) or np.isnan(values).all():
        return count - 1
    return int(np.nanargmin(values) if stop.metric == "loss" else np.nanargmax(values))


def training_accuracy(trace: Trace) -> Series:
    """Accuracy on training images, 0..1, epoch by epoch: in evaluation mode where that was measured at every epoch.

    Of a loop that is watched it is otherwise the running one: of the batches, as the network was while it trained.
    """
    evaluated, running = trace.series("train_eval_accuracy"), trace.series("train_accuracy")
    return evaluated if len(evaluated) and len(evaluated) >= len(trace.series("val_accuracy")) else running


def running(trace: Trace, accuracy: Series) -> bool:
    """Whether a training accuracy is the running one, which may lie below what the same weights reach."""
    return trace.recipe is None and accuracy.name == "train_accuracy"


def gap(trace: Trace) -> float:
    """Training less validation accuracy (0..1) of the model that the run yields; nan where it is not known."""
    at, train, val = kept(trace), training_accuracy(trace).values, trace.series("val_accuracy").values
    return float(train[at] - val[at]) if 0 <= at < min(len(train), len(val)) else math.nan


def upto(series: Series, index: int) -> Series:
    """The series as it stood at an index."""
    return replace(series, steps=series.steps[: index + 1], values=series.values[: index + 1])


def read(series: Series, value: float, how: str = "") -> Series:
    """The series with the number that a sentence reads off it, and what that is in words."""
    return replace(series, reading=float(value), read_as=how)


def at_first(series: Series) -> Series:
    """The series, read at its beginning."""
    return read(series, series.first, _("at first"))


def highest(series: Series) -> Series:
    """The series, read where it is highest."""
    return read(series, quantile(series.values, 1.0), _("highest"))


def middle(series: Series) -> Series:
    """The series, read by its median."""
    return read(series, quantile(series.values, 0.5), _("median"))


def single(name: str, value: float, observed: Observed, where: str = "") -> Series:
    """A number that a rule computed, as evidence."""
    return Series(name, where, np.zeros(1, np.int64), np.array([value], np.float64), observed)


def finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values that are neither nan nor infinite."""
    return values[np.isfinite(values)]


def quantile(values: NDArray[np.float64], q: float) -> float:
    """Quantile (0..1) of the finite values; nan where there are none."""
    kept_values = finite(values)
    return float(np.quantile(kept_values, q)) if len(kept_values) else math.nan


def smooth(values: NDArray[np.float64], window: int = 3) -> NDArray[np.float64]:
    """Moving mean, (n - window + 1,); the mean alone where there are fewer values than that."""
    window = max(1, min(window, len(values)))
    return np.convolve(values, np.ones(window) / window, mode="valid")


def current(trace: Trace, name: str) -> list[Series]:
    """The curves of a quantity, place by place, without those that ended in the first half of the run: a layer that is
    no longer called or trained has no present value.
    """
    end = int(trace.series("loss").steps[-1]) if len(trace.series("loss")) else 0
    curves = [trace.series(name, place) for place in trace.places(name)]
    return [curve for curve in curves if len(curve) and 2 * int(curve.steps[-1]) >= end]


def last_third(series: Series) -> NDArray[np.float64]:
    """The values of the last third, at least two where there are two."""
    return series.values[-max(2, math.ceil(len(series) / 3)) :]


def rise(values: NDArray[np.float64]) -> float:
    """How far the least-squares line through the values rises from the first to the last."""
    values = finite(values)
    if len(values) < 2:
        return 0.0
    slope = np.polyfit(np.arange(len(values)), values, 1)[0]
    return float(slope * (len(values) - 1))


def work(trace: Trace, steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum of the learning rate up to each of these steps over its sum over the run, 0..1.

    A schedule that ends near 0 flattens every curve; against this axis a curve flattens only where learning does.
    """
    rate = trace.series("learning_rate")
    if not len(rate) or rate.values.sum() <= 0:
        return np.asarray(steps / max(steps[-1], 1), dtype=np.float64)
    total = np.concatenate([[0.0], np.cumsum(rate.values)])
    done = np.searchsorted(rate.steps, steps, side="left")
    return np.asarray(total[done] / total[-1], dtype=np.float64)
