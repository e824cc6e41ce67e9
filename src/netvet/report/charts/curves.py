"""Quantities over the run: loss, accuracy and learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from netvet.base.words import number, numeral, percent
from netvet.locale import _
from netvet.report.charts.figure import (
    ACCENT,
    INK,
    SOFT,
    WARN,
    Chart,
    caption,
    end_labels,
    finish,
    grid,
    log_scale,
    named_line,
    panel,
    percent_axis,
    run_axis,
)
from netvet.report.facts import OFF_THE_SCALE, final_epoch, finite
from netvet.trace import Series, Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RANGE_TEST = "lr-range"  # the chart has the name of the exam that it shows
MOST_POINTS = 240  # of a line; more are averaged in bins: a panel is 400 units wide


def moments(trace: Trace, series: Series) -> tuple[NDArray[np.float64], str]:
    """The x values of a series and what they are: epochs where the length of one is known, else optimiser steps."""
    per_epoch = trace.meta.get("steps_per_epoch")
    if isinstance(per_epoch, int) and per_epoch > 0:
        return (series.steps + 1) / per_epoch, _("epoch")
    return series.steps.astype(np.float64), _("optimiser step")


def thinned(
    x: NDArray[np.float64], y: NDArray[np.float64], most: int = MOST_POINTS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most `most` points, each the mean of its bin."""
    if len(x) <= most:
        return x, y
    edges = np.linspace(0, len(x), most + 1).astype(int)[:-1]
    sizes = np.diff(np.append(edges, len(x)))
    return np.add.reduceat(x, edges) / sizes, np.add.reduceat(y, edges) / sizes


def loss(trace: Trace) -> Chart | None:
    """Training and validation loss by epoch, over the faint batch loss."""
    train, val, batch = (finite(trace.series(name)) for name in ("train_loss", "val_loss", "loss"))
    if len(train) == len(val) == 0 and len(batch) < 2:
        return None
    title = _loss_title(trace, train, val, batch)
    with panel(230, right=44, top=22) as axes:
        if len(batch) > 1:
            axes.plot(*thinned(*_xy(trace, batch)), color=SOFT, alpha=0.35, linewidth=1)
        _lines(axes, trace, [(train, _("train"), ACCENT, "--"), (val, _("val"), INK, "-")])
        values = np.concatenate([train.values, val.values]) if len(train) + len(val) else batch.values
        top = _ceiling(values)
        axes.set_ylim(0, top)
        _ends(axes, trace, [(train, _("train"), ACCENT), (val, _("val"), INK)], lambda y: y / top)
        _finish_x(axes, trace, train if len(train) else batch)
        caption(axes, _("loss, nats"))
        return finish(axes, "loss", title)


def _loss_title(trace: Trace, train: Series, val: Series, batch: Series) -> str:
    if len(val) > 1 and len(train):
        best = int(np.argmin(val.values))
        if val.last > 1.05 * val.values[best]:
            at = moments(trace, val)[0][best]
            return _(
                "Validation loss was lowest at {unit} {at} ({low}) and ends at {last}; training loss ends at {train}"
            ).format(
                unit=moments(trace, val)[1],
                at=number(float(round(at))),
                low=number(float(val.values[best])),
                last=number(val.last),
                train=number(train.last),
            )
    if len(val) and len(train):
        return _("Loss ends at {train} in training, {val} in validation").format(
            train=number(train.last), val=number(val.last)
        )
    series = next(s for s in (train, val, batch) if len(s))
    return _("Loss goes from {first} to {last}").format(first=number(series.first), last=number(series.last))


def accuracy(trace: Trace) -> Chart | None:
    """Accuracy on training and validation images, and balanced accuracy on validation."""
    train, val, balanced = (
        finite(trace.series(name)) for name in ("train_accuracy", "val_accuracy", "val_balanced_accuracy")
    )
    if len(train) == len(val) == 0:
        return None
    index = final_epoch(trace)
    title = _("{value} in validation").format(value=percent(val.last)) if len(val) else ""
    if len(train):
        title = (
            _("{train} in training, {val} in validation").format(train=percent(train.last), val=percent(val.last))
            if len(val)
            else _("{value} in training").format(value=percent(train.last))
        )
    with panel(230, right=64, top=22) as axes:
        lines = [(train, _("train"), ACCENT, "--"), (val, _("val"), INK, "-"), (balanced, _("balanced"), SOFT, ":")]
        _lines(axes, trace, lines)
        values = np.concatenate([s.values for s, *_rest in lines])
        low = max(0.0, min(math.floor(10 * float(values.min()) - 0.5) / 10, 0.8))
        low = 0.0 if low <= 0.3 else low
        axes.set_ylim(low, 1)
        _ends(axes, trace, [(s, name, colour) for s, name, colour, _style in lines], lambda y: (y - low) / (1 - low))
        stop = trace.recipe.stop.early_stopping if trace.recipe else None
        if stop is not None and index is not None and len(val) > index:
            x = moments(trace, val)[0][index]
            axes.plot([x], [val.values[index]], "o", color=WARN, markersize=6)
        percent_axis(axes.yaxis)
        _finish_x(axes, trace, train if len(train) else val)
        caption(axes, _("accuracy"))
        return finish(axes, "accuracy", title)


