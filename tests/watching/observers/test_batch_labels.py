"""The classes of training batches, in every form that labels have."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netvet.trace import Trace
from netvet.watching import watch
from tests.watching.loops import CLASSES, sgd

LABELS = [[0, 0, 0, 1], [0, 0, 0, 0], [2, 2, 3, 3], [2, 3, 1, 0]]


@pytest.mark.parametrize("soft", [False, True])
def test_share_of_the_commonest_class_and_number_of_classes(soft: bool, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, CLASSES))
    optimizer = sgd(model)
    with watch(model, optimizer, out=tmp_path) as vet:
        for row in LABELS:
            images, labels = torch.randn(4, 3, 2, 2), torch.tensor(row)
            given: Tensor = F.one_hot(labels, CLASSES) * 0.9 + 0.025 if soft else labels
            loss = F.cross_entropy(model(images), given)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            vet.step(loss=loss, labels=given)
        vet.validate([(images, labels)])
    trace = Trace.open(tmp_path)
    assert trace.series("batch_top_share").values.tolist() == [0.75, 1.0, 0.5, 0.25]
    assert trace.series("batch_classes").values.tolist() == [2, 1, 2, 4]
    assert trace.series("batch_images").values.tolist() == [4] * 4
    assert trace.last("half_overlap") == pytest.approx(2 / 8)  # 7 zeros and a one, beside 1, 1, 3 and 3
