"""The remedy more-pooling: as many poolings as fit, spread evenly, and when it declines."""

from __future__ import annotations

import pytest

from netvet.nets.cnn import plan
from netvet.recipe import Recipe
from netvet.remedies import remedies

REMEDY = remedies()["more-pooling"]


@pytest.mark.parametrize("name", ["cnn", "resnet", "preact-resnet"])
@pytest.mark.parametrize(("depth", "every"), [(5, 4), (9, 8), (20, 9), (12, 50)])
def test_the_last_map_becomes_smaller(name: str, depth: int, every: int) -> None:
    recipe = Recipe().change({"model.name": name, "model.depth": depth, "model.pool_every": every})
    changed = REMEDY.apply(recipe, None)
    assert changed is not None
    assert list(recipe.differences(changed)) == ["model.pool_every"]
    before, after = (sum(p.pool for p in plan(r.model, 64, in_blocks=name != "cnn")) for r in (recipe, changed))
    assert after > before
    assert REMEDY.apply(changed, None) is None


@pytest.mark.parametrize(
    "changes", [{}, {"model.name": "resnet18"}, {"model.weights": "imagenet"}, {"data.image_size": 8, "model.depth": 2}]
)
def test_it_declines_where_all_are_there(changes: dict[str, object]) -> None:
    own = {"model.pool_every": 4} if changes and "data.image_size" not in changes else {}
    assert REMEDY.apply(Recipe().change({**changes, **own}), None) is None


def test_a_map_that_cannot_be_halved_is_left_as_it_is() -> None:
    recipe = Recipe().change({"data.image_size": 8, "model.pool_every": 3, "model.depth": 12})
    assert sum(p.pool for p in plan(recipe.model, 8)) == 1
    assert REMEDY.apply(recipe, None) is None
