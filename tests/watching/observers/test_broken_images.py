"""Images with values that are no numbers are counted, and the first is placed."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netvet.trace import Trace
from netvet.watching import watch


def trained(out: Path, batches: list[Tensor]) -> Trace:
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    labels = torch.tensor([0, 1, 0, 1])
    with watch(model, optimizer, out=out) as vet:
        for images in batches:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            vet.step(loss=loss, labels=labels)
        vet.validate([(batches[0], labels)])
    return Trace.open(out)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_the_first_is_placed(tmp_path: Path, value: float) -> None:
    batches = [torch.randn(4, 3, 4, 4) for _ in range(5)]
    batches[2][1, 0, :2, :2] = value
    batches[3][0, 0, 0, 0] = value
    trace = trained(tmp_path, batches)
    assert trace.last("broken_images", "training") == 2
    assert [trace.last(name) for name in ("broken_step", "broken_at", "broken_values")] == [2, 1, 4]
    assert trace.last("broken_images", "validation") == 0


def test_values_that_cancel_or_are_large_are_no_fault(tmp_path: Path) -> None:
    large = torch.full((4, 3, 4, 4), 6e4).half().float()
    assert trained(tmp_path, [large, -large]).last("broken_images", "training") == 0


def test_infinities_that_would_cancel_are_found(tmp_path: Path) -> None:
    images = torch.randn(4, 3, 4, 4)
    images[3, 0, 0, :2] = torch.tensor([torch.inf, -torch.inf])
    assert trained(tmp_path, [images]).last("broken_images", "training") == 1
