"""The network ends in a softmax, and cross_entropy takes another one."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from netvet.rules import Diagnosis
from tests.faults.loops._loop import cnn, run


def train(out: Path, *, fault: bool) -> Diagnosis:
    model = nn.Sequential(*cnn(), *([nn.Softmax(1)] if fault else []))
    return run(out, model, torch.optim.Adam(model.parameters(), 0.003))
