"""What the trial says: the effect of each remedy with its interval, against the untouched control."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from netvet.base.words import interval, metric, numeral, points, short
from netvet.locale import _
from netvet.report import text
from netvet.report.charts.figure import ACCENT, CARD, INK, SMALL, SOFT, WARN, Chart, finish, grid, panel
from netvet.trials import CONTROL, Trial, Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def forest(trial: Trial) -> Chart | None:
    """Effects in points with 95 % intervals; the control is the line at 0; the confirmation on test stands below."""
    rows = [v for v in text.rows(trial) if math.isfinite(v.effect) and v is not trial.confirmation]
    confirmed = trial.confirmation if trial.confirmation and math.isfinite(trial.confirmation.effect) else None
    if not rows and confirmed is None:
        return None
    title = _title(rows, confirmed)
    shown = [*rows, *([confirmed] if confirmed else [])]
    places = [float(i) for i in range(len(rows))] + ([len(rows) + 0.5] if confirmed else [])
    reach = max(0.01, *(abs(x) for v in shown for x in (v.effect, *v.interval) if math.isfinite(x)))
    reach = min(reach, 3 * max(0.01, *(abs(v.effect) for v in shown)))
    with panel(66 + 22 * (max(places) + 1), left=140, right=18, top=24, bottom=36) as axes:
        axes.axvline(0, color=INK, linewidth=1.2)
        axes.annotate(
            _reference(shown), (0, 1), (0, 5), ("data", "axes fraction"), "offset points", ha="center", fontsize=SMALL
        )
        for place, verdict in zip(places, shown, strict=True):
            _row(axes, place, verdict, 100 * reach)
        names = [short(v.remedy, 21) for v in rows] + (
            [_("{name}, test").format(name=short(confirmed.remedy, 15))] if confirmed else []
        )
        axes.set_yticks(places, names, color=INK)
        if confirmed and rows:
            axes.axhline(len(rows) - 0.25, color=SOFT, linewidth=0.8, linestyle=(0, (1, 2)))
        axes.set_ylim(max(places) + 0.6, -0.6)
        axes.set_xlim(-105 * reach, 105 * reach)
        axes.locator_params(axis="x", nbins=5)
        axes.xaxis.set_major_formatter(lambda value, _position: numeral(value, "+g") if value else "0")
        axes.set_xlabel(_("points of {metric}").format(metric=metric(trial.metric)))
        grid(axes, vertical=True)
        alt = "; ".join([title, *(f"{v.remedy} {points(v.effect)}" for v in rows)])
        return finish(axes, "forest", title, alt)


def _title(rows: Sequence[Verdict], confirmed: Verdict | None) -> str:
    helped = [v for v in rows if v.helped]
    shown = confirmed or next(iter(helped), None)
    if shown is None:
        return _("Nothing helped: no interval lies above the control")
    sentence = _("{remedy}: {effect} points on validation ({interval})")
    if shown.split == "test":
        sentence = _("{remedy}: {effect} points on test ({interval})")
        if not shown.helped:
            sentence = _("{remedy} is not proven on test: {effect} points ({interval})")
    return sentence.format(remedy=shown.remedy, effect=points(shown.effect), interval=interval(*shown.interval))


def _reference(verdicts: Sequence[Verdict]) -> str:
    """What the line at 0 is: the arm that all are compared with."""
    arms = {v.against for v in verdicts}
    return short(arms.pop(), 21) if len(arms) == 1 and arms != {CONTROL} else _("control")


def _row(axes: Axes, place: float, verdict: Verdict, reach: float) -> None:
    low, high = (100 * x for x in verdict.interval)
    colour = ACCENT if verdict.helped else WARN if math.isfinite(high) and high < 0 else SOFT
    if math.isfinite(low) and math.isfinite(high):
        axes.plot([max(low, -reach), min(high, reach)], [place, place], color=colour, linewidth=2.2)
    axes.plot(
        [100 * verdict.effect],
        [place],
        "D" if verdict.split == "test" else "o",
        color=colour,
        markersize=7,
        markerfacecolor=colour if verdict.helped else CARD,
        markeredgewidth=1.8,
    )
