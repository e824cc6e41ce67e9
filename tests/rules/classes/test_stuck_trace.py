"""`stuck_trace`: one class that is stuck, for a reason that the exams have not found."""

from __future__ import annotations

from netvet.rules import diagnose
from netvet.testing import assert_fires, stuck_trace
from netvet.trace import Trace


def causes(trace: Trace) -> list[str]:
    return [found.rule for found in diagnose(trace).findings if found.kind == "cause" and not found.suspected]


def test_the_class_is_stuck_and_nothing_is_blamed() -> None:
    assert_fires("stuck-class", stuck_trace("species 6"), where="species 6")
    assert causes(stuck_trace()) == []


def test_what_is_measured_of_the_class_replaces_what_sound_ones_have() -> None:
    assert causes(stuck_trace(quality_dark=0.95, quality_surely=0.9)) == ["low-quality-images"]


def test_its_missed_images_go_to_the_class_after_it() -> None:
    confusion = stuck_trace("species 7", taken=0.9).array("val_confusion")
    assert confusion is not None
    missed = [int(n) for k, n in enumerate(confusion[7]) if k != 7]
    assert (missed.index(max(missed)), max(missed) / sum(missed) > 0.89) == (0, True)
