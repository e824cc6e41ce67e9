"""The remedy spatial-dropout: what changes, that nothing else does, and when it declines."""

from __future__ import annotations

import pytest

from netvet.recipe import Recipe
from netvet.remedies import remedies

REMEDY = remedies()["spatial-dropout"]


@pytest.mark.parametrize("name", ["cnn", "resnet", "preact-resnet"])
def test_what_changes(name: str) -> None:
    recipe = Recipe().change({"model.name": name})
    changed = REMEDY.apply(recipe, None)
    assert changed is not None
    assert recipe.differences(changed) == {"model.spatial_dropout": (0.0, 0.1)}
    assert REMEDY.apply(changed, None) is None


def test_it_declines_for_timm_models_and_where_more_is_dropped() -> None:
    assert REMEDY.apply(Recipe().change({"model.name": "resnet18"}), None) is None
    assert REMEDY.apply(Recipe().change({"model.spatial_dropout": 0.3}), None) is None


def test_it_pays_late() -> None:
    assert REMEDY.slow
