"""What is left of the last step's gradient, in loops that clear it in every way there is."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netvet.trace import Trace
from netvet.watching import watch
from tests.watching.loops import batches, net, sgd

Step = Callable[[nn.Module, torch.optim.Optimizer, Tensor, Tensor, int], Tensor]


def loss_of(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(model(images), labels)


def never(model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor, at: int) -> Tensor:
    loss = loss_of(model, images, labels)
    loss.backward()
    optimizer.step()
    return loss


def between(model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor, at: int) -> Tensor:
    loss = loss_of(model, images, labels)
    optimizer.zero_grad(set_to_none=False)
    loss.backward()
    optimizer.step()
    return loss


def after(model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor, at: int) -> Tensor:
    loss = never(model, optimizer, images, labels, at)
    optimizer.zero_grad()
    return loss


def gathered(model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor, at: int) -> Tensor:
    loss = loss_of(model, images, labels)
    loss.backward()
    if at % 2:
        optimizer.step()
        optimizer.zero_grad()
    return loss


def passed_through(
    model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor, at: int
) -> Tensor:
    """As in a GAN: another network's loss leaves gradients here, which are cleared before this one's own pass."""
    images.requires_grad_()
    loss_of(model, images, labels).backward()
    return between(model, optimizer, images.detach(), labels, at)


@pytest.mark.parametrize(
    ("step", "kept"), [(never, 1.0), (between, 0.0), (after, 0.0), (gathered, 0.0), (passed_through, 0.0)]
)
def test_the_share_of_the_last_gradient(step: Step, kept: float, tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model)
    with watch(model, optimizer, out=tmp_path) as vet:
        for at, (images, labels) in enumerate(batches(12)):
            vet.step(loss=step(model, optimizer, images, labels, at), labels=labels)
    trace = Trace.open(tmp_path)
    assert trace.places("kept_gradient") == ["0", "4", "10"]
    values = trace.series("kept_gradient", "4").values
    assert len(values) >= 4
    assert values.tolist() == pytest.approx([kept] * len(values), abs=1e-6)


def test_a_layer_that_the_optimiser_does_not_have_is_not_its_to_clear(tmp_path: Path) -> None:
    """A head replaced after the optimiser was made keeps its gradients: that is another illness."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model[3] = nn.Linear(8, 3)
    with watch(model, optimizer, out=tmp_path) as vet:
        for _ in range(12):
            optimizer.zero_grad()
            loss = loss_of(model, torch.randn(6, 3, 2, 2), torch.arange(6) % 3)
            loss.backward()
            optimizer.step()
            vet.step(loss=loss, labels=torch.arange(6) % 3)
    trace = Trace.open(tmp_path)
    assert trace.places("kept_gradient") == ["1"]
    assert trace.last("kept_gradient", "1") == 0
