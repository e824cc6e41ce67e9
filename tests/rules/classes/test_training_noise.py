"""label-noise of the whole run: wrong labels all over the training images."""

from __future__ import annotations

import pytest

from netvet.rules import diagnose
from netvet.testing import Curve, altered, assert_fires, assert_silent, healthy_trace
from netvet.trace import Trace

RULE = "label-noise"
TOLD: dict[str, Curve] = {  # by colours and edges, eight classes
    "label_information@training": 0.30,
    "label_information@across": 0.60,
    "label_information@validation": 0.90,
    **{f"label_chance@{place}": 0.125 for place in ("training", "across", "validation")},
    **{f"label_chance_spread@{place}": 0.02 for place in ("training", "across", "validation")},
    "repeated_images": 1.0,
}
LOWER: dict[str, Curve] = {"train_eval_accuracy": [0.2, 0.4, 0.5], "val_accuracy": [0.3, 0.5, 0.75]}


def loop(*changes: dict[str, Curve], form: str = "cross-entropy") -> Trace:
    """A watched loop whose validation accuracy ends at 60 %."""
    base = healthy_trace(recipe=None, train_accuracy=0.62, val_accuracy=0.6)
    trace = altered(base, {name: curve for each in changes for name, curve in each.items()})
    trace.meta["loss_form"] = {"name": form}
    return trace


def test_features_tell_validation_labels_better_than_those_they_were_learnt_from() -> None:
    found = assert_fires(RULE, loop(TOLD), where="")
    assert "About 63% of the training labels" in found.message  # 1 - (0.30 - 0.125) / (0.60 - 0.125)
    assert "60.0%" in found.message
    assert "30.0%" in found.message
    assert "about 63%" in found.needed


def test_it_is_the_root_of_a_poor_run_and_a_note_in_a_good_one() -> None:
    poor = diagnose(loop(TOLD))
    assert poor.root is not None
    assert (poor.verdict, poor.root.rule) == ("sick", RULE)
    good = altered(healthy_trace(recipe=None, train_accuracy=0.99, val_accuracy=0.98), TOLD)
    good.meta["loss_form"] = {"name": "cross-entropy"}
    assert diagnose(good).verdict == "healthy"
    assert [f.rule for f in diagnose(good).notes] == [RULE]


@pytest.mark.parametrize(
    "change",
    [
        {"label_information@training": 0.56},  # nearly as well
        {"label_information@training": 0.40, "repeated_images": 0.0},  # augmented: the thumbnails are harder
        {"label_information@across": 0.16, "label_information@training": 0.13},  # nothing is told at all
        {f"label_chance_spread@{place}": 0.1 for place in ("training", "across")},  # by chance
    ],
)
def test_silent_where_it_is_not_sure(change: dict[str, Curve]) -> None:
    assert_silent(RULE, loop(TOLD, change))


def test_silent_where_the_loss_is_not_of_these_labels() -> None:
    assert_silent(RULE, loop(TOLD, form=""))  # mixup: the batch's labels are half of it


def test_the_network_does_better_on_new_images_than_on_its_own() -> None:
    repeated: dict[str, Curve] = {"repeated_images": 1.0}
    found = assert_fires(RULE, loop(LOWER, repeated), where="")
    assert "75.0%" in found.message
    assert "50.0%" in found.message
    assert_silent(RULE, loop(LOWER, {"repeated_images": 0.1}))  # augmented
    assert_silent(RULE, loop(LOWER, repeated, {"train_eval_accuracy": [0.3, 0.5, 0.74]}))


def test_netvets_own_trainer_asks_plain_images() -> None:
    assert_fires(RULE, healthy_trace(train_accuracy=0.5, val_accuracy=0.75), where="")


def test_the_audit_counts_wrong_labels_of_validation_too() -> None:
    counted: dict[str, Curve] = {"label_noise": 0.22, "label_noise_low": 0.15, "label_noise_high": 0.32}
    poor = healthy_trace(train_accuracy=0.95, val_accuracy=0.62)
    found = assert_fires(RULE, altered(poor, counted), where="")
    assert "About 22% of all labels are likely wrong (15% to 32%)" in found.message
    assert "generalisation-gap" in found.explains
    assert_silent(RULE, altered(poor, {**counted, "label_noise_low": 0.04}))
