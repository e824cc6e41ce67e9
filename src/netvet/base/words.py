"""Words and numbers as every renderer writes them."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from netvet.locale import _, written


def clean(text: object) -> str:
    """Text that can stand in any document: no control characters, no lone surrogates, nothing that turns the line."""
    plain = str(text).encode("utf-8", "replace").decode("utf-8")
    return "".join(c if _harmless(c) else "\N{REPLACEMENT CHARACTER}" for c in plain)


def _harmless(character: str) -> bool:
    if character in "\n\t":
        return True
    if unicodedata.category(character) == "Cc" or unicodedata.bidirectional(character) in _TURNING:
        return False
    return character not in "\ufffe\uffff"


RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def pretty(name: object) -> str:
    """A class name for reading: underscores become spaces."""
    return " ".join(clean(name).replace("_", " ").split()) or clean(name)


def short(name: object, length: int = 22) -> str:
    """A class name for a narrow column: a binomial loses its genus to an initial, the rest is cut with an ellipsis."""
    text = pretty(name)
    words = text.split()
    if len(text) > length and len(words) == 2 and words[0][:1].isupper() and words[1].islower():
        text = f"{words[0][0]}. {words[1]}"
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def numeral(value: float, form: str) -> str:
    """A number by a format specification (".2f", "+.3f", ","), as the language in force writes it."""
    return written(format(value, form)).replace("-", "−")


def percent(share: float, digits: int = 1) -> str:
    """0.981 as "98.1%"; "–" for what is not a number."""
    return written(f"{100 * share:.{digits}f}%") if math.isfinite(share) else "–"


def loss_words(value: float, form: str = ".2f") -> str:
    """A loss by a format specification; in words where it is no finite number."""
    return numeral(value, form) if math.isfinite(value) else _("no finite value")


def share(limit: float) -> str:
    """A limit, 0..1, as it is, to three figures: 0.5 as "50%", 0.125 as "12.5%"."""
    return written(f"{100 * limit:.3g}%")


def points(effect: float) -> str:
    """A difference of shares in points: 0.031 as "+3.1"."""
    return numeral(100 * effect, "+.1f") if math.isfinite(effect) else "–"


def interval(low: float, high: float) -> str:
    """A 95 % interval in points; words where there is none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return _("no interval")
    return _("{low} to {high}").format(low=points(low), high=points(high))


def number(value: float, kind: str = "") -> str:
    """A measured value to three figures; one of the kind "share" as per cent."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if kind == "share" and -1 <= value <= 1:
        return percent(value)
    if value == int(value) and abs(value) < 1e6:
        return numeral(int(value), ",")
    if 1e-4 <= abs(value) < 1000:
        return numeral(value, ".3g")
    if 1000 <= abs(value) < 1e6:
        return numeral(value, ",.0f")
    digits, exponent = f"{value:.1e}".split("e")
    return written(f"{digits.removesuffix('.0')}×10{str(int(exponent)).translate(RAISED)}").replace("-", "−")


def duration(seconds: float) -> str:
    """Seconds as "45 s", "3 min 20 s" or "2 h 5 min"."""
    if not math.isfinite(seconds):
        return "–"
    whole = round(seconds)
    if whole < 60:
        return _("{s} s").format(s=whole)
    if whole < 3600:
        return (
            _("{m} min {s} s").format(m=whole // 60, s=whole % 60) if whole % 60 else _("{m} min").format(m=whole // 60)
        )
    return _("{h} h {m} min").format(h=whole // 3600, m=whole % 3600 // 60)


def metric(name: str) -> str:
    """What a trial compares, in the middle of a sentence: "balanced accuracy"."""
    return {"accuracy": _("accuracy"), "balanced_accuracy": _("balanced accuracy")}.get(name) or pretty(name)


def changed(changes: Mapping[str, tuple[Any, Any]]) -> str:
    """What a remedy changes in the recipe: "optimizer.lr: 0.0003 → 0.03"."""
    return clean("; ".join(f"{path}: {_value(before)} → {_value(after)}" for path, (before, after) in changes.items()))


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return {"None": "none", "True": "true", "False": "false"}.get(str(value), str(value))


def listed(items: Sequence[str]) -> str:
    """Items in a sentence: "a, b and c"."""
    if len(items) < 2:
        return "".join(items)
    return _("{most} and {last}").format(most=", ".join(items[:-1]), last=items[-1])


def grouped(items: Sequence[tuple[str, tuple[str, ...]]]) -> list[tuple[str, str]]:
    """Rules that lack the same observations, together: (rules, what they lack) as text."""
    by_needs: dict[tuple[str, ...], list[str]] = {}
    for name, needs in items:
        by_needs.setdefault(needs, []).append(clean(name))
    return [(", ".join(names), ", ".join(clean(n) for n in needs)) for needs, names in by_needs.items()]
