"""What is prescribed: no remedy without a rule or a reason, none that changes nothing, and for which finding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from netvet.recipe import Recipe
from netvet.remedies import GENERAL, effective, prescribe, remedies
from netvet.rules import Diagnosis, Finding, rules
from netvet.trace import Series

HEALTHY = Diagnosis((), {}, "healthy")
EVEN, UNEVEN = (40, 42, 45), (40, 42, 400)


@pytest.mark.parametrize("name", remedies())
def test_a_remedy_is_prescribed_by_a_rule_or_says_when_to_ask_for_it(name: str) -> None:
    prescribed = {cure for rule in rules().values() for cure in rule.remedies} | set(GENERAL)
    said = " ".join(remedies()[name].page.split())
    by_name = f"`netvet treat RUN --remedy {name}`" in said and "no rule prescribes it" in said.lower()
    assert (name in prescribed) != by_name


@pytest.mark.parametrize("name", ["class-weights", "effective-number", "oversample"])
def test_nothing_evens_out_classes_of_equal_size(name: str) -> None:
    assert prescribe(Recipe(), HEALTHY, names=[name], sizes=EVEN) == []
    assert [p.remedy for p in prescribe(Recipe(), HEALTHY, names=[name], sizes=UNEVEN)] == [name]


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer.name": "adam", "optimizer.lr": 0.001, "optimizer.momentum": 0.5},
        {"loss.gamma": 3.0},
        {"schedule.cycle": 9, "schedule.step_size": 2},
        {"loss.beta": 0.9},
        {"augment.generated.steps": 5},
    ],
)
def test_a_setting_that_nothing_reads_is_no_difference(changes: dict[str, Any]) -> None:
    told = {key: value for key, value in changes.items() if key in ("optimizer.name", "optimizer.lr")}
    assert effective(Recipe().change(changes)) == effective(Recipe().change(told))


def test_settings_that_are_read_are_differences() -> None:
    changes: list[dict[str, Any]] = [
        {"optimizer.momentum": 0.5},
        {"loss.name": "focal"},
        {"schedule.warmup": 0.1},
        {"model.spatial_dropout": 0.1},
        {"augment.per_class": {"perch": {"rotate": 90}}},
    ]
    for each in changes:
        assert effective(Recipe().change(each)) != effective(Recipe())


def test_two_names_for_one_change_are_tried_once() -> None:
    """A cycle as long as the run and one of a net that has no batch norm: what trains alike counts once."""
    bare = Recipe().change({"model.norm_after": "none"})
    assert effective(bare.change({"model.norm": "group"})) == effective(bare)


def test_a_rate_asked_for_by_name_is_that_of_the_range_test() -> None:
    """cyclic-learning-rate once ran at the sick rate: no finding named it, so none was handed on."""
    best = Series("lr_range_best", "", np.zeros(1, np.int64), np.array([0.03]))
    cause = Finding("low", evidence=(best,), rule="learning-rate-too-low", remedies=("raise-learning-rate",))
    sick = Diagnosis((cause,), {}, "sick")
    (found,) = prescribe(Recipe().change({"optimizer.lr": 0.0003}), sick, names=["cyclic-learning-rate"])
    assert found.finding is cause
    assert found.recipe.optimizer.lr == 0.03


def test_a_remedy_for_something_else_is_for_no_finding() -> None:
    cause = Finding("low", rule="learning-rate-too-low", remedies=("raise-learning-rate",))
    (found,) = prescribe(Recipe(), Diagnosis((cause,), {}, "sick"), names=["augment"])
    assert found.finding is None
