from __future__ import annotations

import pytest

from netvet.rules import diagnose
from netvet.testing import Curve, altered, assert_fires, assert_silent, healthy_trace
from netvet.trace import Trace

LAYERS = {"body": 900.0, "head": 100.0}


def loop(**changes: Curve) -> Trace:
    """A watched loop of two layers that learn; `changes`: observations by name, `__` before a layer."""
    named: dict[str, Curve] = {"step_calls": 300, "optimizer_steps": 300, "shared_parameters": 1000}
    named |= {"model_parameters": 1000, "hidden_parameters": 0, "gradient_sent": 0.2, "gradient_left": 0.1}
    for layer, count in LAYERS.items():
        named |= {f"model_parameters@{layer}": count, f"ran_parameters@{layer}": count, f"weight_turn@{layer}": 0.2}
    named |= {name.replace("__", "@"): value for name, value in changes.items()}
    return altered(healthy_trace(recipe=None), named)


STILL: dict[str, Curve] = {"weight_turn__body": 1e-8, "weight_turn__head": 0.0}
FRESH: dict[str, Curve] = {"weight_turn__body": 0.0, "fresh_parameters__body": 900}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({**STILL, "optimizer_steps": 0}, "has not stepped once in 300 calls"),
        ({**STILL, "optimizer_steps": 0, "gradient_left": float("inf")}, "GradScaler leaves out every step"),
        ({**STILL, "shared_parameters": 0, "foreign_parameters": 1234}, "None of the 1,234 parameters"),
        ({**STILL, "gradient_left": 0.0}, "no parameter has any left"),
        ({**STILL, "gradient_sent": 0, "without_gradient": 1000}, "No gradient arrives at any"),
        (STILL, "but for what weight decay took off"),
        ({"weight_turn__body": 5e-5, "weight_turn__head": 8e-5}, "the layer that moved most has moved by 8e-05"),
        ({"hidden_parameters": 5000}, "5,000 parameters that model.parameters() does not list"),
        ({"weight_turn__head": 0.0, "outside_optimizer__head": 100}, "100 parameters of head are in no optimiser"),
        ({**FRESH, "outside_optimizer__body": 900}, "900 parameters of body are in no optimiser"),
        ({**FRESH, "frozen_parameters__body": 900}, "900 parameters of body are frozen"),
        ({**FRESH, "without_gradient__body": 900}, "the graph is cut behind them"),
    ],
)  # fmt: skip
def test_what_never_changes_is_named_with_a_line_of_code(changes: dict[str, Curve], said: str) -> None:
    found = assert_fires("unchanged-weights", loop(**changes))
    assert said in found.message
    assert "nan" not in found.message
    assert found.fix


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {**STILL, "step_calls": 9, "optimizer_steps": 0},  # too early to say: gradients may still gather
        {"optimizer_steps": 0},  # another optimiser, or a loop that moves the weights itself
        {"outside_optimizer__head": 100},  # it moves all the same: a second optimiser has it
        {"weight_turn__body": 0.0, "frozen_parameters__body": 900},  # trained before
        {"weight_turn__body": 0.0, "outside_optimizer__body": 900},
        {**FRESH, "frozen_parameters__body": 900, "model_parameters": 100_000},  # hardly any of the network
        {**FRESH, "without_gradient__body": 900, "ran_parameters__body": 0},  # there, and not used
        {"weight_turn__head": 0.0, "without_gradient__head": 100, "fresh_parameters__head": 100},  # a head beside it
        {"hidden_parameters": 10},
        {"weight_turn__body": 3e-4, "weight_turn__head": 3e-4},
    ],
)  # fmt: skip
def test_a_loop_that_trains_what_it_should_is_left_alone(changes: dict[str, Curve]) -> None:
    assert_silent("unchanged-weights", loop(**changes))


def test_it_is_an_illness_even_before_a_symptom_shows() -> None:
    found = diagnose(loop(optimizer_steps=0, **STILL))
    assert found.verdict == "sick"
    assert found.root is not None
    assert found.root.rule == "unchanged-weights"


def test_a_run_of_netvet_s_own_does_not_list_it_as_not_assessed() -> None:
    assert "unchanged-weights" not in diagnose(healthy_trace()).not_assessed
    assert "unchanged-weights" in diagnose(healthy_trace(recipe=None)).not_assessed
