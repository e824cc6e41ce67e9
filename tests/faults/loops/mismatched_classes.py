"""Validation numbers its classes from 1, and the last one is 0."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from pathlib import Path

import torch

from netvet.rules import Diagnosis
from tests.faults.loops._loop import CLASSES, cnn, fish, run


def train(out: Path, *, fault: bool) -> Diagnosis:
    model = cnn()
    optimizer = torch.optim.Adam(model.parameters(), 0.003)
    otherwise = [(images, (labels + 1) % CLASSES) for images, labels in fish().validation()]
    return run(out, model, optimizer, validation=otherwise if fault else None)
