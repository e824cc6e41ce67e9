"""The curve that shows a finding, against its limit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from netvet.base.words import clean, number, numeral, short
from netvet.locale import _
from netvet.report.charts import curves
from netvet.report.charts.figure import (
    ACCENT,
    DASHES,
    INK,
    SMALL,
    SOFT,
    WARN,
    Chart,
    finish,
    log_scale,
    named_line,
    panel,
    percent_axis,
    run_axis,
)
from netvet.report.facts import finite
from netvet.rules import Finding
from netvet.trace import Series, Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_PANELS, MOST_LINES, MOST_BARS = 4, 6, 12
WIDE = 100.0  # a spread of values by more than this is drawn on a logarithmic axis
NEAR, DEEP = 10.0, 1e5  # the same for a learning rate against its limit; the deepest axis


def charts(trace: Trace, finding: Finding, name: str = "evidence") -> list[Chart]:
    """One panel for each quantity in the evidence; the limit is drawn in the first."""
    groups: dict[str, list[Series]] = {}
    for series in finding.evidence:
        kept = finite(series)
        if len(kept):
            groups.setdefault(series.name, []).append(kept)
    drawn: list[Chart] = []
    ranged: Chart | None = None
    for quantity_name, group in list(groups.items())[:MOST_PANELS]:
        if quantity_name.startswith("lr_range_"):
            ranged = ranged or curves.lr_range(trace)
            continue
        first = bool(finding.evidence) and finding.evidence[0].name == quantity_name
        limit = finding.limit if first and finding.limit is not None and math.isfinite(finding.limit) else None
        draw = _bars if all(len(s) == 1 for s in group) else _lines
        drawn.append(draw(trace, group, limit, f"{name}-{len(drawn)}"))
    return [*([ranged] if ranged else []), *drawn]


def _title(series: Series, limit: float | None) -> str:
    kind = series.observed.kind
    value, what = number(series.telling, kind), series.title
    if series.where:
        what = _("{quantity}, {place}").format(quantity=what, place=clean(series.where))
    if limit is None:
        return _("{quantity}: {value}").format(quantity=what, value=value)
    return _("{quantity}: {value}; limit {limit}").format(quantity=what, value=value, limit=number(limit, kind))


def _lines(trace: Trace, group: Sequence[Series], limit: float | None, name: str) -> Chart:
    """Values over the run; the first series stands out, the limit is a named line."""
    first = group[0]
    values = np.concatenate([s.values for s in group] + ([np.array([limit])] if limit is not None else []))
    log, share = _logarithmic(first, values, limit), first.observed.kind == "share"
    with panel(230, left=52, right=20, top=16) as axes:
        if log:
            high = float(values.max()) * 1.6
            log_scale(axes, "y", max(float(values.min()), high / DEEP) / 1.6, high)
        for i, series in reversed(list(enumerate(group[:MOST_LINES]))):
            x, y = curves.thinned(curves.moments(trace, series)[0], series.values)
            colour, width = (ACCENT, 2.2) if i == 0 else (SOFT, 1.2)
            axes.plot(x, y, color=colour, linewidth=width, marker="o" if len(x) == 1 else "", markersize=5)
        if limit is not None:
            axes.axhline(limit, color=WARN, linewidth=1.6, linestyle=DASHES)
        if not log:
            least = 0.1 if share and not values.any() else 1e-9  # 0 % throughout: no axis of 1e-08 %
            margin = 0.12 * max(float(np.ptp(values)), 0.02 * float(np.abs(values).max()), least)
            low, high = float(values.min()) - margin, float(values.max()) + margin
            if values.min() >= 0:
                low = max(low, 0.0)
            if share:
                high = min(high, 1.02)
            axes.set_ylim(low, high)
            if share:
                percent_axis(axes.yaxis)
            else:
                axes.locator_params(axis="y", nbins=5)
                axes.yaxis.set_major_formatter(lambda value, _position: numeral(value, ".3g"))
        if limit is not None:
            height = float(axes.transAxes.inverted().transform(axes.transData.transform((1, limit)))[1])
            right = _clearer_right(axes, first, limit)
            axes.annotate(
                _("limit {value}").format(value=number(limit, first.observed.kind)),
                (1 if right else 0, limit),
                (-4 if right else 4, 4 if height < 0.9 else -4),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                color=WARN,
                fontsize=SMALL,
                ha="right" if right else "left",
                va="bottom" if height < 0.9 else "top",
            )
        x, unit = curves.moments(trace, first)
        run_axis(axes, float(x[-1]), unit)
        return finish(axes, name, _title(first, limit))


def _logarithmic(first: Series, values: NDArray[np.float64], limit: float | None) -> bool:
    """Whether a logarithmic axis shows the series against its limit better."""
    if not (values > 0).all():
        return False
    if first.name == "learning_rate":  # schedules end near 0, which is of no interest here
        ends = [float(first.values.max()), limit or float(first.values.max())]
        return max(ends) / min(ends) > NEAR
    return bool(values.max() / values.min() > WIDE)


def _clearer_right(axes: Axes, series: Series, limit: float) -> bool:
    """Whether the curve keeps further from the limit in the last third of the panel than in the first."""
    heights = axes.transData.transform(np.column_stack([np.zeros(len(series)), series.values]))[:, 1]
    away = np.abs(heights - axes.transData.transform((0, limit))[1])
    third = max(1, len(away) // 3)
    return bool(away[-third:].min() > away[:third].min())


def _bars(_trace: Trace, group: Sequence[Series], limit: float | None, name: str) -> Chart:
    """Single numbers as bars, the limit a named line across them."""
    shown = list(group[:MOST_BARS])
    values = [s.telling for s in shown]
    top = max([*values, limit or 0.0, 1e-12])
    bottom = min([*values, 0.0])
    with panel(48 + 26 * len(shown), left=120, right=62, top=24, bottom=20) as axes:
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlim(bottom, 1.04 * top)
        axes.barh(range(len(shown)), values, height=0.55, color=[ACCENT, *[SOFT] * (len(shown) - 1)])
        axes.set_yticks(range(len(shown)), [short(s.where or s.title, 19) for s in shown], color=INK)
        for i, value in enumerate(values):
            axes.annotate(
                number(value, shown[i].observed.kind),
                (max(value, 0.0), i),
                (5, 0),
                textcoords="offset points",
                va="center",
                fontsize=SMALL,
                annotation_clip=False,
            )
        if limit is not None:
            named_line(axes, limit, _("limit {value}").format(value=number(limit, shown[0].observed.kind)), WARN)
        axes.xaxis.set_visible(False)
        return finish(axes, name, _title(shown[0], limit))
