"""Validation is read blue first."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from pathlib import Path

import torch

from netvet.rules import Diagnosis
from tests.faults.loops._loop import cnn, fish, run


def train(out: Path, *, fault: bool) -> Diagnosis:
    model = cnn()
    optimizer = torch.optim.Adam(model.parameters(), 0.003)
    blue_first = [(images.flip(1), labels) for images, labels in fish().validation()]
    return run(out, model, optimizer, validation=blue_first if fault else None)
