"""What the epochs of a run are drawn from: the training images and, where the recipe asks for them, generated ones.

Everything else (statistics of pixels, the training metrics, counts of class images, exams) is about real images alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netvet.images.dataset import ImageSet
from netvet.recipe import Recipe
from netvet.training import batches


@dataclass(frozen=True)
class Added:
    """Images beside those of the set: (k, size, size, 3) and their labels, (k,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Pool:
    """`images`, of which the training split is drawn from, and what is `added` to it; None: nothing.

    Rows from `len(images.labels)` on are those of `added`.
    """

    images: ImageSet
    added: Added | None = None
    rows: NDArray[np.int64] = field(init=False)
    labels: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        rows, labels = self.images.indices("train"), self.images.labels
        if self.added is not None:
            rows = np.concatenate([rows, len(labels) + np.arange(len(self.added.labels))])
            labels = np.concatenate([labels, self.added.labels])
        object.__setattr__(self, "rows", rows)
        object.__setattr__(self, "labels", labels)

    def counts(self) -> Tensor:
        """How many images of each class an epoch shows, (classes,)."""
        return torch.bincount(torch.from_numpy(self.labels[self.rows]), minlength=len(self.images.classes))

    def steps_per_epoch(self, recipe: Recipe) -> int:
        """Optimiser steps an epoch."""
        return batches.steps(recipe, len(self.rows))

    def order(self, recipe: Recipe, epoch: int) -> NDArray[np.int64]:
        """The rows of one epoch, in the order in which they are shown."""
        return batches.drawn(recipe, self.rows, self.labels[self.rows], len(self.images.classes), epoch)

    def batch(self, rows: NDArray[np.int64], device: torch.device) -> tuple[Tensor, Tensor]:
        """Images as `batches.pixels` gives them, and labels (batch,)."""
        labels = torch.from_numpy(self.labels[rows])
        if self.added is None:
            return batches.pixels(self.images, rows, device), labels
        real = rows < len(self.images.labels)
        mixed = np.empty((len(rows), *self.images.images.shape[1:]), np.uint8)
        mixed[real] = self.images.images[rows[real]]
        mixed[~real] = self.added.images[rows[~real] - len(self.images.labels)]
        return batches.floats(mixed, device), labels
