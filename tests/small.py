"""A training of a few seconds, for tests that need a real one, and what its weights are compared by."""

from __future__ import annotations

import signal
from pathlib import Path

import torch

from netvet.training import TrainingListener
from netvet.training.checkpoint import LAST

SMALL = {
    "data.source": "reef:species=3,n=30",
    "data.image_size": 16,
    "model.depth": 2,
    "model.width": 8,
    "model.dropout": 0.2,
    "stop.epochs": 3,
    "batch_size": 16,
}


class Interrupt(TrainingListener):
    """Interrupts a training once so many steps are done, as Ctrl-C does."""

    def __init__(self, step: int, sent: signal.Signals = signal.SIGINT) -> None:
        self._step, self._sent = step, sent

    def on_step(self, step: int, steps: int) -> None:
        if step == self._step:
            signal.raise_signal(self._sent)


def weights(run: Path) -> dict[str, torch.Tensor]:
    """The newest weights of a run."""
    state: dict[str, torch.Tensor] = torch.load(run / LAST, weights_only=True)["model"]
    return state


def same(one: Path, other: Path) -> bool:
    """Whether two runs ended in the same weights, bit for bit."""
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
