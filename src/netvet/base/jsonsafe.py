"""Trees of values as strict JSON holds them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any


def jsonsafe(value: object) -> Any:
    """The same tree of plain values: a number that is not finite is None, what JSON does not know is its text.

    >>> from pathlib import Path
    >>> jsonsafe({"auc": float("nan"), "interval": (0.5, float("inf")), "run": Path("runs") / "a", 3: True})
    {'auc': None, 'interval': [0.5, None], 'run': 'runs/a', '3': True}
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): jsonsafe(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [jsonsafe(inner) for inner in value]
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    return str(value)
