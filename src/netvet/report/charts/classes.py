"""Quantities by class: AUC with its interval, and what is taken for what."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from netvet.base.words import numeral, pretty, short
from netvet.locale import _
from netvet.report.charts.figure import ACCENT, CARD, INK, RULE, SMALL, SOFT, WIDTH, Chart, finish, grid, panel
from netvet.report.facts import ClassRow, class_names, class_rows, confusion, top_confusions
from netvet.trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ROWS = 40  # classes in the AUC panel; of more, those with the lowest AUC
MOST_TICKS, MOST_CELLS_WITH_NUMBERS = 40, 8


def auc(trace: Trace) -> Chart | None:
    """One-vs-rest ROC-AUC on validation by class, lowest first, with its 95 % interval and the training images."""
    known = [row for row in class_rows(trace) if math.isfinite(row.auc)]
    if not known:
        return None
    rows = sorted(known, key=lambda row: row.auc)
    shown = rows[:MOST_ROWS]
    low = _floor([v for r in shown for v in (r.auc, r.low) if math.isfinite(v)])
    title = _("Lowest AUC: {name}, {auc}").format(name=pretty(rows[0].name), auc=numeral(rows[0].auc, ".3f"))
    above = sum(row.auc >= 0.95 for row in rows)
    title += "; " + _("{above} of {all} classes reach 0.95").format(above=above, all=len(rows))
    with panel(62 + max(40.0, 15.5 * len(shown)), left=150, right=50, top=26, bottom=24) as axes:
        places = np.arange(len(shown))
        for place, row in zip(places, shown, strict=True):
            if math.isfinite(row.low) and math.isfinite(row.high):
                axes.plot([max(row.low, low), row.high], [place, place], color=ACCENT, linewidth=1.8, alpha=0.6)
        axes.plot([r.auc for r in shown], places, "o", color=ACCENT, markersize=5)
        axes.set_yticks(places, [short(r.name) for r in shown], color=INK)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlim(low - 0.02 * (1 - low), 1 + 0.02 * (1 - low))
        axes.locator_params(axis="x", nbins=5)
        axes.xaxis.set_major_formatter(lambda value, _position: numeral(value, "g") if value <= 1 else "")
        _counts(axes, shown)
        grid(axes, vertical=True)
        alt = title + ". " + "; ".join(f"{pretty(r.name)} {numeral(r.auc, '.3f')}" for r in shown[:10])
        return finish(axes, "auc", title, alt)


def _floor(values: Sequence[float]) -> float:
    """A round number at or below all values, at most 0.9."""
    return min(0.9, math.floor(20 * min(values)) / 20)


def _counts(axes: Axes, rows: Sequence[ClassRow]) -> None:
    """The training images of each class in a column at the right."""
    if not any(math.isfinite(r.train) for r in rows):
        return
    for place, row in enumerate(rows):
        if math.isfinite(row.train):
            axes.annotate(
                numeral(int(row.train), ","),
                (1, place),
                (42, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                ha="right",
                va="center",
                fontsize=SMALL,
                color=SOFT,
                annotation_clip=False,
            )
    axes.annotate(
        _("training images"), (1, 1), (46, 6), "axes fraction", "offset points", ha="right", fontsize=SMALL, color=SOFT
    )


def confusion_matrix(trace: Trace) -> Chart | None:
    """The confusion matrix on validation: each row is a true class, its cells are shares of its images."""
    matrix = confusion(trace)
    if matrix is None:
        return None
    names = class_names(trace)
    top = top_confusions(matrix, names, 1)
    title = _("No validation image is misclassified")
    if top:
        title = _("Most frequent confusion: {true} as {predicted}, {count} of {images}").format(
            true=pretty(top[0].true), predicted=pretty(top[0].predicted), count=top[0].count, images=top[0].images
        )
    size = len(names)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    named = size <= MOST_TICKS
    left, right, top_margin, bottom = (128.0 if named else 30.0), 8.0, 38.0, 6.0
    side = WIDTH - left - right
    if size <= 3:
        side = min(side, 150.0)
    with panel(side + top_margin + bottom, left=left, right=WIDTH - left - side, top=top_margin, bottom=bottom) as axes:
        _cells(axes, shares)
        axes.set_xlim(-0.5, size - 0.5)
        axes.set_ylim(size - 0.5, -0.5)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.set_xlabel(_("predicted"), labelpad=4)
        axes.xaxis.set_label_position("top")
        if named:
            cell = side / size
            text = min(SMALL, max(5.5, cell * 0.92))
            axes.set_yticks(range(size), [f"{short(n, 17)} {i + 1}" for i, n in enumerate(names)], color=INK)
            stride = max(1, math.ceil(1.6 * text / cell))
            numbers = range(0, size, stride)
            axes.set_xticks(numbers, [str(i + 1) for i in numbers], color=INK)
            axes.tick_params(axis="both", labelsize=text)
        else:
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_ylabel(_("true"))
        if size <= MOST_CELLS_WITH_NUMBERS:
            _numbers(axes, shares)
        wrong = top_confusions(matrix, names)
        alt = "; ".join(
            [title, *(f"{pretty(c.true)} → {pretty(c.predicted)}: {c.count}/{c.images}" for c in wrong[1:])]
        )
        return finish(axes, "confusion", title, alt)


def _cells(axes: Axes, shares: NDArray[np.float64]) -> None:
    """Cells as opacity of the accent, so that they suit a light and a dark page; errors are drawn a little stronger."""
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Rectangle

    size = len(shares)
    strength = np.where(shares > 0, 0.08 + 0.92 * shares**0.7, 0.0)
    if size > MOST_TICKS:
        image = np.zeros((size, size, 4))
        image[..., :3] = to_rgb(ACCENT)
        image[..., 3] = strength
        axes.imshow(image, interpolation="nearest", extent=(-0.5, size - 0.5, size - 0.5, -0.5), aspect="auto")
    else:
        places = np.argwhere(shares > 0)
        boxes = [Rectangle((j - 0.46, i - 0.46), 0.92, 0.92) for i, j in places]
        colours = [(*to_rgb(ACCENT), strength[i, j]) for i, j in places]
        axes.add_collection(PatchCollection(boxes, facecolors=colours, edgecolors="none"))
        for k in range(size):
            axes.add_patch(Rectangle((k - 0.5, k - 0.5), 1, 1, fill=False, edgecolor=SOFT, linewidth=0.6))
    axes.add_patch(Rectangle((-0.5, -0.5), size, size, fill=False, edgecolor=RULE, linewidth=1))


def _numbers(axes: Axes, shares: NDArray[np.float64]) -> None:
    for (i, j), share in np.ndenumerate(shares):
        if share > 0:
            axes.text(
                j, i, f"{100 * share:.0f}", ha="center", va="center", fontsize=SMALL, color=CARD if share > 0.6 else INK
            )
