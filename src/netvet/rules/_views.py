"""What several rules look at, computed once for a trace."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from copy import copy
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from netvet.trace import Trace

T = TypeVar("T")


class View(Generic[T]):
    """A function of a trace that remembers its answers for as long as the trace lives.

    `of`: the rule whose limits are the function's own: where the diagnosis is given others for that rule, every rule
    that looks through this view sees by them.
    """

    def __init__(self, compute: Callable[..., T], of: str) -> None:
        self.compute, self.of, self.__doc__ = compute, of, compute.__doc__
        self._kept: WeakKeyDictionary[Trace, dict[Hashable, T]] = WeakKeyDictionary()
        self._limits: WeakKeyDictionary[Trace, Mapping[str, float]] = WeakKeyDictionary()

    def __call__(self, trace: Trace, **limits: float) -> T:
        given: dict[str, Any] = {**(self.compute.__kwdefaults__ or {}), **self._limits.get(trace, {}), **limits}
        kept, key = self._kept.setdefault(trace, {}), tuple(sorted(given.items()))
        if key not in kept:
            kept[key] = self.compute(trace, **given)
        return kept[key]

    def limit(self, trace: Trace, limits: Mapping[str, float]) -> None:
        """From now on see this trace by these limits."""
        self._limits[trace] = limits


_VIEWS: list[View[Any]] = []


def view(of: str = "") -> Callable[[Callable[..., T]], View[T]]:
    """Make a function of a trace, and of limits by keyword, a view; `of`: see `View`."""

    def made(compute: Callable[..., T]) -> View[T]:
        found = View(compute, of)
        _VIEWS.append(found)
        return found

    return made


def seen_by(trace: Trace, limits: Mapping[str, Mapping[str, float]]) -> Trace:
    """The trace as it is seen by these limits of rules; itself where no view depends on them."""
    changed = [each for each in _VIEWS if limits.get(each.of)]
    seen = copy(trace) if changed else trace
    for each in changed:
        each.limit(seen, limits[each.of])
    return seen
