"""How near a measurement comes to a limit."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netvet.rules._nearness import at_least, at_most, below

number = st.floats(-100, 100)


@pytest.mark.parametrize(("value", "near"), [(1.0, 1.0), (0.8, 1.0), (0.7, 0.5), (0.6, 0.0), (0.1, 0.0)])
def test_nearness_falls_from_the_limit_to_the_slack_beside_it(value: float, near: float) -> None:
    assert at_least(value, 0.8, slack=0.2) == pytest.approx(near)
    assert at_most(-value, -0.8, slack=0.2) == pytest.approx(near)


def test_the_limit_itself_is_not_below_it() -> None:
    assert below(0.8, 0.8) == 0
    assert 0.9 < below(0.8, 0.8, slack=0.1) < 1
    assert at_most(0.8, 0.8) == 1


@given(number, number, st.floats(0, 10))
def test_it_is_1_where_the_limit_holds_and_nowhere_else(value: float, limit: float, slack: float) -> None:
    for near, holds in ((at_least, value >= limit), (at_most, value <= limit), (below, value < limit)):
        assert (near(value, limit, slack) == 1) == holds
        assert 0 <= near(value, limit, slack) <= 1


def test_what_was_not_measured_is_not_near() -> None:
    assert [near(math.nan, 0.5, 0.1) for near in (at_least, at_most, below)] == [0, 0, 0]
