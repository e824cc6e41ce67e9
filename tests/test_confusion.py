"""The partner of a class: one definition for the exams and the rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netvet.confusion import most_confused_with
from netvet.rules import stuck
from netvet.trace import Trace
from tests.rules.classes._traces import WORST, sick


def test_what_a_class_is_taken_for_and_not_what_is_taken_for_it() -> None:
    """Class 0 is taken for 1 ten times; three times as many of class 2 are taken for it."""
    confusion = np.array([[20, 10, 2, 0], [0, 32, 0, 0], [30, 0, 10, 0], [0, 0, 0, 9]])
    assert most_confused_with(confusion) == {0: 1, 1: 0, 2: 0}  # nothing of 1 is missed: most is taken for it of 0


def test_shares_count_where_nothing_of_a_class_is_missed() -> None:
    confusion = np.array([[9, 0, 0], [5, 95, 0], [2, 0, 2]])
    assert most_confused_with(confusion)[0] == 2  # half of class 2, a twentieth of class 1


def test_no_confusion_no_partner() -> None:
    assert most_confused_with(None) == {}
    assert most_confused_with(np.diag([3, 0, 5])) == {}


@given(st.lists(st.lists(st.integers(0, 5), min_size=4, max_size=4), min_size=4, max_size=4))
def test_a_partner_is_another_class_that_is_confused_with_it(rows: list[list[int]]) -> None:
    confusion = np.array(rows)
    found = most_confused_with(confusion)
    for k, other in found.items():
        assert other != k
        assert confusion[k, other] or confusion[other, k]
    for k in set(range(4)) - set(found):
        assert not np.delete(confusion[k], k).any()
        assert not np.delete(confusion[:, k], k).any()


def test_a_rule_names_the_class_whose_auc_it_gives() -> None:
    """The exam held species 3 against species 5 (as an older one did), the confusion matrix says species 4."""
    trace = sick({}, taken=0.7)
    (found,) = stuck(trace)
    assert found.partner == "species 4"
    assert found.taken == pytest.approx(0.7)
    (recorded,) = stuck(sick({f"partner_class@{WORST}": 5.0}, taken=0.7))
    assert recorded.partner == "species 5"
    assert recorded.taken == pytest.approx(0.05)


def test_the_exam_and_the_rule_mean_the_same_class() -> None:
    confusion = sick({}, taken=0.7).array("val_confusion")
    (found,) = stuck(sick({}, taken=0.7))
    assert confusion is not None
    assert found is not None
    assert found.partner == f"species {most_confused_with(confusion)[3]}"


def test_no_partner_where_none_is_missed() -> None:
    trace = sick({f"partner_class@{WORST}": 5.0})
    whole = Trace(
        trace.observations(),
        recipe=trace.recipe,
        arrays={("val_confusion", ""): np.diag(np.full(8, 20))},
        meta=trace.meta,
    )
    (found,) = stuck(whole)
    assert (found.partner, found.taken) == ("", 0.0)
