"""broken-input: values that are no numbers, in training and in validation."""

from __future__ import annotations

import numpy as np

from netvet.rules import diagnose
from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
from netvet.trace import Trace

RULE = "broken-input"
SEEN = {
    "broken_images@training": 3.0,
    "broken_images@validation": 0.0,
    "broken_step": 14.0,
    "broken_at": 22.0,
    "broken_values": 9.0,
}


def loop(**changed: float) -> Trace:
    return altered(healthy_trace(recipe=None), {**SEEN, **changed})


def test_the_first_image_is_named_by_its_step_and_place() -> None:
    found = assert_fires(RULE, loop(), where="training")
    for said in ("images[22]", "step 14", "9 values", "3 such images"):
        assert said in found.message


def test_it_comes_before_a_rate_that_seems_too_high() -> None:
    lost = {"loss": lambda old: np.where(np.arange(len(old)) >= 14, np.inf, old)}
    root = diagnose(altered(loop(), lost)).root
    assert root is not None
    assert root.rule == RULE


def test_a_loss_that_was_lost_before_is_not_its_doing() -> None:
    lost = {"loss": lambda old: np.where(np.arange(len(old)) >= 5, np.inf, old)}
    assert_silent(RULE, altered(loop(), lost))


def test_validation_alone() -> None:
    found = assert_fires(RULE, altered(loop(), {"broken_images@training": 0.0, "broken_images@validation": 2.0}))
    assert found.where == "validation"
    assert "val_set" in found.fix
    assert_silent(RULE, altered(loop(), {"broken_images@training": 0.0}))
