"""How near a measurement comes to a limit, 0..1: 1 where it holds, falling to 0 at `slack` beside the limit. What was
not measured (nan) is not near. A finding is as near as the farthest of what it takes.
"""

from __future__ import annotations

ALMOST = 0.999  # the nearest that does not hold


def at_least(value: float, limit: float, slack: float = 0.0) -> float:
    """Of a value that has to reach the limit."""
    if value >= limit:
        return 1.0
    return min(ALMOST, 1 - (limit - value) / slack) if limit - value < slack else 0.0


def at_most(value: float, limit: float, slack: float = 0.0) -> float:
    """Of a value that must not exceed the limit."""
    return at_least(-value, -limit, slack)


def below(value: float, limit: float, slack: float = 0.0) -> float:
    """Of a value that has to lie below the limit."""
    if value == limit:
        return ALMOST if slack else 0.0
    return at_most(value, limit, slack)
