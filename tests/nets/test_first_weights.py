"""Weights are drawn in one place, for the nets of the house and for those that are patched: the same ones."""

from __future__ import annotations

import math

import pytest
import torch

from netvet.nets.cnn import ConvNet
from netvet.nets.first_weights import HEAD, draw
from netvet.nets.surgery import patch_model
from netvet.recipe import Recipe


@pytest.mark.parametrize("kind", ["he", "small", "large", "xavier", "orthogonal", "default", "constant"])
def test_a_patched_net_starts_as_one_that_was_built_so(kind: str) -> None:
    recipe = Recipe().change({"model.depth": 3, "model.width": 8, "model.norm_after": "none", "model.init": kind})
    torch.manual_seed(3)
    built = ConvNet(recipe.model, 4, 16)
    other = ConvNet(recipe.change({"model.init": "he"}).model, 4, 16)
    torch.manual_seed(3)
    _skip_the_first_draws(recipe)
    patched = patch_model(other, [f"init={kind}"], example=torch.zeros(1, 3, 16, 16))
    for (name, mine), theirs in zip(patched.named_parameters(), built.parameters(), strict=True):
        assert torch.equal(mine, theirs), name


def _skip_the_first_draws(recipe: Recipe) -> None:
    """What the layers of a new net draw when they are made, before `initialise` draws again."""
    from netvet.nets import cnn

    state = {"features": cnn.plan(recipe.model, 16)}
    for place in state["features"]:
        cnn.convolution(place)
    torch.nn.Linear(state["features"][-1].outputs, 4)


def test_the_last_layer_starts_small_and_a_projection_without_gain() -> None:
    torch.manual_seed(0)
    weight = torch.empty(4000, 100)
    for options, spread in (({}, 2.0), ({"linear": True}, 1.0), ({"linear": True, "last": True}, HEAD)):
        draw(weight, "he", 2.0, **{"last": False, **options})
        assert float(weight.std()) * math.sqrt(100) == pytest.approx(spread, rel=0.01)
