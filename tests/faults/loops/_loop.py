"""What the planted loops share: painted fish, a small network, and the epochs round a step of their own."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netvet.images.reef import Reef, paint
from netvet.rules import Diagnosis
from netvet.watching import watch

Batch = tuple[Tensor, Tensor]
Step = Callable[[nn.Module, torch.optim.Optimizer, Tensor, Tensor], Tensor]
CLASSES, SIZE = 4, 16


@dataclass(frozen=True)
class Fish:
    """Standardised images (n, 3, 16, 16) and labels (n,) of training and validation."""

    images: Tensor
    labels: Tensor
    val_images: Tensor
    val_labels: Tensor
    names: tuple[str, ...]

    def batches(self, epoch: int, size: int = 32) -> list[Batch]:
        """The training images in another order each epoch."""
        order = torch.randperm(len(self.labels), generator=torch.Generator().manual_seed(epoch))
        return [(self.images[rows], self.labels[rows]) for rows in order.split(size)]

    def validation(self) -> list[Batch]:
        return [(self.val_images, self.val_labels)]


@cache
def fish(each: int = 100, seed: int = 0) -> Fish:
    """`each`: images of a class, a quarter of them for validation."""
    painted = paint(Reef(species=CLASSES, n=each, seed=seed), SIZE)
    x = torch.from_numpy(painted.images).permute(0, 3, 1, 2).float()
    x, y = (x - x.mean()) / x.std(), torch.from_numpy(painted.labels)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    train, val = order[: len(y) * 3 // 4], order[len(y) * 3 // 4 :]
    return Fish(x[train], y[train], x[val], y[val], tuple(painted.classes))


def cnn(*, norm: bool = True, width: int = 12) -> nn.Sequential:
    """Two convolutions and a linear head, whatever was drawn before: 16 px to (batch, 4)."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for before, now in ((3, width), (width, 2 * width)):
        layers += [nn.Conv2d(before, now, 3, padding=1), *([nn.BatchNorm2d(now)] if norm else [])]
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(2 * width * 16, CLASSES))


def plain(model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> Tensor:
    """A step as it should be; the loss."""
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def run(
    out: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    step: Step = plain,
    batches: Callable[[int], Iterable[Batch]] | None = None,
    validation: Iterable[Batch] | None = None,
    begin: Callable[[int], object] = lambda _epoch: None,
    after: Callable[[int], object] = lambda _epoch: None,
    epochs: int = 8,
) -> Diagnosis:
    """Train, watched, and diagnose. `begin`, `after`: what the loop does before and after the batches of an epoch."""
    torch.set_num_threads(1)
    data = fish()
    with watch(model, optimizer, out=out, classes=data.names) as vet:
        for epoch in range(epochs):
            model.train()
            begin(epoch)
            for images, labels in (batches or data.batches)(epoch):
                loss = step(model, optimizer, images, labels)
                vet.step(loss=loss, labels=labels)
            after(epoch)
            vet.validate(data.validation() if validation is None else validation)
        return vet.diagnose()
