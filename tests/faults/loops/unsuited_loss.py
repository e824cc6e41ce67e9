"""nll_loss is given the raw outputs."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netvet.rules import Diagnosis
from tests.faults.loops._loop import cnn, plain, run


def likelihood(model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> Tensor:
    loss = F.nll_loss(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def train(out: Path, *, fault: bool) -> Diagnosis:
    model = cnn()
    optimizer = torch.optim.Adam(model.parameters(), 0.003)
    return run(out, model, optimizer, step=likelihood if fault else plain)
