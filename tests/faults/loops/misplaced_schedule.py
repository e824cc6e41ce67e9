"""A schedule that counts epochs is stepped with every batch."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from netvet.rules import Diagnosis
from tests.faults.loops._loop import cnn, plain, run


def train(out: Path, *, fault: bool) -> Diagnosis:
    model = cnn(norm=False)
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 4, gamma=0.3)

    def step(net: nn.Module, opt: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> Tensor:
        loss = plain(net, opt, images, labels)
        if fault:
            scheduler.step()
        return loss

    def after(_epoch: int) -> None:
        if not fault:
            scheduler.step()

    return run(out, model, optimizer, step=step, after=after, epochs=12)
