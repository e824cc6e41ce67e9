"""scattered-class: a stuck class whose images fall into forms that lie further apart than other classes' parts do."""

from __future__ import annotations

import pytest

from netvet.rules import diagnose
from netvet.testing import Curve, assert_fires, assert_silent
from tests.rules.classes._traces import WORST, sick

RULE = "scattered-class"
FORMS: dict[str, Curve] = {
    f"form_distance@{WORST}": 2.4,
    f"form_usual@{WORST}": 1.2,
    f"form_chance@{WORST}": 0.0,
    f"form_count@{WORST}": 3.0,
    f"form_silhouette@{WORST}": 0.3,
    f"label_error_share@{WORST}": 0.2,
    f"probe_recall@{WORST}": 0.3,
}
"""Of a class that the network's own features do not hold either."""


def test_forms_that_lie_far_apart() -> None:
    found = assert_fires(RULE, sick(FORMS, taken=0.4), where=WORST)
    assert "fall into 3 or more clusters, 2.4 times as far apart" in found.message
    root = diagnose(sick(FORMS, taken=0.4)).root
    assert root is not None
    assert root.rule == RULE


@pytest.mark.parametrize(
    "change",
    [
        {f"form_distance@{WORST}": 1.9},  # no further than 1.65 times what other classes' parts lie
        {f"form_distance@{WORST}": 0.9, f"form_usual@{WORST}": 0.4},  # nearer than the other classes
        {f"form_chance@{WORST}": 0.1},  # one cloud is parted as well
        {f"form_distance@{WORST}": None},  # not asked
        {f"form_usual@{WORST}": None},  # no other class could be parted
    ],
)
def test_near_misses(change: dict[str, Curve]) -> None:
    assert_silent(RULE, sick({**FORMS, **change}, taken=0.4))


def test_where_labels_look_sound_less_distance_is_enough() -> None:
    sound = {f"label_error_share@{WORST}": 0.03, f"form_distance@{WORST}": 1.65}
    assert_fires(RULE, sick({**FORMS, **sound}, taken=0.4))
    assert_silent(RULE, sick({**FORMS, **sound, f"form_distance@{WORST}": 1.5}, taken=0.4))
    assert_silent(RULE, sick({**FORMS, **sound, f"label_error_share@{WORST}": 0.12}, taken=0.4))


def test_forms_bias_the_last_layer_too() -> None:
    root = diagnose(sick({**FORMS, f"probe_recall@{WORST}": 0.95}, taken=0.4)).root
    assert root is not None
    assert root.rule == RULE


def test_a_rare_class_is_not_called_scattered() -> None:
    assert_silent(RULE, sick({**FORMS, f"class_images@{WORST}": 20.0}, taken=0.4))


def test_a_class_of_which_most_labels_look_wrong_has_no_forms_of_its_own() -> None:
    noisy: dict[str, Curve] = {
        f"label_error_share@{WORST}": 0.5,
        f"label_error_together@{WORST}": 0.3,
        f"image_rest_auc@{WORST}": 0.7,
    }
    assert_silent(RULE, sick({**FORMS, **noisy}, taken=0.4))
    assert_fires("label-noise", sick({**FORMS, **noisy}, taken=0.4))
    assert_silent("label-noise", sick({**FORMS, **noisy, f"label_error_share@{WORST}": 0.25}, taken=0.4))
