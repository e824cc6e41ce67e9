"""The training labels are in another order than their images."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from pathlib import Path

import torch

from netvet.rules import Diagnosis
from tests.faults.loops._loop import Batch, cnn, fish, run


def apart(epoch: int) -> list[Batch]:
    order = torch.randperm(len(fish().labels), generator=torch.Generator().manual_seed(99))
    rows = torch.randperm(len(order), generator=torch.Generator().manual_seed(epoch))
    return [(fish().images[part], fish().labels[order][part]) for part in rows.split(32)]


def train(out: Path, *, fault: bool) -> Diagnosis:
    model = cnn()
    optimizer = torch.optim.Adam(model.parameters(), 0.003)
    return run(out, model, optimizer, batches=apart if fault else None)
