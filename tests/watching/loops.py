"""Small models, batches and training loops that are watched in tests."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netvet.trace import Trace
from netvet.watching import watch

CLASSES = 4
LAYERS = ("0", "4", "10")  # the weight layers of `net`, and with its activations:
OUTPUTS = ("0", "2", "4", "6", "10")
Batch = tuple[Tensor, Tensor]
Optimize = Callable[[nn.Module], torch.optim.Optimizer]


class Tell(Protocol):
    """What a loop calls after each batch: `Watcher.step`, or nothing."""

    def __call__(self, *, loss: Tensor | float, labels: Tensor | None = None) -> None: ...


Train = Callable[[nn.Module, torch.optim.Optimizer, Tell], None]


def net(inplace: bool = True) -> nn.Sequential:
    """Two convolutions with batch norm, and a linear head; weight layers 0, 4, 10."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=inplace),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, padding=1),
        nn.BatchNorm2d(12),
        nn.ReLU(inplace=inplace),
        nn.Dropout(0.3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, CLASSES),
    )


def half_dead() -> nn.Module:
    """The small net with dead units: 2 of 8 and 3 of 12."""
    model = net()
    with torch.no_grad():
        model.get_parameter("1.bias")[:2] = -50.0
        model.get_parameter("5.bias")[:3] = -50.0
    return model


class Probed(nn.Module):
    """A body that is only looked through, under no_grad, and a head that learns."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(2))
        self.head = nn.Sequential(nn.Linear(32, 6), nn.ReLU(), nn.Linear(6, CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            x = self.body(x).flatten(1)
        found: Tensor = self.head(x)
        return found


def batches(count: int, size: int = 8) -> list[Batch]:
    """The same ones at every call."""
    generator = torch.Generator().manual_seed(5)
    return [
        (torch.randn(size, 3, 12, 12, generator=generator), torch.randint(CLASSES, (size,), generator=generator))
        for _ in range(count)
    ]


def sgd(model: nn.Module, lr: float = 0.05) -> torch.optim.Optimizer:
    return torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=lr, momentum=0.9)


def adam(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)


def plain(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    tell: Tell,
    *,
    steps: int = 4,
    forward: Callable[[nn.Module, Tensor], Tensor] | None = None,
) -> None:
    """A loop as everybody writes it."""
    for images, labels in batches(steps):
        logits = model(images) if forward is None else forward(model, images)
        loss = F.cross_entropy(logits.float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tell(loss=loss, labels=labels)


def autocast(model: nn.Module, images: Tensor) -> Tensor:
    """A forward pass in bfloat16 where that is safe."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits: Tensor = model(images)
    assert logits.dtype == torch.bfloat16
    return logits


def run(
    model: nn.Module,
    out: Path,
    *,
    steps: int = 3,
    every: int | None = 1,
    forward: Callable[[nn.Module, Tensor], Tensor] | None = None,
) -> Trace:
    """Train a few steps, watched; no probe may be dropped."""
    optimizer = sgd(model)
    with watch(model, optimizer, out=out, every=every) as vet:
        plain(model, optimizer, vet.step, steps=steps, forward=forward)
    trace = Trace.open(out)
    assert "dropped_probes" not in trace.meta
    assert len(trace.series("loss")) == steps
    return trace
