"""split-leakage: twins in training, by group and by look."""

from __future__ import annotations

from netvet.rules import diagnose
from netvet.testing import altered, assert_fires, assert_silent, healthy_trace

RULE = "split-leakage"


def test_fires_on_groups_that_were_torn_apart() -> None:
    sick = altered(healthy_trace(), {"leaked_share@val": 0.9, "leaked_by_group@val": 0.88, "leaked_by_look@val": 0.3})
    found = assert_fires(RULE, sick, where="val")
    assert "88%" in found.message
    assert "group" in found.message


def test_fires_by_look_where_no_groups_are_known() -> None:
    sick = altered(healthy_trace(), {"leaked_share@test": 0.3, "leaked_by_look@test": 0.3, "leaked_by_group@*": None})
    assert "a near-duplicate" in assert_fires(RULE, sick, where="test").message


def test_silent_on_a_clean_split_and_on_a_few_that_look_alike() -> None:
    assert_silent(RULE, healthy_trace())
    assert_silent(RULE, altered(healthy_trace(), {"leaked_share@val": 0.025, "leaked_by_look@val": 0.025}))


def test_two_look_alikes_of_few_images_prove_nothing() -> None:
    few = altered(healthy_trace(), {"leaked_share@val": 0.12, "leaked_by_look@val": 0.12, "leaked_by_group@*": None})
    assert_silent(RULE, altered(few, {"val_images@*": 4.0}))
    assert_fires(RULE, altered(few, {"val_images@*": 100.0}))


def test_it_is_an_illness_without_any_symptom() -> None:
    sick = altered(healthy_trace(), {"leaked_share@val": 0.9, "leaked_by_group@val": 0.9})
    diagnosis = diagnose(sick)
    assert diagnosis.verdict == "sick"
    assert diagnosis.root is not None
    assert diagnosis.root.rule == RULE


def test_copies_in_a_watched_loop_have_a_line_of_code_for_a_cure() -> None:
    copied = altered(healthy_trace(recipe=None), {"leaked_share@val": 0.4, "leaked_by_look@val": 0.4})
    found = assert_fires(RULE, copied, where="val")
    assert "the same picture" in found.message
    assert found.fix
