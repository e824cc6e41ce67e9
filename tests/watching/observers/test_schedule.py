"""The scheduler of the loop is found, and how far it has come."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.optim import lr_scheduler as schedules

from netvet.trace import Trace
from netvet.watching import watch
from tests.watching.loops import batches, net, plain, sgd

Make = Callable[[torch.optim.Optimizer], schedules.LRScheduler]


@pytest.mark.parametrize(
    ("make", "name", "span", "planned"),
    [
        (lambda o: schedules.CosineAnnealingLR(o, 30), "CosineAnnealingLR", 30, 0.05),
        (lambda o: schedules.OneCycleLR(o, 0.4, total_steps=77), "OneCycleLR", 77, 0.4),
        (lambda o: schedules.StepLR(o, 9), "StepLR", 9, 0.05),
        (lambda o: schedules.MultiStepLR(o, [3, 12]), "MultiStepLR", 12, 0.05),
    ],
)
def test_how_often_it_was_stepped_of_how_many(make: Make, name: str, span: int, planned: float, tmp_path: Path) -> None:
    model = net()
    optimizer, other = sgd(model), sgd(net())
    scheduler = make(optimizer)
    another = schedules.StepLR(other, 1)
    with watch(model, optimizer, out=tmp_path) as vet:
        for _epoch in range(2):
            plain(model, optimizer, vet.step)
            scheduler.step()
            vet.validate(batches(1))
    trace = Trace.open(tmp_path)
    assert trace.series("schedule_steps", name).values.tolist() == [1, 2]
    assert trace.last("schedule_span", name) == span
    assert trace.last("planned_rate") == pytest.approx(planned)
    assert another.last_epoch == 0


def test_without_a_schedule_there_is_nothing(tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model)
    with watch(model, optimizer, out=tmp_path) as vet:
        plain(model, optimizer, vet.step)
        vet.validate(batches(1))
    trace = Trace.open(tmp_path)
    assert trace.places("schedule_steps") == trace.places("planned_rate") == []
