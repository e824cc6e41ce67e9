"""shuffled-labels: one split says nothing of its images while the other does."""

from __future__ import annotations

from netvet.testing import altered, assert_fires, assert_rules_out, assert_silent, healthy_trace
from netvet.trace import Trace

RULE = "shuffled-labels"


def told(training: float, validation: float, across: float, spread: float = 0.02) -> Trace:
    seen = {"training": training, "validation": validation, "across": across}
    changes = {f"label_information@{split}": value for split, value in seen.items()}
    changes |= {f"label_chance@{split}": 0.125 for split in seen}
    changes |= {f"label_chance_spread@{split}": spread for split in seen}
    return altered(healthy_trace(recipe=None), changes)


def test_training_labels_that_say_nothing() -> None:
    assert "12.9% of them are right" in assert_fires(RULE, told(0.129, 0.45, 0.12), where="training").message


def test_validation_labels_that_say_nothing() -> None:
    assert_fires(RULE, told(0.6, 0.13, 0.12), where="validation")


def test_silent_where_both_or_neither_are_told_or_training_tells_validation() -> None:
    assert_rules_out(RULE, told(0.6, 0.4, 0.5))
    assert_silent(RULE, told(0.13, 0.13, 0.12))
    assert_silent(RULE, told(0.6, 0.14, 0.4))


def test_silent_where_the_split_is_too_small_to_show_it() -> None:
    assert_silent(RULE, told(0.25, 0.13, 0.12))
