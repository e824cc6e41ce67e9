"""The plain convolutional net: a stack of 3x3 convolutions, every property of it a field of the recipe.

Module paths read in forward order: `features.0.conv`, `features.0.norm`, `features.0.act`, `features.0.pool`, ...,
`pool`, `head`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn

from netvet import recipe
from netvet.nets.first_weights import draw

SMALLEST_MAP = 4  # pixels a side: a smaller map has little left for a 3x3 convolution to look at
MOST_GROWTH = 8  # times the first width
GROUPS = 32  # of group norm, the default of Wu & He 2018 (https://arxiv.org/abs/1803.08494)
LEAK = 0.01  # slope of leaky ReLU below 0 (Maas et al. 2013)


@dataclass(frozen=True)
class Place:
    """One convolution in the plan of a net.

    `inputs`, `outputs`: channels. `stride`: 1, or 2 where it takes a pooling's place. `norm`: whether one follows it.
    `pool`: whether a pooling follows it. `opens`, `closes`: whether a shortcut begins before it and ends after it.
    `ends`: whether it is the last before the map is halved, in whatever way; of a net that halves none, the last of
    all.
    """

    inputs: int
    outputs: int
    stride: int
    norm: bool
    pool: bool
    opens: bool
    closes: bool
    ends: bool


def plan(model: recipe.Model, image_size: int, *, in_blocks: bool = False) -> tuple[Place, ...]:
    """Where a net of `model.depth` convolutions is pooled, widened, normalised and bridged.

    `image_size`: pixels a side. Channels double at each pooling up to 8 times the first width, so that a
    layer's cost stays about the same. Poolings lie between convolutions and stop where the map would get smaller
    than 4 pixels. With pooling `stride` the convolution after the place takes steps of two instead. A shortcut
    spans two convolutions where no pooling lies between them, else one; none spans the first convolution, whose
    input is the image. `in_blocks`: poolings lie only between blocks of two.
    """
    depth = model.depth
    pooled = [False] * depth  # whether a pooling lies before the convolution
    size, since = image_size, 0
    for index in range(1, depth):
        since += 1
        boundary = not in_blocks or index % 2 == 1
        if since >= model.pool_every and boundary and size // 2 >= SMALLEST_MAP:
            pooled[index], size, since = True, size // 2, 0
    normed = _normed(model.norm_after, depth)
    bridged = in_blocks or model.shortcut == "residual"
    places: list[Place] = []
    channels, width, open_ = 3, model.width, False
    for index in range(depth):
        next_pooled = index + 1 < depth and pooled[index + 1]
        if pooled[index]:
            width = min(2 * width, MOST_GROWTH * model.width)
        opens = bridged and index > 0 and not open_
        closes = bridged and index > 0 and (open_ or next_pooled or index + 1 == depth)
        open_ = opens and not closes
        strided = model.pooling == "stride"
        stride = 2 if strided and pooled[index] else 1
        ends = next_pooled or (index + 1 == depth and not any(pooled))
        places.append(Place(channels, width, stride, index in normed, next_pooled and not strided, opens, closes, ends))
        channels = width
    return tuple(places)


def _normed(after: str | tuple[int, ...], depth: int) -> set[int]:
    """The convolutions (from 0) that a norm follows; numbers beyond the depth mean nothing."""
    half = math.ceil(depth / 2)
    match after:
        case "all":
            return set(range(depth))
        case "none":
            return set()
        case "early":
            return set(range(half))
        case "late":
            return set(range(half, depth))
        case _:
            return {int(number) - 1 for number in after}


class Block(nn.Module):
    """Convolution, norm, end of a shortcut, activation, pooling, spatial dropout: those of them that the place has."""

    shortcut: nn.Module | None

    def __init__(self, place: Place, model: recipe.Model) -> None:
        super().__init__()
        self.opens = place.opens
        self.conv = convolution(place)
        self.norm = norm(model, place.outputs) if place.norm else None
        self.register_module("shortcut", None)  # `bridge` puts one here, in its place in the order
        self.closes = place.closes
        self.act = activation(model.activation)
        self.pool = pooling(model.pooling) if place.pool else None
        self.drop = nn.Dropout2d(model.spatial_dropout) if place.ends and model.spatial_dropout else None

    def forward(self, x: Tensor, kept: Tensor) -> Tensor:
        """`x`: (batch, channels, h, w); `kept`: what the open shortcut carries, in its own shape."""
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        if self.closes:
            x = x + (kept if self.shortcut is None else self.shortcut(kept))
        x = self.act(x)
        if self.pool is not None:
            x = self.pool(x)
        return x if self.drop is None else cast(Tensor, self.drop(x))


class ConvStack(nn.Sequential):
    """The layers in forward order; a layer that opens a shortcut keeps its input for the one that closes it."""

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        kept = x
        for layer in self:
            if layer.opens:
                kept = x
            x = layer(x, kept)
        return x


class ConvNet(nn.Module):
    """ConvStack, global average pooling, dropout and one linear layer.

    Input: (batch, 3, h, w) float, normalised. Output: (batch, classes) logits.
    """

    def __init__(self, model: recipe.Model, classes: int, image_size: int) -> None:
        super().__init__()
        places = plan(model, image_size)
        self.features = ConvStack(*(Block(place, model) for place in places))
        bridge(self.features, places, model)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(model.dropout)
        self.head = nn.Linear(places[-1].outputs, classes)
        initialise(self, model)

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        x = self.flatten(self.pool(self.features(x)))
        return cast(Tensor, self.head(self.dropout(x)))


def convolution(place: Place) -> nn.Conv2d:
    """The 3x3 convolution of a place; without a bias where a norm follows, which would take it away again."""
    return nn.Conv2d(place.inputs, place.outputs, 3, stride=place.stride, padding=1, bias=not place.norm)


def bridge(features: nn.Sequential, places: tuple[Place, ...], model: recipe.Model, *, normed: bool = True) -> None:
    """Give layers that close a shortcut a 1x1 projection where shapes differ; elsewhere it is the identity.

    `normed`: a norm follows the projection where one follows the layer's own convolution.
    """
    opening = places[0]
    stride = 1
    for layer, place in zip(features, places, strict=True):
        if place.opens:
            opening, stride = place, 1
        stride *= place.stride
        if place.closes and (opening.inputs != place.outputs or stride != 1):
            followed = normed and place.norm
            projection = nn.Sequential()
            projection.add_module("conv", nn.Conv2d(opening.inputs, place.outputs, 1, stride, bias=not followed))
            if followed:
                projection.add_module("norm", norm(model, place.outputs))
            layer.shortcut = projection


def norm(model: recipe.Model, channels: int) -> nn.Module:
    """A norm layer for (batch, channels, h, w) maps, with a learned gain and bias.

    `layer` normalises over channels and positions of an image, which is group norm with one group (Wu & He 2018).
    `group` takes the largest number of groups up to 32 that divides the channels and leaves at least 4 in each,
    else 1.
    """
    match model.norm:
        case "batch":
            return nn.BatchNorm2d(channels, momentum=model.norm_momentum)
        case "instance":
            return nn.InstanceNorm2d(channels, affine=True)
        case "layer":
            return nn.GroupNorm(1, channels)
        case _:
            fits = (n for n in range(min(GROUPS, channels // 4), 1, -1) if channels % n == 0)
            return nn.GroupNorm(next(fits, 1), channels)


def activation(name: str) -> nn.Module:
    """An activation layer. Not in place, so that what a hook saw before it stays as it was."""
    kinds: dict[str, nn.Module] = {
        "relu": nn.ReLU(),
        "leaky-relu": nn.LeakyReLU(LEAK),
        "elu": nn.ELU(),
        "selu": nn.SELU(),
        "gelu": nn.GELU(),
        "silu": nn.SiLU(),
        "tanh": nn.Tanh(),
        "sigmoid": nn.Sigmoid(),
    }
    return kinds[name]


def pooling(kind: str) -> nn.Module:
    """Halves height and width, rounding down."""
    return nn.MaxPool2d(2) if kind == "max" else nn.AvgPool2d(2)


def initialise(net: nn.Module, model: recipe.Model) -> None:
    """Set the initial weights of the convolutions and the head; biases start at `model.bias`, the head's at 0.

    Standard deviations, with fan = a unit's inputs and gain from `torch.nn.init.calculate_gain`:

    - `he`: gain / sqrt(fan), gain sqrt(2) for ReLU-like activations (He et al. 2015, https://arxiv.org/abs/1502.01852),
      1 for SELU (Klambauer et al. 2017), 5/3 for tanh, 1 for sigmoid, and 1 for the projections of shortcuts.
    - `xavier`: sqrt(2 / (fan in + fan out)) (Glorot & Bengio 2010). `orthogonal`: with He's gain (Saxe et al. 2014).
    - `default`: PyTorch's own, uniform within 1 / sqrt(fan).
    - Faults to study: `small` is a tenth of He's, `large` three times He's, `constant` is 1 / fan in every weight,
      so that all channels of a layer stay alike.

    The head starts at 0.1 / sqrt(fan), scaled as the convolutions are where those are scaled: small enough that the
    first loss of a healthy net is about ln(classes), even without norms, where max pooling lets activations grow.
    Where no norm follows them, the convolutions that end shortcuts are divided by sqrt(shortcuts), so that the sums
    of a deep stack grow by e at most (as Zhang et al. 2019, https://arxiv.org/abs/1901.09321, argue).
    """
    gain = _gain(model.activation)
    for module in net.modules():
        if not isinstance(module, nn.Conv2d | nn.Linear):
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
        projects = module.weight.shape[-1] == 1  # 1x1: nothing is activated after a shortcut
        draw(module.weight, model.init, gain, last=isinstance(module, nn.Linear), linear=projects)
    for module in net.modules():
        own = module._parameters.get("bias")
        if model.bias and own is not None and not isinstance(module, nn.Linear):
            nn.init.constant_(own, model.bias)
    closing = [layer for layer in net.modules() if getattr(layer, "closes", False)]
    for layer in closing:
        if layer.norm is None and model.init != "constant":
            layer.conv.weight.data.div_(math.sqrt(len(closing)))


def _gain(activation: str) -> float:
    match activation:
        case "leaky-relu":
            return nn.init.calculate_gain("leaky_relu", LEAK)
        case "tanh" | "sigmoid":
            return nn.init.calculate_gain(activation)
        case "selu":
            return 1.0
        case _:
            return nn.init.calculate_gain("relu")
