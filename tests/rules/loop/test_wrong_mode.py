from __future__ import annotations

import pytest

from netvet.rules import diagnose
from netvet.testing import Curve, altered, assert_fires, assert_silent, healthy_trace
from netvet.trace import Trace


def loop(**changes: Curve) -> Trace:
    right: dict[str, Curve] = {"mode_layers": 3, "eval_trained": 0, "train_checked": 0, "model_parameters": 1000}
    return altered(healthy_trace(recipe=None), {**right, **changes})


def test_eval_mode_left_on_is_an_illness_of_a_net_that_starts_from_scratch() -> None:
    scratch = loop(eval_trained=[0, 1, 1, 1], fresh_parameters=1000)
    assert "3 dropouts and batch norms" in assert_fires("wrong-mode", scratch).message
    assert diagnose(scratch).verdict == "sick"


def test_eval_mode_is_a_note_in_fine_tuning_that_goes_well() -> None:
    tuned = diagnose(loop(eval_trained=1, fresh_parameters=0))
    assert tuned.verdict == "healthy"
    assert "wrong-mode" in {note.rule for note in tuned.notes}


def test_train_mode_in_validation_is_found() -> None:
    found = assert_fires("wrong-mode", loop(train_checked=100))
    assert "100 of them at most" in found.message
    assert found.fix.startswith("model.eval()")


@pytest.mark.parametrize(
    "changes",
    [{}, {"eval_trained": 1, "mode_layers": 0}, {"eval_trained": [1, 0, 0]}, {"train_checked": 4}],
)  # fmt: skip
def test_what_makes_no_difference_or_is_over_is_left_alone(changes: dict[str, Curve]) -> None:
    assert_silent("wrong-mode", loop(**changes))
