"""Optimisers: what decays, what the names mean, and the same result every time."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netvet import recipe
from netvet.base.errors import BadInput
from netvet.nets import models
from netvet.training import optimizers


def small_net() -> nn.Module:
    torch.manual_seed(0)
    return models.build(recipe.Model(depth=2, width=4, norm_after=(1,)), 3, 16)


def with_gradients(net: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(1)
    for parameter in net.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    return net


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_decay_is_for_the_weights_of_convolutions_and_linear_layers(name: str) -> None:
    net = small_net()
    built = optimizers.build(recipe.Optimizer.model_validate({"name": name, "weight_decay": 0.25}), net)
    names = {id(parameter): path for path, parameter in net.named_parameters()}
    decayed, plain = ({names[id(p)] for p in group["params"]} for group in built.param_groups)
    assert [group["weight_decay"] for group in built.param_groups] == [0.25, 0.0]
    assert decayed == {"features.0.conv.weight", "features.1.conv.weight", "head.weight"}
    assert plain == {"features.0.norm.weight", "features.0.norm.bias", "features.1.conv.bias", "head.bias"}


def test_frozen_parameters_and_those_a_timm_model_spares_stay_out() -> None:
    net = models.build(recipe.Model(name="vit_tiny_patch16_224"), 3, 32)
    net.get_parameter("head.weight").requires_grad_(False)
    built = optimizers.build(recipe.Optimizer(), net)
    decayed = {id(parameter) for parameter in built.param_groups[0]["params"]}
    everything = {id(parameter) for group in built.param_groups for parameter in group["params"]}
    assert id(net.get_parameter("pos_embed")) in everything - decayed
    assert id(net.get_parameter("head.weight")) not in everything
    assert id(net.get_parameter("blocks.0.attn.qkv.weight")) in decayed


@pytest.mark.parametrize(
    ("settings", "reference"),
    [
        ({"name": "sgd", "momentum": 0.0}, lambda p: torch.optim.SGD(p, 0.1, weight_decay=0)),
        ({"name": "sgd", "momentum": 0.9}, lambda p: torch.optim.SGD(p, 0.1, 0.9)),
        ({"name": "sgd", "momentum": 0.9, "nesterov": True}, lambda p: torch.optim.SGD(p, 0.1, 0.9, nesterov=True)),
        ({"name": "adam"}, lambda p: torch.optim.Adam(p, 0.1)),
        ({"name": "adamw"}, lambda p: torch.optim.AdamW(p, 0.1, weight_decay=0)),
    ],
)
def test_steps_are_those_of_torch(settings: dict[str, object], reference: object) -> None:
    mine, theirs = with_gradients(small_net()), with_gradients(small_net())
    built = optimizers.build(recipe.Optimizer.model_validate({"lr": 0.1, "weight_decay": 0.0, **settings}), mine)
    plain = reference(theirs.parameters())  # type: ignore[operator]
    for _ in range(3):
        built.step()
        plain.step()
    for ours, expected in zip(mine.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_the_same_steps_give_the_same_bits(name: str) -> None:
    nets = [with_gradients(small_net()) for _ in range(2)]
    for net in nets:
        built = optimizers.build(recipe.Optimizer.model_validate({"name": name}), net)
        for _ in range(5):
            built.step()
    for first, second in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.equal(first, second)


def test_nesterov_without_momentum_is_refused() -> None:
    with pytest.raises(BadInput, match=r"optimizer.momentum"):
        optimizers.build(recipe.Optimizer(nesterov=True, momentum=0.0), small_net())
