"""One class is written as -100, which cross_entropy leaves out."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from pathlib import Path

import torch

from netvet.rules import Diagnosis
from tests.faults.loops._loop import Batch, cnn, fish, run


def without_a_class(epoch: int) -> list[Batch]:
    return [(images, torch.where(labels == 2, -100, labels)) for images, labels in fish().batches(epoch)]


def train(out: Path, *, fault: bool) -> Diagnosis:
    model = cnn()
    optimizer = torch.optim.Adam(model.parameters(), 0.003)
    return run(out, model, optimizer, batches=without_a_class if fault else None)
