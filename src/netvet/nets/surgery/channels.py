"""Further input channels, computed from the image before the first convolution."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from netvet.locale import _
from netvet.nets.surgery.flow import Flow
from netvet.nets.surgery.replacing import paths, refuse, swap

PLANES = {"edges": 1, "contrast": 1, "opponents": 2}
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
QUIET = 0.1  # of the image's own contrast: what a window without any is divided by, so that its noise stays small


class FeatureChannels(nn.Module):
    """Appends planes to (batch, 3, h, w): (batch, 3 + planes, h, w). Nothing here is learnt.

    `edges`: the magnitude of the Sobel gradient of luma. `contrast`: luma less its mean in a window of an eighth of the
    image, over its standard deviation there. `opponents`: red less green, and blue less their mean. Each plane has mean
    0 and standard deviation 1 over every image by itself, so that it does not depend on light, contrast or a cast.
    """

    luma: Tensor
    sobel: Tensor

    def __init__(self, kinds: Sequence[str]) -> None:
        super().__init__()
        self.kinds = tuple(kinds)
        across = torch.tensor(SOBEL)
        self.register_buffer("luma", torch.tensor(LUMA).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("sobel", torch.stack([across, across.T])[:, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        with torch.autocast(x.device.type, enabled=False):  # differences of near numbers: bfloat16 would be noise
            exact = x.float()
            luma = (exact * self.luma).sum(1, keepdim=True)
            planes = torch.cat([getattr(self, f"_{kind}")(exact, luma) for kind in self.kinds], 1)
            deviation, mean = torch.std_mean(planes, (2, 3), keepdim=True)
            planes = (planes - mean) / deviation.clamp(min=1e-5)
        return torch.cat([x, planes.to(x.dtype)], 1)

    def _edges(self, _x: Tensor, luma: Tensor) -> Tensor:
        slopes = F.conv2d(F.pad(luma, (1, 1, 1, 1), "replicate"), self.sobel)
        return slopes.square().sum(1, keepdim=True).add(1e-12).sqrt()

    def _contrast(self, _x: Tensor, luma: Tensor) -> Tensor:
        reach = max(1, min(luma.shape[2:]) // 16)
        centred = luma - luma.mean((2, 3), keepdim=True)
        padded = F.pad(centred, (reach,) * 4, "replicate")
        mean, square = (F.avg_pool2d(each, 2 * reach + 1, 1) for each in (padded, padded.square()))
        whole = centred.square().mean((2, 3), keepdim=True).sqrt()
        deviation = (square - mean.square()).clamp(min=0).sqrt()
        return (centred - mean) / (deviation + QUIET * whole).clamp(min=1e-5)

    def _opponents(self, x: Tensor, _luma: Tensor) -> Tensor:
        red, green, blue = x[:, :1], x[:, 1:2], x[:, 2:3]
        return torch.cat([red - green, blue - (red + green) / 2], 1)

    def extra_repr(self) -> str:  # noqa: D102
        return ", ".join(self.kinds)


def append(model: nn.Module, value: str, flow: Flow | None) -> nn.Module:
    """See `patch_model`. The convolution stays the very layer, with more weights, behind a layer `channels`."""
    operation, names = f"feature-channels={value}", paths(model)
    convolutions = [m for m in (flow.order if flow else names) if isinstance(m, nn.Conv2d)]
    if not convolutions:
        sentence = _("{operation} cannot be applied to {model}: it has no image convolution.")
        raise refuse(sentence, operation=operation, model=type(model).__name__)
    first = convolutions[0]
    if first.in_channels != 3 or first.groups != 1:
        sentence = _("{operation} cannot be applied to {path}: it takes {channels} channels, not the 3 of an image.")
        raise refuse(sentence, operation=operation, path=names[first], channels=first.in_channels)
    shared = any(first.weight is other.weight for other in convolutions if other is not first)
    if shared or not isinstance(first._parameters.get("weight"), Tensor):
        sentence = _("{operation} cannot be applied to {path}: its weight is shared with or computed from others.")
        raise refuse(sentence, operation=operation, path=names[first])
    kinds = value.split("+")
    weight = first.weight
    more = weight.new_zeros((weight.shape[0], sum(PLANES[kind] for kind in kinds), *weight.shape[2:]))
    first.weight = nn.Parameter(torch.cat([weight, more], 1), requires_grad=weight.requires_grad)
    first.in_channels = first.weight.shape[1]
    layer = FeatureChannels(kinds).to(weight.device)
    return swap(model, {first: nn.Sequential(OrderedDict([("channels", layer), ("conv", first)]))})
