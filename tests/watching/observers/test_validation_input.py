"""The pixels of validation are measured as validation is given them, and the network is asked about other readings."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netvet.rules import diagnose
from netvet.trace import Trace
from netvet.watching import watch


def test_mean_and_spread_by_channel(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    images, labels = torch.randn(16, 3, 4, 4), torch.randint(0, 2, (16,))
    other = images * 3
    other[:, 1] += 5
    with watch(model, optimizer, out=tmp_path) as vet:
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        vet.step(loss=loss, labels=labels)
        vet.validate([(other, labels)])
    trace = Trace.open(tmp_path)
    assert trace.last("val_input_std", "channel 0") == pytest.approx(float(other[:, 0].std()), rel=1e-5)
    assert trace.last("val_input_mean", "channel 1") == pytest.approx(float(other[:, 1].mean()), rel=1e-5)
    assert trace.last("val_input_mean") == pytest.approx(float(other.mean()), rel=1e-5)
    assert trace.last("train_input_std") == pytest.approx(float(images.std()), rel=1e-5)


def told(out: Path, change: Callable[[Tensor], Tensor]) -> Trace:
    """Three classes are learnt by bright places; validation is given to the network changed."""
    torch.manual_seed(0)
    labels = torch.arange(240) % 3
    images = torch.randn(240, 3, 8, 8)
    images[labels == 0, 0, :3] += 1.5
    images[labels == 1, 0, 3:6] += 1.5
    images[labels == 2, 1, :3] += 1.5
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 3))
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    with watch(model, optimizer, out=out) as vet:
        for _ in range(8):
            for part in torch.randperm(160).split(16):
                loss = F.cross_entropy(model(images[part]), labels[part])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                vet.step(loss=loss, labels=labels[part])
            vet.validate([(change(images[160:]), labels[160:])])
    trace = Trace.open(out)
    assert "dropped_observers" not in trace.meta
    return trace


CHANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "channels reversed": lambda x: x.flip(1),
    "as negatives": lambda x: -x,
    "channels taken as the last axis": lambda x: x.permute(0, 2, 3, 1).reshape(x.shape),
    "upside down": lambda x: x.flip(2),
    "rescaled": lambda x: 0.2 * x - 4,
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_reading_that_the_network_knows_is_found(tmp_path: Path, name: str) -> None:
    trace = told(tmp_path, CHANGES[name])
    best = max(trace.places("reading_accuracy"), key=lambda place: trace.last("reading_accuracy", place))
    assert best == name
    assert trace.last("reading_gain", name) > 0.1
    assert next(f.rule for f in diagnose(trace).findings) == "mismatched-input"


def test_nothing_is_found_where_validation_is_fed_alike(tmp_path: Path) -> None:
    trace = told(tmp_path, lambda x: x)
    assert "mismatched-input" not in [f.rule for f in diagnose(trace).findings]
