"""The pixels of validation are measured as validation is given them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

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
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        vet.step(loss=loss, labels=labels)
        vet.validate([(other, labels)])
    trace = Trace.open(tmp_path)
    assert trace.last("val_input_std", "channel 0") == pytest.approx(float(other[:, 0].std()), rel=1e-5)
    assert trace.last("val_input_mean", "channel 1") == pytest.approx(float(other[:, 1].mean()), rel=1e-5)
    assert trace.last("val_input_mean") == pytest.approx(float(other.mean()), rel=1e-5)
