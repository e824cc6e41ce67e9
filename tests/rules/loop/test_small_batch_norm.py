from __future__ import annotations

import pytest

from netvet.recipe import Recipe
from netvet.rules import diagnose
from netvet.testing import altered, assert_fires, assert_silent, healthy_trace

RULE = "small-batch-norm"


def test_a_norm_of_two_values_is_found_in_recipes_and_loops() -> None:
    few = {"norm_values@features.4.norm": 2, "norm_values@features.5.norm": 3, "norm_values@features.0.norm": 512}
    found = assert_fires(RULE, altered(healthy_trace(), few))
    assert found.where == "features.4.norm"
    assert "from 2 values; 1 more layer is like it." in found.message
    assert found.fix == ""
    assert "GroupNorm" in assert_fires(RULE, altered(healthy_trace(recipe=None), few)).fix


def test_batches_of_two_images_are_found_whatever_the_map() -> None:
    base = altered(healthy_trace(recipe=None), {"norm_values@features.4.norm": 32, "batch_images": 32})
    assert "Batches have 2 images" in assert_fires(RULE, altered(base, {"batch_images": 2})).message
    assert_silent(RULE, altered(base, {"batch_images": 3}))
    small = healthy_trace(recipe=Recipe().change({"batch_size": 2}))
    assert_fires(RULE, altered(small, {"norm_values@features.4.norm": 32}))


@pytest.mark.parametrize("values", [4, 64, [2, 40, 40, 40]])
def test_norms_with_values_enough_are_left_alone(values: float) -> None:
    assert_silent(RULE, altered(healthy_trace(), {"norm_values@features.4.norm": values}))


def test_without_a_symptom_it_is_a_note() -> None:
    found = diagnose(altered(healthy_trace(), {"norm_values@features.4.norm": 2}))
    assert found.verdict == "healthy"
    assert RULE in {note.rule for note in found.notes}


def test_a_net_without_batch_norms_does_not_list_it_as_not_assessed() -> None:
    net = altered(healthy_trace(), {"activation_std@head": 1.0})
    assert RULE not in diagnose(net).not_assessed
