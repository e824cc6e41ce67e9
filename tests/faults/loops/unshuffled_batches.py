"""The images come class by class."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from pathlib import Path

import torch

from netvet.rules import Diagnosis
from tests.faults.loops._loop import Batch, cnn, fish, run


def by_class(_epoch: int) -> list[Batch]:
    order = fish().labels.argsort(stable=True)
    return [(fish().images[rows], fish().labels[rows]) for rows in order.split(32)]


def train(out: Path, *, fault: bool) -> Diagnosis:
    model = cnn(norm=False)
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    return run(out, model, optimizer, batches=by_class if fault else None, epochs=12)
