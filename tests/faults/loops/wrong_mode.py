"""Eval mode stays on after the first epoch."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from netvet.rules import Diagnosis
from tests.faults.loops._loop import cnn, run


def train(out: Path, *, fault: bool) -> Diagnosis:
    *body, head = cnn()
    model = nn.Sequential(*body, nn.Dropout(0.5), head)
    optimizer = torch.optim.Adam(model.parameters(), 0.003)
    return run(out, model, optimizer, begin=lambda epoch: model.train(not (fault and epoch > 0)))
