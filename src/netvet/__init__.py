"""netvet, the vet for neural nets: it watches a training run, names what ails it and why, and proves the cure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from netvet.pipeline import Listener as Listener
    from netvet.pipeline import checkup as checkup
    from netvet.recipe import Recipe as Recipe
    from netvet.report import Report as Report
    from netvet.rules import diagnose as diagnose
    from netvet.trace import Trace as Trace
    from netvet.training import train as train
    from netvet.trials import treat as treat
    from netvet.watching import watch as watch

_HOMES = {
    "Listener": "netvet.pipeline",
    "Recipe": "netvet.recipe",
    "Report": "netvet.report",
    "Trace": "netvet.trace",
    "checkup": "netvet.pipeline",
    "diagnose": "netvet.rules",
    "train": "netvet.training",
    "treat": "netvet.trials",
    "watch": "netvet.watching",
}
__all__ = ["Listener", "Recipe", "Report", "Trace", "checkup", "diagnose", "train", "treat", "watch"]


def __getattr__(name: str) -> Any:  # the public names, each imported when it is first used
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'netvet' has no attribute {name!r}")
