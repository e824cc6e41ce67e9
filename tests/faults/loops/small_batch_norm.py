"""Batches of two, and a batch norm of single positions."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from netvet.rules import Diagnosis
from tests.faults.loops._loop import CLASSES, Batch, fish, run


def net() -> nn.Sequential:
    """Four convolutions down to 1 x 1, a hidden layer, a head, each with a batch norm."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for before, now in ((3, 16), (16, 32), (32, 64), (64, 64)):
        layers += [nn.Conv2d(before, now, 3, padding=1, bias=False), nn.BatchNorm2d(now), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Flatten(), nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, CLASSES)]
    return nn.Sequential(*layers)


def train(out: Path, *, fault: bool) -> Diagnosis:
    size = 2 if fault else 16

    def batches(epoch: int) -> list[Batch]:
        return fish().batches(epoch, size)

    model = net()
    optimizer = torch.optim.SGD(model.parameters(), 0.02 * size / 16, momentum=0.9)
    return run(out, model, optimizer, batches=batches, epochs=6)
