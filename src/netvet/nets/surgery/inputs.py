"""A fixed layer before a model."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from netvet.locale import _
from netvet.nets.surgery.flow import Flow
from netvet.nets.surgery.replacing import paths, refuse


class Normalised(nn.Sequential):
    """A `Normalise` called `normalise`, and a model called `model`."""


class Normalise(nn.Module):
    """(x - mean) / std by channel. `x`: (batch, channels, ...); nothing here is learnt."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        shape = (1, -1, *[1] * (x.ndim - 2))
        return (x - self.mean.view(shape)) / self.std.view(shape)

    def extra_repr(self) -> str:  # noqa: D102
        return f"mean={self.mean.tolist()}, std={self.std.tolist()}"


def normalise(model: nn.Module, value: str, flow: Flow | None) -> nn.Module:
    """See `patch_model`. The layers are `normalise` and `model`."""
    mean, std = ([float(number) for number in part.split(",")] for part in value.split("/"))
    channels = _channels(model, flow)
    if channels is not None and len(mean) not in (1, channels):
        sentence = _(
            "normalise-input={value} has {given} means, and {path} takes {channels} channels: give one per channel."
        )
        first = next(path for module, path in paths(model).items() if isinstance(module, nn.Conv2d))
        raise refuse(sentence, value=value, given=len(mean), path=first, channels=channels)
    weight = next(model.parameters(), None)
    layer = Normalise(mean, std)
    if weight is not None:
        layer.to(weight.device, weight.dtype if weight.is_floating_point() else None)
    whole = Normalised(OrderedDict([("normalise", layer), ("model", model)]))
    whole.training = layer.training = model.training
    return whole


def _channels(model: nn.Module, flow: Flow | None) -> int | None:
    """The channels that the first convolution takes; None where there is none."""
    return next((m.in_channels for m in (flow.order if flow else model.modules()) if isinstance(m, nn.Conv2d)), None)
