"""label-noise: a stuck class whose labels are of many other classes."""

from __future__ import annotations

import pytest

from netvet.rules import diagnose
from netvet.testing import Curve, assert_fires, assert_silent, healthy_trace
from tests.rules.classes._traces import WORST, sick

RULE = "label-noise"
NOISY: dict[str, Curve] = {
    f"label_error_share@{WORST}": 0.3,
    f"label_error_together@{WORST}": 0.25,
    f"image_auc@{WORST}": 0.7,
    f"image_rest_auc@{WORST}": 0.72,
    f"image_pair_auc@{WORST}": 0.88,
    f"probe_auc@{WORST}": 0.72,
}


def test_fires_on_a_stuck_class_with_wrong_labels() -> None:
    found = assert_fires(RULE, sick(NOISY), where=WORST)
    assert "30%" in found.message
    assert found.evidence[0].name == "label_error_share"


def test_says_how_many_labels_a_person_should_look_at() -> None:
    found = assert_fires(RULE, sick({**NOISY, f"class_images@{WORST}": 120.0}))
    assert "at least 36 of the 120 training images labelled species 3" in found.needed


@pytest.mark.parametrize(
    "change",
    [
        {f"label_error_share@{WORST}": 0.1},  # few
        {f"label_error_together@{WORST}": 0.9},  # all of one class: a look-alike
        {f"image_rest_auc@{WORST}": 0.97},  # told from all but one
        {"label_error_share@*": 0.3},  # everywhere alike
        {"image_auc@*": 0.75},  # the audit knows no class
        {f"quality_dark@{WORST}": 0.95, f"quality_surely@{WORST}": 0.9},  # too dark for the audit, too
    ],
)
def test_silent_where_something_else_says_it(change: dict[str, Curve]) -> None:
    assert_silent(RULE, sick({**NOISY, **change}))


def test_silent_without_a_stuck_class_or_without_the_exam() -> None:
    assert_silent(RULE, sick(NOISY, stuck=False))
    assert_silent(RULE, sick({name.split("@")[0] + "@*": None for name in NOISY}))
    assert_silent(RULE, healthy_trace())


OTHER = "species 5"
WORSE: dict[str, Curve] = {
    f"val_auc@{OTHER}": 0.6,
    f"val_auc_high@{OTHER}": 0.68,
    f"val_recall@{OTHER}": 0.1,
    f"probe_recall@{OTHER}": 0.1,
}


def test_a_class_that_is_worse_and_unexplained_does_not_hide_it() -> None:
    found = assert_fires(RULE, sick({**NOISY, **WORSE}), where=WORST)
    assert found.confidence == 0.85


def test_the_cause_of_the_worst_class_comes_first() -> None:
    dark = {f"quality_dark@{OTHER}": 0.95, f"quality_surely@{OTHER}": 0.9}
    causes = [f for f in diagnose(sick({**NOISY, **WORSE, **dark})).findings if f.kind == "cause"]
    assert [(f.rule, f.where) for f in causes] == [("low-quality-images", OTHER), (RULE, WORST)]
    assert causes[1].confidence < causes[0].confidence
