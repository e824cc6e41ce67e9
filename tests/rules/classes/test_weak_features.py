"""weak-features: a stuck class whose difference is lost on the way: by resolution, network or last layer."""

from __future__ import annotations

import pytest

from netvet.rules import diagnose, rules
from netvet.testing import Curve, altered, assert_fires, assert_silent, healthy_trace
from tests.rules.classes._traces import WORST, sick

RULE = "weak-features"
ALIKE: dict[str, Curve] = {
    f"label_error_share@{WORST}": 0.5,
    f"label_error_together@{WORST}": 0.99,
    f"image_auc@{WORST}": 0.75,
    f"image_pair_auc@{WORST}": 0.51,
    f"probe_pair_auc@{WORST}": 0.55,
    f"probe_auc@{WORST}": 0.79,
}
LOST: dict[str, Curve] = {
    **ALIKE,
    f"detail_same@{WORST}": 0.5,
    f"detail_double@{WORST}": 0.97,
    f"detail_class@{WORST}": 4.0,
}
LACKING: dict[str, Curve] = {
    f"probe_pair_auc@{WORST}": 0.66,
    f"probe_auc@{WORST}": 0.8,
    f"probe_recall@{WORST}": 0.3,
}
BIASED: dict[str, Curve] = {f"probe_recall@{WORST}": 0.9}


def test_a_detail_that_is_lost_at_this_size() -> None:
    found = assert_fires(RULE, sick(LOST, taken=0.9), where=WORST)
    assert found.message.startswith("At 64 px species 3 and species 4 cannot be separated (AUC 0.50 by features of")
    assert "at 128 px they can (0.97)" in found.message
    assert found.remedies[0] == "larger-images"


def test_a_detail_that_shows_for_the_most_part_at_twice_the_size() -> None:
    assert_fires(RULE, sick({**LOST, f"detail_double@{WORST}": 0.87}, taken=0.9), where=WORST)


def test_a_detail_that_is_half_lost_at_this_size() -> None:
    half = {f"image_pair_auc@{WORST}": 0.87, f"detail_same@{WORST}": 0.87}
    found = assert_fires(RULE, sick({**LOST, **half, f"detail_double@{WORST}": 1.0}, taken=0.9), where=WORST)
    assert found.remedies[0] == "larger-images"
    assert_silent(RULE, sick({**LOST, **half, f"detail_double@{WORST}": 0.95}, taken=0.9))


def test_says_what_pictures_it_takes_where_the_files_are_no_larger() -> None:
    small = assert_fires(RULE, sick({**LOST, f"stored_side@{WORST}": 70.0}, taken=0.9))
    assert "the files of species 3 have a median side of 70 px" in small.needed
    large = assert_fires(RULE, sick({**LOST, f"stored_side@{WORST}": 400.0}, taken=0.9))
    assert large.needed == ""


def test_a_network_that_lacks_what_its_images_hold() -> None:
    found = assert_fires(RULE, sick(LACKING, taken=0.9), where=WORST)
    assert "do not separate species 3 from species 4: a linear probe on them has an AUC of 0.66" in found.message
    assert "independent of the run 0.98" in found.message
    assert found.remedies == ("transfer", "larger-images", "feature-channels", "larger-model")
    assert "first: transfer, larger-images, feature-channels, larger-model." in found.message


def test_a_class_that_is_taken_for_many_is_held_against_all() -> None:
    found = assert_fires(RULE, sick({**LACKING, f"probe_auc@{WORST}": 0.65}, taken=0.4), where=WORST)
    assert "from the other classes: a linear probe on them has an AUC of 0.65" in found.message
    assert_silent(RULE, sick({**LACKING, f"probe_auc@{WORST}": 0.75}, taken=0.4))


@pytest.mark.parametrize(("field", "first"), [(10.0, "larger-model"), (40.0, "transfer")])
def test_a_small_receptive_field_is_named(field: float, first: str) -> None:
    found = assert_fires(RULE, sick({**LACKING, "receptive_field": field}, taken=0.9))
    assert found.remedies[0] == first
    assert ("is 10 of 64 px" in found.message) == (first == "larger-model")


def test_a_last_layer_that_is_biased() -> None:
    found = assert_fires(RULE, sick(BIASED, taken=0.9), where=WORST)
    assert "AUC of 0.97 and a recall of 90%, the network itself a recall of 20%" in found.message
    assert found.remedies == ("class-weights", "effective-number", "oversample")


def test_the_diagnosis_offers_the_remedies_of_the_finding_alone() -> None:
    root = diagnose(sick(BIASED, taken=0.9)).root
    assert root is not None
    assert (root.rule, root.remedies) == (RULE, ("class-weights", "effective-number", "oversample"))
    assert set(root.remedies) < set(rules()[RULE].remedies)


@pytest.mark.parametrize(
    "change",
    [
        {f"detail_double@{WORST}": 0.83},  # twice the size does not surely help
        {f"detail_double@{WORST}": 0.88, f"detail_same@{WORST}": 0.6},  # nor enough
        {f"detail_same@{WORST}": 0.88},  # this size shows it
        {f"detail_double@{WORST}": None},  # not asked
        {f"detail_class@{WORST}": 5.0},  # asked of another class
        {f"quality_blur@{WORST}": 0.95, f"quality_surely@{WORST}": 0.9},
        {"image_auc@*": 0.75},
    ],
)
def test_silent_where_it_is_not_the_resolution(change: dict[str, Curve]) -> None:
    assert_silent(RULE, sick({**LOST, **change}, taken=0.9))


@pytest.mark.parametrize(
    "change",
    [
        {f"image_pair_auc@{WORST}": 0.8, f"image_auc@{WORST}": 0.85},  # nothing tells them apart well
        {f"probe_pair_auc@{WORST}": 0.87, f"probe_auc@{WORST}": 0.88},
        {f"class_images@{WORST}": 20.0},  # few images: class-imbalance
        {f"recall_plain@{WORST}": 0.05, f"recall_augmented@{WORST}": 0.9},
        {
            f"label_error_share@{WORST}": 0.4,
            f"label_error_together@{WORST}": 0.2,
            f"image_rest_auc@{WORST}": 0.7,
        },
    ],
)
def test_silent_where_the_network_is_not_to_blame(change: dict[str, Curve]) -> None:
    assert_silent(RULE, sick({**LACKING, **change}, taken=0.9))


@pytest.mark.parametrize(
    "change",
    [
        {f"probe_recall@{WORST}": 0.45},
        {f"val_images@{WORST}": 4.0},  # four images may differ by chance
        {f"class_images@{WORST}": 20.0},
        {f"probe_auc@{WORST}": 0.87},
    ],
)
def test_silent_where_the_last_layer_is_not_surely_biased(change: dict[str, Curve]) -> None:
    assert_silent(RULE, sick({**BIASED, **change}, taken=0.9))


@pytest.mark.parametrize("changes", [LOST, LACKING, BIASED])
def test_no_other_rule_blames_the_same_class(changes: dict[str, Curve]) -> None:
    found = diagnose(sick(changes, taken=0.9))
    assert [f.rule for f in found.findings if f.kind == "cause"] == [RULE]


def test_silent_without_a_stuck_class_or_without_the_exams() -> None:
    assert_silent(RULE, sick(LOST, taken=0.9, stuck=False))
    bare = dict.fromkeys(("image_auc@*", "image_pair_auc@*", "probe_auc@*", "probe_pair_auc@*"), None)
    assert_silent(RULE, altered(sick({}, taken=0.9), bare))
    assert_silent(RULE, healthy_trace())
