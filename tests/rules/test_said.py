"""What rules print: numbers that are finite, the limit that was used, and no value of a curve that ended long ago."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import numpy as np
import pytest

from netvet.rules import Finding, answered, rules
from netvet.testing import Curve, altered, assert_fires, assert_silent, healthy_trace
from netvet.trace import Observation, Trace

LARGE = ("loss", "train_loss", "val_loss", "grad_rms", "update_ratio", "weight_distance")


def _drawn(seed: int) -> Trace:
    """A small run, some curves of which are replaced by others that they may take."""
    draw = random.Random(seed)
    base = healthy_trace(recipe=None if seed % 2 else healthy_trace().recipe, epochs=8, classes=4, layers=3, seed=seed)
    changes: dict[str, Curve] = {}
    for name in draw.sample([name for name in base.names() if name not in ("epoch", "learning_rate")], 5):
        share = draw.choice([0.0, 1e-6, 0.05, 0.3, 0.6, 0.95, 1.0])
        large = name in LARGE and draw.random() < 0.5
        place = draw.choice(["*", draw.choice(base.places(name))])
        curves: list[Curve] = [40.0, [2.0, 1.0, 90.0], 1e6] if large else [[share, share / 2, share]]
        changes[f"{name}@{place}"] = draw.choice(curves)
    return altered(base, changes)


def _found() -> Iterator[Finding]:
    for seed in range(150):
        yield from (each for each in answered(_drawn(seed), rules()) if isinstance(each, Finding))


def test_every_finding_says_finite_numbers_and_a_limit_of_a_curve_that_is_there() -> None:
    found = list(_found())
    assert len({each.rule for each in found}) >= 10  # the draws make rules speak
    for each in found:
        assert not re.search(r"\bnan\b", each.message), each.message
        assert each.evidence, each.rule
        if each.limit is not None and each.nearness >= 1:
            assert np.isfinite(each.limit), (each.rule, each.message)
            assert len(each.evidence[0]), (each.rule, each.message)


@pytest.mark.parametrize(
    ("rule", "changes", "name"),
    [
        ("learning-rate-too-high", {"update_ratio@*": 0.4, "loss": 1.9}, "update_ratio"),
        ("learning-rate-too-high", {"loss": [2.1, 2.0, 40.0, 40.0]}, "loss"),
        ("dead-relu", {"dead_fraction@features.2.act": 0.8}, "dead_fraction"),
        ("divergence", {"loss": [2.1, 0.6, 40.0, 40.0]}, "loss"),
        ("loss-plateau", {"train_loss": [2.08, 1.5, 1.45, 1.45]}, "train_loss"),
    ],
)
def test_the_newest_value_lies_above_the_limit_that_is_shown(rule: str, changes: dict[str, Curve], name: str) -> None:
    found = assert_fires(rule, altered(healthy_trace(), changes))
    assert found.evidence[0].name == name
    assert found.limit is not None
    assert found.evidence[0].last > found.limit


def _ended(trace: Trace, name: str, place: str, share: float) -> Trace:
    """The trace in which one curve ends after this share of the run."""
    end = share * trace.series("loss").steps[-1]
    rows = [each for each in trace.observations() if (each.name, each.where) != (name, place) or each.step <= end]
    assert all(isinstance(each, Observation) for each in rows)
    return Trace(rows, recipe=trace.recipe, meta=trace.meta)


def test_a_layer_that_was_measured_at_the_beginning_alone_is_not_dead_now() -> None:
    dead = altered(healthy_trace(), {"dead_fraction@features.2.act": 0.8})
    assert_fires("dead-relu", _ended(dead, "dead_fraction", "features.2.act", 0.9))
    assert_silent("dead-relu", _ended(dead, "dead_fraction", "features.2.act", 0.3))
