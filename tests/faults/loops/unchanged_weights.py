"""The scheduler is stepped where the optimiser should be."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netvet.rules import Diagnosis
from tests.faults.loops._loop import cnn, plain, run


def train(out: Path, *, fault: bool) -> Diagnosis:
    model = cnn()
    optimizer = torch.optim.Adam(model.parameters(), 0.003)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1000)

    def step(net: nn.Module, _optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> Tensor:
        loss = F.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        scheduler.step()
        return loss

    return run(out, model, optimizer, step=step if fault else plain)
