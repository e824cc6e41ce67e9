"""One image is divided by its own spread, which is 0."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from pathlib import Path

import torch

from netvet.rules import Diagnosis
from tests.faults.loops._loop import Batch, cnn, fish, run


def of_one_colour(epoch: int) -> list[Batch]:
    found = []
    for images, labels in fish().batches(epoch):
        images = images.clone()
        images[(labels == 1).int().argmax()] /= 0 if epoch == 2 else 1
        found.append((images, labels))
    return found


def train(out: Path, *, fault: bool) -> Diagnosis:
    model = cnn()
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    return run(out, model, optimizer, batches=of_one_colour if fault else None)
