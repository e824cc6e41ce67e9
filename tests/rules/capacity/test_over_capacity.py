"""over-capacity: weights for each image, of a network that fits them."""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.testing import altered, assert_fires, assert_silent, healthy_trace

RULE = "over-capacity"
IMAGES = 960  # of the healthy trace


def test_fires_on_many_weights_an_image() -> None:
    some = assert_fires(RULE, altered(healthy_trace(), {"parameters": 8_000.0 * IMAGES}))
    many = assert_fires(RULE, altered(healthy_trace(), {"parameters": 40_000.0 * IMAGES}))
    assert many.confidence > some.confidence
    assert "40,000" in many.message


def test_silent_on_an_ordinary_network() -> None:
    assert_silent(RULE, healthy_trace())
    assert_silent(RULE, altered(healthy_trace(), {"parameters": 1_000.0 * IMAGES}))


def test_silent_where_it_does_not_fit_its_images_or_was_pretrained() -> None:
    huge = altered(healthy_trace(), {"parameters": 40_000.0 * IMAGES})
    assert_silent(RULE, altered(huge, {"train_accuracy": [0.1, 0.4, 0.6]}))
    assert_silent(RULE, altered(huge, {}, recipe=Recipe().change({"model.weights": "imagenet"})))
