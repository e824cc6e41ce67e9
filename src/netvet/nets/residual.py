"""Small residual nets: a first convolution, then blocks of two 3x3 convolutions with a shortcut around each.

He et al. 2016, "Deep residual learning" (https://arxiv.org/abs/1512.03385) and "Identity mappings in deep residual
networks" (https://arxiv.org/abs/1603.05027).
They are the plain net's layers with poolings only between blocks. All gains of norms start at 1: with the last gain
of a block at 0, as some recipes have it, the block's other weights get no gradient at first, which a probe would
take for illness.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from netvet import recipe
from netvet.nets import cnn


class ResNet(nn.Module):
    """Norm and activation after each convolution; the sum is activated. Shapes as `cnn.ConvNet`.

    With an even depth the last block has a single convolution. Pooling `stride` is the paper's; `pool_every` 4 with
    depth 17 and width 64 is the layout of ResNet-18 without its 7x7 stem.
    """

    def __init__(self, model: recipe.Model, classes: int, image_size: int) -> None:
        super().__init__()
        places = cnn.plan(model, image_size, in_blocks=True)
        self.features = cnn.ConvStack(*(cnn.Block(place, model) for place in places))
        cnn.bridge(self.features, places, model)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(model.dropout)
        self.head = nn.Linear(places[-1].outputs, classes)
        cnn.initialise(self, model)

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        x = self.flatten(self.pool(self.features(x)))
        return cast(Tensor, self.head(self.dropout(x)))


class PreActLayer(nn.Module):
    """Norm, activation, convolution, end of a shortcut, pooling.

    `normed`: whether the norm of the convolution before is here. `first`: there is none before.
    """

    shortcut: nn.Module | None

    def __init__(self, place: cnn.Place, model: recipe.Model, *, first: bool, normed: bool) -> None:
        super().__init__()
        self.opens = place.opens
        self.norm = cnn.norm(model, place.inputs) if normed else None
        self.act = None if first else cnn.activation(model.activation)
        self.conv = cnn.convolution(place)
        self.register_module("shortcut", None)
        self.closes = place.closes
        self.pool = cnn.pooling(model.pooling) if place.pool else None
        self.drop = nn.Dropout2d(model.spatial_dropout) if place.ends and model.spatial_dropout else None

    def forward(self, x: Tensor, kept: Tensor) -> Tensor:  # noqa: D102
        if self.norm is not None:
            x = self.norm(x)
        if self.act is not None:
            x = self.act(x)
        x = self.conv(x)
        if self.closes:
            x = x + (kept if self.shortcut is None else self.shortcut(kept))
        if self.pool is not None:
            x = self.pool(x)
        return x if self.drop is None else cast(Tensor, self.drop(x))


class PreActResNet(nn.Module):
    """Norm and activation before each convolution, and once more before the global pooling. Shapes as `cnn.ConvNet`."""

    def __init__(self, model: recipe.Model, classes: int, image_size: int) -> None:
        super().__init__()
        places = cnn.plan(model, image_size, in_blocks=True)
        normed = [False, *(place.norm for place in places)]
        self.features = cnn.ConvStack(
            *(PreActLayer(place, model, first=index == 0, normed=normed[index]) for index, place in enumerate(places))
        )
        cnn.bridge(self.features, places, model, normed=False)
        self.norm = cnn.norm(model, places[-1].outputs) if normed[-1] else None
        self.act = cnn.activation(model.activation)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(model.dropout)
        self.head = nn.Linear(places[-1].outputs, classes)
        cnn.initialise(self, model)

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        x = self.features(x)
        if self.norm is not None:
            x = self.norm(x)
        x = self.flatten(self.pool(self.act(x)))
        return cast(Tensor, self.head(self.dropout(x)))
