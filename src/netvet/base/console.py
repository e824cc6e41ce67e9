"""A terminal. Whatever the user named is printed as it is, never read as markup."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from netvet.base.words import clean

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

BLOCKS = "▁▂▃▄▅▆▇█"
PLAIN = str.maketrans({"−": "-", "–": "-", "×": "x", "…": "...", "→": ">", "∞": "inf"})


def sparkline(values: NDArray[np.float64], width: int = 24) -> str:
    """The curve in one line of blocks; empty for fewer than two finite values."""
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return ""
    bins = [part.mean() for part in np.array_split(values, min(width, len(values)))]
    low, high = min(bins), max(bins)
    if high <= low:
        return BLOCKS[0] * len(bins)
    return "".join(BLOCKS[round((b - low) / (high - low) * (len(BLOCKS) - 1))] for b in bins)


def say(console: Console, what: RenderableType) -> None:
    """Print; what the terminal's encoding lacks is replaced, so that no terminal breaks off a report."""
    if draws(console.encoding):
        console.print(what)
        return
    with console.capture() as held:
        console.print(what)
    text = held.get().translate(PLAIN).encode(console.encoding, "replace").decode(console.encoding)
    console.file.write(text)


def draws(encoding: str) -> bool:
    """Whether an encoding has the characters that curves are drawn with."""
    return encoding.lower().startswith("utf")


def block(console: Console, title: str, lines: list[tuple[str, str]]) -> None:
    """A title, and under it a line for each (name, text); nothing where there is none."""
    from rich.padding import Padding
    from rich.text import Text

    if not lines:
        return
    say(console, Text(title, "bold"))
    for name, text in lines:
        line = Text(clean(name), "cyan")
        line.append(": " + clean(text), "default")
        say(console, Padding(line, (0, 0, 0, 2)))
