"""weak-regularisation: what the recipe lacks, of a network that fits its images."""

from __future__ import annotations

from netvet.recipe import NO_AUGMENT, Recipe
from netvet.testing import altered, assert_fires, assert_silent, healthy_trace

RULE = "weak-regularisation"
BARE = Recipe().change({"augment": NO_AUGMENT.model_dump(mode="json"), "optimizer.weight_decay": 0})


def test_fires_on_a_bare_recipe_and_says_what_it_lacks() -> None:
    found = assert_fires(RULE, healthy_trace(recipe=BARE))
    assert "no augmentation, no dropout, hardly any weight decay" in found.message


def test_flips_alone_are_not_much_and_count_for_something() -> None:
    flips = BARE.change({"augment.flip": True, "optimizer.weight_decay": 5e-4})
    assert (
        assert_fires(RULE, healthy_trace(recipe=flips)).confidence
        < assert_fires(RULE, healthy_trace(recipe=BARE)).confidence
    )


def test_silent_on_the_default_recipe_and_on_an_underfit() -> None:
    assert_silent(RULE, healthy_trace())
    assert_silent(RULE, altered(healthy_trace(recipe=BARE), {"train_accuracy": [0.1, 0.5, 0.7]}))


def test_one_strong_augmentation_is_enough() -> None:
    assert_silent(RULE, healthy_trace(recipe=BARE.change({"augment.mixup": 0.2})))
