"""netvet, the vet for neural nets: it watches a training run, names what ails it and why, and proves the cure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from netvet.probe import watch as watch
    from netvet.recipe import Recipe as Recipe
    from netvet.report import Report as Report
    from netvet.rule import diagnose as diagnose
    from netvet.trace import Trace as Trace
    from netvet.training import train as train
    from netvet.trial import treat as treat
    from netvet.visit import checkup as checkup

_HOMES = {
    "Recipe": "netvet.recipe",
    "Report": "netvet.report",
    "Trace": "netvet.trace",
    "checkup": "netvet.visit",
    "diagnose": "netvet.rule",
    "train": "netvet.training",
    "treat": "netvet.trial",
    "watch": "netvet.probe",
}
__all__ = ["Recipe", "Report", "Trace", "checkup", "diagnose", "train", "treat", "watch"]


def __getattr__(name: str) -> Any:  # the public names, each imported when it is first used
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'netvet' has no attribute {name!r}")
