"""Batches of a memory-mapped image set: order, augmentation and noise are functions of (seed, epoch, batch) alone.

That is what lets a killed run go on exactly: nothing but the position has to be remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netvet.images.dataset import ImageSet
from netvet.recipe import Recipe

EVALUATION_BATCH = 256
ORDER, AUGMENT, DROPOUT, GENERATE = 1, 2, 3, 4  # which stream of random numbers


def stream(seed: int, purpose: int, epoch: int, batch: int = 0) -> int:
    """A 63-bit seed for one use of random numbers, independent of every other."""
    state = np.random.SeedSequence([seed & 0xFFFFFFFF, purpose, epoch, batch]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


@dataclass(frozen=True)
class PixelStats:
    """What pixels are normalised by: per channel, in 0..1."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def normalise(self, images: Tensor) -> Tensor:
        """`images` (batch, 3, h, w) in 0..1, in place where they are channels_last in memory.

        Over rows rather than by broadcasting over an innermost axis of 3, which takes four times as long on a CPU.
        """
        n, c, h, w = images.shape
        scale = (1 / torch.tensor(self.std, device=images.device)).repeat(h * w)
        shift = (-torch.tensor(self.mean, device=images.device)).repeat(h * w) * scale
        rows = images.permute(0, 2, 3, 1).reshape(n, -1)
        return rows.mul_(scale).add_(shift).view(n, h, w, c).permute(0, 3, 1, 2)


RAW = PixelStats((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
BYTES = PixelStats((0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255))


def measure(images: ImageSet, limit: int = 2048) -> PixelStats:
    """Mean and standard deviation of the training images, on an evenly spaced sample of at most `limit`."""
    train = images.indices("train")
    chosen = train[:: max(1, len(train) // limit)]
    pixels = images.images[chosen].reshape(-1, 3).astype(np.float32) / 255
    mean, std = pixels.mean(0, dtype=np.float64), pixels.std(0, dtype=np.float64)
    std = np.maximum(std, 1 / 255)  # a set of one colour
    r, g, b = (float(x) for x in mean)
    return PixelStats((r, g, b), (float(std[0]), float(std[1]), float(std[2])))


def seed_noise(seed: int) -> None:
    """Seed torch's global generators. `torch.manual_seed` takes a millisecond, for devices that are not there."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)


def pixels(images: ImageSet, rows: NDArray[np.int64], device: torch.device) -> Tensor:
    """Images as float32 (batch, 3, h, w) in 0..1, channels_last in memory (the cache holds them so)."""
    return floats(images.images[rows], device)


def floats(images: NDArray[np.uint8], device: torch.device) -> Tensor:
    """(batch, h, w, 3) in 0..255 as float32 (batch, 3, h, w) in 0..1."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).to(device, non_blocking=True).float().div_(255)


def order(recipe: Recipe, images: ImageSet, epoch: int) -> NDArray[np.int64]:
    """The training images of one epoch, in the order in which they are shown."""
    train = images.indices("train")
    return drawn(recipe, train, images.labels[train], len(images.classes), epoch)


def drawn(
    recipe: Recipe, rows: NDArray[np.int64], labels: NDArray[np.int64], classes: int, epoch: int
) -> NDArray[np.int64]:
    """`rows`, whose labels are given, in the order in which an epoch shows them."""
    generator = torch.Generator().manual_seed(stream(recipe.seed, ORDER, epoch))
    if recipe.sampler.name == "shuffle":
        shuffled: NDArray[np.int64] = rows[torch.randperm(len(rows), generator=generator).numpy()]
        return shuffled
    share = 1 / np.bincount(labels, minlength=classes).clip(1)
    chosen = torch.multinomial(torch.from_numpy(share[labels]), len(rows), replacement=True, generator=generator)
    found: NDArray[np.int64] = rows[chosen.numpy()]
    return found


def steps_per_epoch(recipe: Recipe, images: ImageSet) -> int:
    """Optimiser steps an epoch."""
    return steps(recipe, len(images.indices("train")))


def steps(recipe: Recipe, count: int) -> int:
    """Batches of so many images. A last batch of a single image is left out: batch norm cannot use it."""
    full, rest = divmod(count, recipe.batch_size)
    return max(1, full + (rest > 1))


def evaluation(images: ImageSet, rows: NDArray[np.int64], device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """Clean batches in order: images in 0..1 and labels (batch,) int64."""
    for start in range(0, len(rows), EVALUATION_BATCH):
        part = rows[start : start + EVALUATION_BATCH]
        yield pixels(images, part, device), torch.from_numpy(images.labels[part])


def audience(images: ImageSet, limit: int = 1024, least: int = 16) -> NDArray[np.int64]:
    """The training images that are looked at after every epoch, always the same.

    About `limit`, shared out like the classes, but at least `least` of each class or all it has: enough for training
    accuracy to within a point and a half, at a tenth of an epoch's cost.
    """
    train = images.indices("train")
    labels = images.labels[train]
    chosen = []
    for label in np.unique(labels):
        mine = train[labels == label]
        wanted = max(least, round(limit * len(mine) / len(train)))
        chosen.append(mine[:: max(1, len(mine) // wanted)][:wanted] if len(mine) > wanted else mine)
    return np.concatenate(chosen)
