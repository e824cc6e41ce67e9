"""low-quality-images: a stuck class that is darker, more blurred or flatter than all others."""

from __future__ import annotations

import pytest

from netvet.rules import diagnose
from netvet.testing import Curve, assert_fires, assert_silent, healthy_trace
from tests.rules.classes._traces import WORST, sick

RULE = "low-quality-images"
DARK: dict[str, Curve] = {f"quality_dark@{WORST}": 0.92, f"quality_surely@{WORST}": 0.88}


def test_fires_on_a_stuck_class_that_is_dark() -> None:
    found = assert_fires(RULE, sick(DARK), where=WORST)
    assert "dark: poorer than an image of another class in 96% of pairs" in found.message
    assert found.evidence[0].name == "quality_dark"


def test_says_that_it_takes_better_pictures() -> None:
    found = assert_fires(RULE, sick({**DARK, f"class_images@{WORST}": 120.0}))
    assert "its images, 120 in training, are dark" in found.needed


def test_names_the_class_that_is_as_dark() -> None:
    both = {**DARK, "quality_dark@species 4": 0.9, "quality_surely@species 4": 0.85}
    assert "species 4" in assert_fires(RULE, sick(both, taken=0.9)).message


def test_is_the_root_where_darkness_makes_classes_look_alike() -> None:
    alike: dict[str, Curve] = {
        f"image_pair_auc@{WORST}": 0.7,
        f"probe_pair_auc@{WORST}": 0.63,
        f"image_auc@{WORST}": 0.97,
    }
    diagnosis = diagnose(sick({**DARK, **alike}, taken=1.0))
    assert diagnosis.root is not None
    assert diagnosis.root.rule == RULE
    assert "look-alike-classes" not in {found.rule for found in diagnosis.findings}


@pytest.mark.parametrize(
    "change",
    [
        {f"quality_dark@{WORST}": 0.7},  # as far apart as photographs of sound classes are
        {f"quality_surely@{WORST}": 0.4},  # of a few images, by chance
    ],
)
def test_silent_on_what_may_be_chance(change: dict[str, Curve]) -> None:
    assert_silent(RULE, sick({**DARK, **change}))


def test_silent_without_a_stuck_class() -> None:
    assert_silent(RULE, sick(DARK, stuck=False))
    assert_silent(RULE, healthy_trace())


def test_flat_pictures_alone_are_no_plight() -> None:
    flat: dict[str, Curve] = {f"quality_flat@{WORST}": 0.95, f"quality_surely@{WORST}": 0.9}
    assert_silent(RULE, sick(flat))
    found = assert_fires(RULE, sick({**flat, f"quality_dark@{WORST}": 0.95}))
    assert "dark and low in contrast" in found.message
