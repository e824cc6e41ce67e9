"""A generator and a discriminator of about 100,000 weights each, for images of up to 64 pixels on a CPU.

The generator is conditional by its batch norms (de Vries et al. 2017, https://arxiv.org/abs/1707.00683), the
discriminator by a projection of the class (Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637) and bounded by
spectral norms (Miyato et al. 2018, https://arxiv.org/abs/1802.05957).
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils.parametrizations import spectral_norm

MOST = 64  # pixels a side that are generated; larger images are enlarged from these
LATENT = 64  # numbers that an image is made from, beside its class
WIDTH = 16  # channels at full size; they double with every halving, up to four times


def scales(image_size: int) -> tuple[int, int]:
    """The side of the smallest map, 4 to 7 pixels (2 or 3 below 16), and how often it is doubled.

    >>> scales(32), scales(48), scales(64), scales(224)
    ((4, 3), (6, 3), (4, 4), (4, 4))
    """
    side = min(image_size, MOST)
    doublings = max(1, int(math.log2(side / 4)))
    return math.ceil(side / 2**doublings), doublings


def _channels(doublings: int) -> list[int]:
    """From full size to the smallest map."""
    return [WIDTH * min(4, 2**k) for k in range(doublings + 1)]


class _ClassNorm(nn.Module):
    """Batch norm whose scale and shift are the class's own."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale = nn.Embedding(classes, channels)
        self.shift = nn.Embedding(classes, channels)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, maps: Tensor, labels: Tensor) -> Tensor:
        scale, shift = self.scale(labels)[..., None, None], self.shift(labels)[..., None, None]
        normed: Tensor = self.norm(maps)
        return torch.addcmul(shift, normed, scale)


class Generator(nn.Module):
    """Makes images of at least the size asked: `side` is a little more where that is no multiple of a power of 2."""

    def __init__(self, classes: int, image_size: int) -> None:
        super().__init__()
        self.least, doublings = scales(image_size)
        channels = _channels(doublings)[::-1]
        self.first = nn.Linear(LATENT, channels[0] * self.least**2)
        pairs = list(pairwise(channels))
        self.norms = nn.ModuleList(_ClassNorm(a, classes) for a, _b in pairs)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1, padding_mode="replicate", bias=False) for a, b in pairs
        )
        self.last_norm = _ClassNorm(channels[-1], classes)
        self.last = nn.Conv2d(channels[-1], 3, 3, padding=1, padding_mode="replicate")  # zeros would draw a frame

    def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
        """(batch, LATENT) numbers and (batch,) classes to (batch, 3, side, side) in 0..1."""
        maps: Tensor = self.first(latent).unflatten(1, (-1, self.least, self.least))
        maps = maps.contiguous(memory_format=torch.channels_last)
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            maps = F.interpolate(F.relu(norm(maps, labels)), scale_factor=2.0, mode="nearest")
            maps = convolution(maps)
        pixels: Tensor = self.last(F.relu(self.last_norm(maps, labels)))
        return pixels.sigmoid()


class Discriminator(nn.Module):
    """Says how real images of a class look."""

    def __init__(self, classes: int, image_size: int) -> None:
        super().__init__()
        _least, doublings = scales(image_size)
        channels = _channels(doublings)
        self.first = spectral_norm(nn.Conv2d(3, channels[0], 3, padding=1))
        self.convolutions = nn.ModuleList(
            spectral_norm(nn.Conv2d(a, b, 4, stride=2, padding=1)) for a, b in pairwise(channels)
        )
        self.score = spectral_norm(nn.Linear(channels[-1], 1))
        self.classes = spectral_norm(nn.Embedding(classes, channels[-1]))

    def forward(self, pixels: Tensor, labels: Tensor) -> Tensor:
        """(batch, 3, side, side) in 0..1 and (batch,) classes to (batch,) scores: high for what looks real."""
        maps: Tensor = F.leaky_relu(self.first(2 * pixels - 1), 0.2)
        for convolution in self.convolutions:
            maps = F.leaky_relu(convolution(maps), 0.2)
        summed = maps.sum(dim=(2, 3))
        scores: Tensor = self.score(summed)[:, 0] + (self.classes(labels) * summed).sum(dim=1)
        return scores
