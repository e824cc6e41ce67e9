"""The classes that an exam asks about, where asking about all would cost too much."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netvet.rules import stuck

if TYPE_CHECKING:
    from netvet.trace import Trace


def hardest(trace: Trace, most: int) -> list[str]:
    """The stuck classes, the worst first, at most so many; where none is, the one of the lowest AUC on validation."""
    known = trace.meta.get("classes", ())
    found = [each.place for each in stuck(trace) if each.place in known][:most]
    places = [name for name in trace.places("val_auc") if name in known]
    return found or sorted(places, key=lambda name: trace.last("val_auc", name))[:1]
