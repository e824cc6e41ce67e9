"""Quantities by depth: the first layer stands at the top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netvet.base.words import clean, number, percent
from netvet.locale import _
from netvet.report.charts.figure import (
    ACCENT,
    INK,
    SMALL,
    SOFT,
    Chart,
    finish,
    grid,
    log_scale,
    named_line,
    panel,
    percent_axis,
)
from netvet.report.facts import finite, layers
from netvet.trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# What is drawn layer by layer: the charts of a report are chosen here, by what they are of.
GRADIENTS = ("grad_rms", "grad_norm")  # the first that was recorded
UPDATES = "update_ratio"
DEAD = "dead_fraction"
NAMED = 26  # layers that can all be named; of more, every k-th is
USUAL_UPDATE = 1e-3  # "a rough heuristic is that this ratio should be somewhere around 1e-3": CS231n notes, Learning


def gradient_flow(trace: Trace) -> Chart | None:
    """Gradient by layer, early, midway and late in the run, on a logarithmic axis."""
    name = next((each for each in GRADIENTS if layers(trace, each)), GRADIENTS[-1])
    names = [p for p in layers(trace, name) if (finite(trace.series(name, p)).values > 0).any()]
    if len(names) < 2:
        return None
    table = np.array([_thirds(finite(trace.series(name, p)).values) for p in names])
    what = _("gradient RMS") if name == GRADIENTS[0] else _("gradient norm")
    ratio = table[0, 2] / table[-1, 2]
    if 2 / 3 < ratio < 3 / 2:
        title = _("At the end the first and the last layer have about the same {what}").format(what=what)
    elif ratio < 1:
        title = _("At the end the first layer's {what} is 1/{times} of the last layer's").format(
            what=what, times=number(float(f"{1 / ratio:.2g}"))
        )
    else:
        title = _("At the end the first layer's {what} is {times} times the last layer's").format(
            what=what, times=number(float(f"{ratio:.2g}"))
        )
    with panel(_height(names) + 12, left=_left(names), right=16, top=28, bottom=22) as axes:
        log_scale(axes, "x", float(table.min()) / 1.5, float(table.max()) * 1.5)
        rows = np.arange(len(names))
        styles = [
            (0, _("early"), SOFT, (0, (1, 2)), "s"),
            (1, _("midway"), ACCENT, (0, (4, 2)), "D"),
            (2, _("late"), INK, "-", "o"),
        ]
        for column, _name, colour, line, marker in styles:
            axes.plot(
                table[:, column],
                rows,
                color=colour,
                linestyle=line,
                marker=marker if len(names) <= NAMED else "",
                markersize=4.5,
                linewidth=1.5,
            )
        _depth(axes, names)
        _key(axes, [(label, colour, line, marker) for _c, label, colour, line, marker in styles])
        grid(axes, vertical=True)
        return finish(axes, "gradient", title)


def update_ratio(trace: Trace) -> Chart | None:
    """Update-to-weight ratio by layer in the last third of the run: median, and the middle 80 %."""
    names = [p for p in layers(trace, UPDATES) if (finite(trace.series(UPDATES, p)).values > 0).any()]
    if not names:
        return None
    late = [_positive(finite(trace.series(UPDATES, p)).values) for p in names]
    late = [values[-max(1, len(values) // 3) :] for values in late]
    table = np.array([np.percentile(values, [10, 50, 90]) for values in late])
    title = _("Late updates are {low} to {high} of the weights").format(
        low=number(float(table[:, 1].min())), high=number(float(table[:, 1].max()))
    )
    with panel(_height(names) + 12, left=_left(names), right=16, top=28, bottom=22) as axes:
        low, high = min(float(table.min()), USUAL_UPDATE) / 1.6, max(float(table.max()), USUAL_UPDATE) * 1.6
        log_scale(axes, "x", low, high)
        named_line(axes, USUAL_UPDATE, _("usual: about 10⁻³"), SOFT, faint=True)
        _dots(axes, table)
        _depth(axes, names)
        grid(axes, vertical=True)
        return finish(axes, "update", title)


def dead_units(trace: Trace) -> Chart | None:
    """Share of dead units by layer at the end of the run; None where none are dead."""
    names = layers(trace, DEAD)
    if not names:
        return None
    last = np.array([finite(trace.series(DEAD, p)).last for p in names])
    worst = int(np.argmax(last))
    if last[worst] < 0.005:
        return None
    title = _("Most dead units: {share} in {layer}").format(
        share=percent(float(last[worst]), 0), layer=clean(names[worst])
    )
    with panel(_height(names), left=_left(names), right=24, top=8, bottom=22) as axes:
        axes.barh(range(len(names)), last, height=0.6, color=ACCENT)
        _depth(axes, names)
        axes.set_xlim(0, 1)
        percent_axis(axes.xaxis)
        grid(axes, vertical=True)
        return finish(axes, "dead", title)


def _positive(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[values > 0]


def _thirds(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Medians of the positive values in the first, the middle and the last tenth."""
    values = _positive(values)
    n, tenth = len(values), max(1, len(values) // 10)
    middle = (n - tenth) // 2
    parts = (values[:tenth], values[middle : middle + tenth], values[-tenth:])
    early, midway, late = (float(np.median(part)) for part in parts)
    return early, midway, late


def _height(names: Sequence[str]) -> float:
    return 50 + max(70.0, len(names) * (19.0 if len(names) <= 12 else 13.5 if len(names) <= NAMED else 5.0))


def _left(names: Sequence[str]) -> float:
    return min(140.0, 16 + 6.8 * max(len(_tail(n)) for n in names))


def _tail(name: str) -> str:
    """The end of a module path tells layers apart."""
    name = clean(name)
    return name if len(name) <= 18 else "…" + name[-17:]


def _depth(axes: Axes, names: Sequence[str]) -> None:
    stride = 1 if len(names) <= NAMED else -(-len(names) // 16)
    axes.set_yticks(range(0, len(names), stride), [_tail(n) for n in names[::stride]], color=INK)
    axes.set_ylim(len(names) - 0.4, -0.6)


def _dots(axes: Axes, table: NDArray[np.float64]) -> None:
    """A dot at the median, a line over the range; `table` is (rows, 3): low, median, high."""
    rows = np.arange(len(table))
    axes.hlines(rows, table[:, 0], table[:, 2], color=ACCENT, linewidth=1.6, alpha=0.7)
    axes.plot(table[:, 1], rows, "o", color=ACCENT, markersize=5)


def _key(axes: Axes, entries: Sequence[tuple[str, str, Any, str]]) -> None:
    """Names of the lines with a sample of each, in a row above the panel."""
    from matplotlib.lines import Line2D

    samples = [
        Line2D([], [], color=colour, linestyle=line, marker=marker, markersize=4.5, linewidth=1.5)
        for _name, colour, line, marker in entries
    ]
    legend = axes.legend(
        samples,
        [name for name, *_rest in entries],
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=len(entries),
        frameon=False,
        fontsize=SMALL,
        handlelength=2,
        borderpad=0.2,
        borderaxespad=0.1,
        columnspacing=1.4,
        labelcolor=[colour for _name, colour, *_rest in entries],
    )
    legend.set_zorder(1)
