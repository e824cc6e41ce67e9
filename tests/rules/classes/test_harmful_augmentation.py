"""harmful-augmentation: a stuck class that the network knows in its augmented form alone."""

from __future__ import annotations

import pytest

from netvet.recipe import Recipe
from netvet.testing import Curve, altered, assert_fires, assert_silent, healthy_trace
from tests.rules.classes._traces import WORST, sick

RULE = "harmful-augmentation"
KNOWN: dict[str, Curve] = {f"recall_plain@{WORST}": 0.05, f"recall_augmented@{WORST}": 0.9}


def test_fires_on_a_class_that_is_known_by_its_augmentation() -> None:
    found = assert_fires(RULE, sick(KNOWN), where=WORST)
    assert "is 90% when they are augmented as in training, and 5% when they are not" in (found.message)
    assert "of its own" not in found.message


def test_names_the_change_that_does_most() -> None:
    alone: dict[str, Curve] = {f"recall_colour@{WORST}": 0.66, f"recall_erase@{WORST}": 0.05}
    assert "colour alone does most (66%)" in assert_fires(RULE, sick({**KNOWN, **alone})).message
    turned: dict[str, Curve] = {f"recall_rotate@{WORST}": 0.5}
    assert "rotation alone does most (50%)" in assert_fires(RULE, sick({**KNOWN, **turned})).message


def test_says_where_the_class_has_changes_of_its_own() -> None:
    recipe = Recipe().change({"augment.per_class": {WORST: {"rotate": 180}}})
    assert "augmentation of its own" in assert_fires(RULE, altered(sick(KNOWN), {}, recipe=recipe)).message


@pytest.mark.parametrize(
    "change",
    [
        {f"recall_augmented@{WORST}": 0.3},  # known in neither form
        {f"val_images@{WORST}": 4.0},  # four images may differ by chance
        {f"recall_plain@{WORST}": 0.6},
    ],
)
def test_silent_where_it_is_not_surely_so(change: dict[str, Curve]) -> None:
    assert_silent(RULE, sick({**KNOWN, **change}))


def test_what_the_network_does_says_more_than_how_the_images_look() -> None:
    dark: dict[str, Curve] = {f"quality_dark@{WORST}": 0.95, f"quality_surely@{WORST}": 0.9}
    assert_fires(RULE, sick({**KNOWN, **dark}))
    assert_silent("low-quality-images", sick({**KNOWN, **dark}))


def test_silent_without_a_stuck_class_or_without_the_exam() -> None:
    assert_silent(RULE, sick(KNOWN, stuck=False))
    assert_silent(RULE, sick({}))
    assert_silent(RULE, healthy_trace())
