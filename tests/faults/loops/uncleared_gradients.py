"""`zero_grad` is left out."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netvet.rules import Diagnosis
from tests.faults.loops._loop import cnn, plain, run


def step(model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> Tensor:
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss


def train(out: Path, *, fault: bool) -> Diagnosis:
    model = cnn(norm=False)
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    return run(out, model, optimizer, step=step if fault else plain, epochs=12)
