"""weak-regularisation: what the recipe lacks, of a network that fits its images."""

from __future__ import annotations

from netvet.recipe import NO_AUGMENT, Recipe
from netvet.testing import assert_fires, assert_silent, healthy_trace
from netvet.trace import Trace

RULE = "weak-regularisation"
BARE = Recipe().change({"augment": NO_AUGMENT.model_dump(mode="json"), "optimizer.weight_decay": 0})


def _run(recipe: Recipe) -> Trace:
    return healthy_trace(recipe=recipe, train_accuracy=0.99, val_accuracy=0.7)


def test_fires_on_a_bare_recipe_and_says_what_it_lacks() -> None:
    found = assert_fires(RULE, _run(BARE))
    assert "no augmentation, no dropout, hardly any weight decay" in found.message


def test_flips_alone_are_not_much_and_count_for_something() -> None:
    flips = BARE.change({"augment.flip": True, "optimizer.weight_decay": 5e-4})
    assert assert_fires(RULE, _run(flips)).confidence < assert_fires(RULE, _run(BARE)).confidence


def test_silent_on_a_regularised_recipe_whatever_the_gap() -> None:
    assert_silent(RULE, _run(Recipe()))
    assert_silent(RULE, _run(BARE.change({"augment.mixup": 0.2})))


def test_silent_without_a_gap() -> None:
    assert_silent(RULE, healthy_trace(recipe=BARE))
