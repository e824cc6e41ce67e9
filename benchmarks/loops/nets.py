"""What the loops train: small nets as people write them, and the smallest of timm's, all without weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everyone writes it

from benchmarks.loops.images import SIZE

Activation = Callable[[], nn.Module]


def cnn(classes: int, *, width: int = 12, norm: bool = True, act: Activation = nn.ReLU, depth: int = 3) -> nn.Module:
    """Convolutions, each with batch norm, ReLU and pooling, and one linear layer."""
    layers: list[nn.Module] = []
    before = 3
    for i in range(depth):
        now = width * 2 ** min(i, 2)
        layers += [nn.Conv2d(before, now, 3, padding=1), *([nn.BatchNorm2d(now)] if norm else []), act()]
        layers += [nn.MaxPool2d(2)] if i < 3 else []
        before = now
    side = SIZE // 2 ** min(depth, 3)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * side**2, classes))


def lenet(classes: int, *, act: Activation = nn.ReLU) -> nn.Module:
    """Two convolutions of 5 x 5 and three linear layers, no norm."""
    return nn.Sequential(
        *(nn.Conv2d(3, 12, 5), act(), nn.MaxPool2d(2), nn.Conv2d(12, 24, 5), act(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(24 * 25, 96), act(), nn.Linear(96, 48), act(), nn.Linear(48, classes)),
    )


def vgg(classes: int, *, width: int = 14, dropout: float = 0.2) -> nn.Module:
    """Pairs of convolutions with batch norm, average pooling over the image, dropout and a linear layer."""

    def pair(before: int, now: int) -> Iterator[nn.Module]:
        for channels in (before, now):
            yield from (nn.Conv2d(channels, now, 3, padding=1, bias=False), nn.BatchNorm2d(now), nn.ReLU(inplace=True))
        yield nn.MaxPool2d(2)

    wide = (3, width, 2 * width, 4 * width)
    blocks = [layer for before, now in pairwise(wide) for layer in pair(before, now)]
    return nn.Sequential(
        *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(4 * width, classes)
    )


class Block(nn.Module):
    """Two convolutions round a shortcut; `first`: norm and activation come before the convolutions."""

    def __init__(self, before: int, now: int, stride: int, *, first: bool = False) -> None:
        super().__init__()
        self.first = first
        self.conv1 = nn.Conv2d(before, now, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(now, now, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(before if first else now), nn.BatchNorm2d(now)
        self.relu = nn.ReLU()
        same = before == now and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(before, now, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.first:
            y = self.conv1(self.relu(self.bn1(x)))
            y = self.conv2(self.relu(self.bn2(y)))
            return y + self.shortcut(x)  # type: ignore[no-any-return]
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + self.shortcut(x))  # type: ignore[no-any-return]


class ResNet(nn.Module):
    """Three residual blocks."""

    def __init__(self, classes: int, *, width: int = 16, first: bool = False) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        wide = (width, width, 2 * width, 4 * width)
        self.blocks = nn.Sequential(
            *(Block(a, b, 1 if i == 0 and not first else 2, first=first) for i, (a, b) in enumerate(pairwise(wide)))
        )
        self.norm = nn.BatchNorm2d(4 * width) if first else nn.Identity()
        self.fc = nn.Linear(4 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.relu(self.norm(self.blocks(self.stem(x)))).mean((2, 3)))  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """A vision transformer of torch's own encoder layers: patches of 4 x 4, two layers, mean over the patches."""

    def __init__(self, classes: int, *, width: int = 64, layers: int = 2) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.position = nn.Parameter(0.02 * torch.randn(1, (SIZE // 4) ** 2, width))
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.position
        return self.head(self.encoder(tokens).mean(1))  # type: ignore[no-any-return]


def of_timm(name: str, classes: int, **options: Any) -> nn.Module:
    """A net of timm, without weights."""
    made: nn.Module = timm.create_model(name, pretrained=False, num_classes=classes, **options)
    return made


NETS: dict[str, Callable[[int], nn.Module]] = {
    "cnn": cnn,
    "bare": partial(cnn, norm=False, width=16),
    "resnet": ResNet,
    "test_resnet": partial(of_timm, "test_resnet"),
    "test_vit": partial(of_timm, "test_vit", img_size=SIZE, patch_size=8),
    "vgg": vgg,
    "lenet": lenet,
    "preact": partial(ResNet, width=14, first=True),
    "test_byobnet": partial(of_timm, "test_byobnet"),
    "test_efficientnet": partial(of_timm, "test_efficientnet"),
    "encoder": Encoder,
}
"""By name; those from vgg on are of the locked half."""


def linear_layers(model: nn.Module) -> list[nn.Linear]:
    """The linear layers of a net; the last is its head."""
    return [module for module in model.modules() if isinstance(module, nn.Linear)]


def replace_head(model: nn.Module, head: nn.Module) -> None:
    """Put another last layer in the place of the head."""
    old = linear_layers(model)[-1]
    for owner in list(model.modules()):
        for name, child in owner.named_children():
            if child is old:
                setattr(owner, name, head)
