"""look-alike-classes: a stuck class that nothing tells from one other."""

from __future__ import annotations

import pytest

from netvet.testing import Curve, assert_fires, assert_rules_out, assert_silent, healthy_trace
from tests.rules.classes._traces import WORST, sick

RULE = "look-alike-classes"
ALIKE: dict[str, Curve] = {
    f"label_error_share@{WORST}": 0.5,
    f"label_error_together@{WORST}": 0.99,
    f"image_auc@{WORST}": 0.75,
    f"image_pair_auc@{WORST}": 0.51,
    f"probe_pair_auc@{WORST}": 0.59,
    f"probe_auc@{WORST}": 0.79,
}


def test_fires_and_names_the_other() -> None:
    found = assert_fires(RULE, sick(ALIKE, taken=0.9), where=WORST)
    assert "species 4" in found.message
    assert "0.51" in found.message


def test_says_that_it_takes_other_pictures() -> None:
    counts = {f"class_images@{WORST}": 120.0, "class_images@species 4": 200.0}
    found = assert_fires(RULE, sick({**ALIKE, **counts}, taken=0.9))
    assert found.needed.startswith("species 3 and species 4 need different pictures")
    assert "the 120 and 200 training images" in found.needed


@pytest.mark.parametrize(
    "change",
    [
        {f"image_pair_auc@{WORST}": 0.95},  # the images hold the difference
        {f"probe_pair_auc@{WORST}": 0.95},  # so do the features: the head is to blame
        {f"image_rest_auc@{WORST}": 0.7},  # not told from the others either
        {f"quality_blur@{WORST}": 0.95, f"quality_surely@{WORST}": 0.9},  # since it is blurred
        {"image_auc@*": 0.75},
    ],
)
def test_silent_where_something_else_says_it(change: dict[str, Curve]) -> None:
    assert_silent(RULE, sick({**ALIKE, **change}, taken=0.9))


def test_says_whether_the_network_lacks_the_difference_or_its_last_layer_ignores_it() -> None:
    lacking = assert_rules_out(RULE, sick({**ALIKE, f"image_pair_auc@{WORST}": 0.95}, taken=0.9))
    assert "AUC of 0.95, the network's own with 0.59." in lacking.message
    biased = assert_rules_out(RULE, sick({**ALIKE, f"probe_pair_auc@{WORST}": 0.95}, taken=0.9))
    assert "recall of 90% for species 3, the network itself 20%" in biased.message


def test_silent_where_it_is_taken_for_many() -> None:
    assert_silent(RULE, sick(ALIKE, taken=0.4))


def test_silent_without_a_stuck_class_or_without_the_exams() -> None:
    assert_silent(RULE, sick(ALIKE, taken=0.9, stuck=False))
    assert_silent(RULE, sick({"image_auc@*": None, "image_pair_auc@*": None}, taken=0.9))
    assert_silent(RULE, healthy_trace())
