"""Small panels: matplotlib draws, and the SVG is made fit to stand inside a page.

Colours become CSS variables, so that a panel follows the page's light or dark scheme and its print colours. Text stays
text (small, searchable, in the reader's own font) and is never read as mathematics. Nothing in a panel runs or loads.
"""

from __future__ import annotations

import io
import itertools
import math
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from netvet.base.words import RAISED, clean, numeral
from netvet.locale import written

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import Formatter

# Okabe & Ito (2008), https://jfly.uni-koeln.de/color/: told apart by colour-blind readers. One accent, one warning.
INK, SOFT, RULE, ACCENT, WARN, CARD = "#22303a", "#5c6b75", "#d5dce0", "#0072b2", "#d55e00", "#fdfefe"
_VARIABLES = {INK: "ink", SOFT: "soft", RULE: "rule", ACCENT: "accent", WARN: "warn", CARD: "card"}
WIDTH = 360  # units; a phone shows them at about 0.9 px each, a desk at about 1.2
TEXT, SMALL = 11.5, 11
DASHES = (0, (4, 2))  # of a limit, or of the run's own value
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "netvet",
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "font.family": "DejaVu Sans",  # comes with matplotlib; wide, so that text measured in it fits in any system font
    "font.size": TEXT,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": SOFT,
    "axes.labelsize": SMALL,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "ytick.major.size": 0,
    "xtick.major.size": 3,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "figure.facecolor": "none",
}
_XLINK = "{http://www.w3.org/1999/xlink}href"
_SVG = "http://www.w3.org/2000/svg"
_FONT = re.compile(r"font-family:[^;]*;?\s*")
_NUMBER = re.compile(r"-?\d+\.\d{2,}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


@dataclass(frozen=True)
class Chart:
    """One panel. `title`: what is to be seen, in one line. `alt`: the same for who cannot see it. `svg`: markup."""

    title: str
    svg: str
    alt: str
    wide: bool = False


@contextmanager
def panel(height: float, *, left: float = 46, right: float = 14, top: float = 12, bottom: float = 34) -> Iterator[Axes]:
    """Axes on a fresh panel of WIDTH x height units; the margins are in units too."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72)
        box = (left / WIDTH, bottom / height, (WIDTH - left - right) / WIDTH, (height - top - bottom) / height)
        axes = figure.add_axes(box)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(_plain_ticks())
        yield axes


def _plain_ticks() -> Formatter:
    """Matplotlib's own numbers, as the language in force writes them."""
    from matplotlib.ticker import ScalarFormatter

    class Written(ScalarFormatter):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return written(super().__call__(x, pos))

    return Written()


def finish(axes: Axes, name: str, title: str, alt: str = "", *, wide: bool = False) -> Chart:
    """The panel as a chart. `name` must be its own within a page: ids are made from it."""
    title = clean(title)
    alt = clean(alt) or title
    figure = axes.get_figure(root=True)
    assert figure is not None
    return Chart(title, _markup(figure, name, alt), alt, wide)


def _markup(figure: Figure, name: str, alt: str) -> str:
    text = io.StringIO()
    nothing: dict[str, Any] = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the reader's font draws it, not matplotlib's
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        figure.savefig(text, format="svg", metadata=nothing)
    root = ET.fromstring(text.getvalue())  # noqa: S314 - what matplotlib has just written
    used = {ref for node in root.iter() for ref in _references(node)}
    for node in root.iter():
        node.tag = node.tag.removeprefix(f"{{{_SVG}}}")
        node.tail = None
        if node.tag not in ("text", "tspan"):
            node.text = None
        own = node.attrib.pop("id", "")
        if own in used:
            node.set("id", f"{name}-{own}")
        link = node.attrib.pop(_XLINK, "")
        if link:
            node.set("href", f"#{name}-{link[1:]}" if link.startswith("#") else link)
        for key, value in node.attrib.items():
            if key not in ("href", "id"):
                node.set(key, _attribute(key, value, name))
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == "style" or (child.tag in ("g", "defs") and not len(child)):
                parent.remove(child)
    view = root.attrib["viewBox"]
    root.attrib.clear()
    root.attrib.update({"viewBox": view, "role": "img", "aria-label": alt})
    return ET.tostring(root, encoding="unicode", short_empty_elements=True)


def _references(node: ET.Element) -> Iterator[str]:
    link = node.attrib.get(_XLINK, "")
    if link.startswith("#"):
        yield link[1:]
    for key in ("clip-path", "style"):
        yield from _REFERENCE.findall(node.attrib.get(key, ""))


def _attribute(key: str, value: str, name: str) -> str:
    if key in ("d", "x", "y", "width", "height", "transform", "points"):
        value = _NUMBER.sub(lambda m: f"{float(m[0]):.1f}", value).replace("\n", " ")
    if key == "style":
        value = _FONT.sub("", value)
    value = _REFERENCE.sub(rf"url(#{name}-\1)", value)
    if key in ("style", "fill", "stroke"):
        for colour, variable in _VARIABLES.items():
            value = value.replace(colour, f"var(--{variable})")
    return value


# ---- what the panels share ----


def log_axis(axis: Any, low: float, high: float) -> None:
    """Whole decades on a logarithmic axis that is already scaled; at most five of them are labelled."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    first, last = decade(low), decade(high) + (high > 10.0 ** decade(high))
    stride = max(1, -(-(last - first + 1) // 5))
    axis.set_major_locator(FixedLocator([10.0**k for k in range(first, last + 1, stride)]))
    axis.set_major_formatter(FuncFormatter(lambda value, _position: power(value)))
    axis.set_minor_locator(NullLocator())


def log_scale(axes: Axes, axis: Literal["x", "y"], low: float, high: float) -> None:
    """A logarithmic axis from `low` to `high`, both positive, with whole decades."""
    if axis == "x":
        axes.set_xscale("log")
        axes.set_xlim(low, high)
    else:
        axes.set_yscale("log")
        axes.set_ylim(low, high)
    log_axis(axes.xaxis if axis == "x" else axes.yaxis, low, high)


def run_axis(axes: Axes, last: float, unit: str) -> None:
    """The x axis of what is shown over the run, up to `last` epochs or steps (`unit` says which)."""
    axes.set_xlabel(unit)
    axes.set_xlim(0, max(last, 1.0))
    whole_ticks(axes)
    grid(axes)


def caption(axes: Axes, text: str) -> None:
    """What the y axis shows, above its top."""
    axes.set_title(text, fontsize=SMALL, color=SOFT, loc="left", pad=4)


def named_line(axes: Axes, x: float, label: str, colour: str, *, faint: bool = False) -> None:
    """A line at one x, its name above the panel and inside it; set the limits of x before."""
    axes.axvline(x, color=colour, linewidth=1.2 if faint else 1.6, linestyle=(0, (1, 2)) if faint else DASHES)
    share = float(axes.transAxes.inverted().transform(axes.transData.transform((x, 0)))[0])
    axes.annotate(
        label,
        (x, 1),
        (0, 5),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="left" if share < 0.3 else "right" if share > 0.7 else "center",
        color=colour,
        fontsize=SMALL,
        annotation_clip=False,
    )


def decade(value: float) -> int:
    """The whole power of ten at or below a positive value."""
    return math.floor(math.log10(value) + 1e-9)


def power(value: float) -> str:
    """1e-4 as "10⁻⁴"; from 0.01 to 1,000 in plain digits."""
    if value == 0:
        return "0"
    if 0.01 <= abs(value) <= 1000:
        return numeral(value, "g")
    return "10" + str(decade(abs(value))).translate(RAISED)


def whole_ticks(axes: Axes, count: int = 6) -> None:
    """Few and whole numbers along x: epochs are counted."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(count, integer=True, min_n_ticks=1))


def grid(axes: Axes, *, vertical: bool = False) -> None:
    """Faint lines across the values."""
    axes.grid(visible=True, axis="x" if vertical else "y")
    axes.tick_params(axis="x", length=0 if vertical else 3)


def percent_axis(axis: Any) -> None:
    """Ticks of shares (0..1) as per cent."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _position: numeral(100 * value, "g") + "%"))


def spread(
    positions: Sequence[float], gap: float, low: float = float("-inf"), high: float = float("inf")
) -> list[float]:
    """Positions moved so that neighbours are at least `gap` apart and, where there is room, within bounds."""
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    placed = list(positions)
    for before, after in itertools.pairwise(order):
        placed[after] = max(placed[after], placed[before] + gap)
    if order:
        shift = min(0.0, high - placed[order[-1]])
        shift = max(shift, low - placed[order[0]])
        placed = [place + shift for place in placed]
    return placed


def end_labels(
    axes: Axes, points: Sequence[tuple[float, float, str, str]], to_fraction: Callable[[float], float]
) -> None:
    """Names at the ends of lines, moved apart where lines end together: (x, y, name, colour) each.

    `to_fraction` gives the height of a y value as a share of the axes, 0..1.
    """
    height = axes.bbox.height
    places = spread([to_fraction(y) * height for _, y, _, _ in points], SMALL + 1.5, 0, height)
    for (x, _, name, colour), place in zip(points, places, strict=True):
        axes.annotate(
            name,
            xy=(x, 0),
            xycoords=("data", "axes fraction"),
            xytext=(5, place),
            textcoords="offset points",
            color=colour,
            fontsize=SMALL,
            va="center",
            annotation_clip=False,
        )