def learning_rate(trace: Trace) -> Chart | None:
    """The learning rate, step by step."""
    series = finite(trace.series("learning_rate"))
    if not len(series):
        return None
    low, high = float(series.values.min()), float(series.values.max())
    if high <= 0:
        return None
    title = _("Learning rate: {value} throughout").format(value=number(high))
    if high > 1.01 * low:
        title = _("Learning rate: {high} at its peak, {last} at the end").format(
            high=number(high), last=number(series.last) if series.last > high / 1000 else _("almost 0")
        )
    with panel(230, top=22) as axes:
        x, y = _xy(trace, series)
        if len(x) > MOST_POINTS:
            keep = np.unique(np.linspace(0, len(x) - 1, MOST_POINTS).astype(int))
            x, y = x[keep], y[keep]
        axes.plot(x, y, color=INK, marker="o" if len(x) == 1 else "")
        axes.set_ylim(0, 1.12 * high)
        axes.locator_params(axis="y", nbins=4)
        axes.yaxis.set_major_formatter(lambda value, _position: numeral(value, ".2g"))
        _finish_x(axes, trace, series)
        caption(axes, _("learning rate"))
        return finish(axes, "learning-rate", title)


def lr_range(trace: Trace) -> Chart | None:
    """The range test: loss against learning rate, one line a seed, with the run's own rate."""
    curves: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    for place in trace.places("lr_range_loss"):
        loss_, rate = trace.series("lr_range_loss", place), trace.series("lr_range_lr", place)
        n = min(len(loss_), len(rate))
        keep = (np.abs(loss_.values[:n]) < OFF_THE_SCALE) & (rate.values[:n] < OFF_THE_SCALE) & (rate.values[:n] > 0)
        if keep.sum() > 1:
            curves.append((rate.values[:n][keep], loss_.values[:n][keep]))
    if not curves:
        return None
    low, high = min(float(x.min()) for x, _y in curves), max(float(x.max()) for x, _y in curves)
    if high <= low:
        return None
    starts = float(np.median([y[0] for _x, y in curves]))
    bottom = min(float(y.min()) for _x, y in curves)
    top = starts + 0.35 * max(starts - bottom, 0.05 * abs(starts), 1e-6)
    floor = bottom - 0.12 * (top - bottom)
    best = middle(trace, "lr_range_best")
    own = trace.recipe.optimizer.lr if trace.recipe else math.nan
    title = _("Learning rate range test: no rate lowers the loss")
    if math.isfinite(best):
        title = _("Learning rate range test: the loss falls fastest at {best}").format(best=_round(best))
        if math.isfinite(own):
            title = _("Learning rate range test: the loss falls fastest at {best}; the run used {own}").format(
                best=_round(best), own=_round(own)
            )
    with panel(230, top=30) as axes:
        known = math.isfinite(own) and own > 0
        log_scale(axes, "x", min(low, own / 1.5) if known else low, max(high, own * 1.5) if known else high)
        a, b = middle(trace, "lr_range_low"), middle(trace, "lr_range_high")
        if math.isfinite(a) and math.isfinite(b) and 0 < a < b:
            axes.axvspan(a, b, color=ACCENT, alpha=0.1, linewidth=0)
        for x, y in curves:
            axes.plot(*thinned(x, y), color=ACCENT, linewidth=1.4, alpha=0.8)
        axes.set_ylim(floor, top)
        if known:
            named_line(axes, own, _("this run: {value}").format(value=number(own)), WARN)
        axes.locator_params(axis="y", nbins=5)
        grid(axes)
        axes.set_xlabel(_("learning rate"))
        return finish(axes, RANGE_TEST, title)


def _round(rate: float) -> str:
    """A learning rate to two figures."""
    return number(float(f"{rate:.2g}"))


def middle(trace: Trace, name: str) -> float:
    """The median of the finite values over the places of an exam's answer (its seeds); nan where there are none."""
    values = [v for v in (trace.last(name, place) for place in trace.places(name)) if math.isfinite(v)]
    return float(np.median(values)) if values else math.nan


def _xy(trace: Trace, series: Series) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return moments(trace, series)[0], series.values


def _lines(axes: Axes, trace: Trace, lines: Sequence[tuple[Series, str, str, str]]) -> None:
    for series, _name, colour, style in lines:
        if len(series):
            x, y = thinned(*_xy(trace, series))
            axes.plot(x, y, style, color=colour, marker="o" if len(x) == 1 else "", markersize=5)


def _ends(
    axes: Axes, trace: Trace, lines: Sequence[tuple[Series, str, str]], to_fraction: Callable[[float], float]
) -> None:
    points = [(float(_xy(trace, s)[0][-1]), s.last, name, colour) for s, name, colour in lines if len(s)]
    end_labels(axes, points, lambda y: min(max(to_fraction(y), 0.0), 1.0))


def _ceiling(values: NDArray[np.float64]) -> float:
    """A top that one early burst does not flatten: 1.1 times the larger of the last value and the 98th centile."""
    top = 1.1 * max(float(np.percentile(values, 98)), float(values[-1]), 1e-9)
    return top if math.isfinite(top) else 1.0


def _finish_x(axes: Axes, trace: Trace, series: Series) -> None:
    x, unit = moments(trace, series)
    run_axis(axes, float(x[-1]), unit)
