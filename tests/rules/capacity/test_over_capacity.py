"""over-capacity: weights for each image, of a network that fits them."""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
from netvet.trace import Trace

RULE = "over-capacity"
IMAGES = 960  # of the healthy trace


def _run() -> Trace:
    return healthy_trace(train_accuracy=0.99, val_accuracy=0.7)


def test_fires_on_many_weights_an_image() -> None:
    some = assert_fires(RULE, altered(_run(), {"parameters": 8_000.0 * IMAGES}))
    many = assert_fires(RULE, altered(_run(), {"parameters": 40_000.0 * IMAGES}))
    assert many.confidence > some.confidence
    assert "40,000" in many.message


def test_silent_on_an_ordinary_network() -> None:
    assert_silent(RULE, _run())
    assert_silent(RULE, altered(_run(), {"parameters": 1_000.0 * IMAGES}))


def test_silent_without_a_gap_or_where_it_was_pretrained() -> None:
    huge = altered(_run(), {"parameters": 40_000.0 * IMAGES})
    assert_silent(RULE, altered(healthy_trace(), {"parameters": 40_000.0 * IMAGES}))
    assert_silent(RULE, altered(huge, {}, recipe=Recipe().change({"model.weights": "imagenet"})))
