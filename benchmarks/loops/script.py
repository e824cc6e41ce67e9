"""The loop, with all that a person writes around it. A slip changes one thing of it before it is run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everyone writes it
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import DataLoader, Sampler, TensorDataset

import netvet
from benchmarks.loops import images, nets

if TYPE_CHECKING:
    from benchmarks.loops.plan import Base

Fit = Callable[[Iterable[Any]], torch.optim.Optimizer]


@dataclass
class Script:
    """A program in parts, each of which a slip may replace.

    `x`, `xv`: float (images, 3, 32, 32) as the loaders give them. `fit` makes the optimiser of some parameters; what
    makes another net calls `train_this`. `decay`: the rate falls by a cosine, epoch by epoch. The parts of the loop are
    functions: `to_batch` is done to a batch before the model, `mode` at the start of an epoch, `clear` and `update`
    round the backward pass (told the batch's number in its epoch), `after_batch` and `after_epoch` after it.
    """

    x: Tensor
    y: Tensor
    xv: Tensor
    yv: Tensor
    classes: list[str] | None
    model: nn.Module
    fit: Fit
    epochs: int
    batch_size: int
    optimizer: torch.optim.Optimizer = field(init=False)
    decay: bool = False
    shuffle: bool = True
    drop_last: bool = False
    sampler: Sampler[int] | None = None
    val_batch: int = 256
    criterion: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy
    to_batch: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = field(default=lambda images, labels: (images, labels))
    forward: Callable[[Tensor], Tensor] = field(init=False)
    mode: Callable[[int], object] = field(init=False)
    clear: Callable[[int], object] = field(init=False)
    update: Callable[[int], object] = field(init=False)
    after_batch: Callable[[], object] = field(default=lambda: None)
    after_epoch: Callable[[dict[str, float]], object] = field(default=lambda found: None)

    def __post_init__(self) -> None:
        self.optimizer = self.fit(self.model.parameters())
        self.forward = lambda images: self.model(images)
        self.mode = lambda epoch: self.model.train()
        self.clear = lambda i: self.optimizer.zero_grad()
        self.update = lambda i: self.optimizer.step()

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return -(-len(self.y) // self.batch_size)

    def train_this(self, model: nn.Module) -> None:
        """Train another net than was built first."""
        self.model, self.optimizer = model, self.fit(model.parameters())

    def set_rate(self, factor: float) -> None:
        """Multiply the learning rate."""
        for group in self.optimizer.param_groups:
            group["lr"] *= factor

    def loader(self) -> DataLoader[Any]:
        """The training batches."""
        shuffle = self.shuffle and self.sampler is None
        data = TensorDataset(self.x, self.y)
        return DataLoader(data, self.batch_size, shuffle=shuffle, sampler=self.sampler, drop_last=self.drop_last)

    def val_loader(self) -> DataLoader[Any]:
        """The validation batches."""
        return DataLoader(TensorDataset(self.xv, self.yv), self.val_batch)


def written(base: Base, seed: int = 0) -> Script:
    """The program without a slip, on standardised images."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - as scripts do
    photos = images.load(base.data)
    x, xv = (torch.from_numpy(pictures).float() for pictures in (photos.x, photos.xv))
    mean, std = x.mean((0, 2, 3), keepdim=True), x.std((0, 2, 3), keepdim=True)
    return Script(
        *((x - mean) / std, torch.from_numpy(photos.y.copy())),
        *((xv - mean) / std, torch.from_numpy(photos.yv.copy())),
        classes=list(photos.classes),
        model=nets.NETS[base.net](len(photos.classes)),
        fit=base.fit,
        epochs=base.epochs,
        batch_size=base.batch,
        decay=base.decay,
    )


def run(s: Script, out: Path) -> None:
    """The loop, watched; what it records is in `out`."""
    schedule = CosineAnnealingLR(s.optimizer, s.epochs) if s.decay else None
    with netvet.watch(s.model, s.optimizer, out=out, classes=s.classes) as vet:
        for epoch in range(s.epochs):
            s.mode(epoch)
            for i, (images, labels) in enumerate(s.loader()):
                images, labels = s.to_batch(images, labels)
                loss = s.criterion(s.forward(images), labels)
                s.clear(i)
                loss.backward()  # type: ignore[no-untyped-call]
                s.update(i)
                s.after_batch()
                vet.step(loss=loss, labels=labels)
            s.after_epoch(vet.validate(s.val_loader()))
            if schedule is not None:
                schedule.step()


def forwarded(s: Script, x: Tensor) -> Iterator[Tensor]:
    """What the finished model says of images, (batch, classes) at a time, in eval mode."""
    s.model.eval()
    with torch.no_grad():
        for part in x.split(s.val_batch):  # type: ignore[no-untyped-call]
            yield s.model(part).float()
