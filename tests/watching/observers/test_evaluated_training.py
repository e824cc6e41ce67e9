"""Training images are asked about in evaluation mode, and nothing of the training moves."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from netvet.trace import Trace
from netvet.watching import watch
from tests.watching.loops import batches, net, sgd


def test_accuracy_and_loss_are_those_of_evaluation_mode(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = net()
    optimizer = sgd(model)
    data = batches(1, 16)
    vet = watch(model, optimizer, out=tmp_path)
    for _ in range(5):
        (images, labels) = data[0]
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        vet.step(loss=loss, labels=labels)
    vet.validate(data)
    vet.close()
    trace = Trace.open(tmp_path)
    model.eval()
    with torch.no_grad():
        wanted = F.cross_entropy(model(data[0][0][:8]), data[0][1][:8])  # the half that is kept
    assert trace.last("train_eval_loss") == pytest.approx(float(wanted), rel=1e-4)
    assert trace.last("train_eval_images") == 24  # of steps 0, 2 and 4
    assert abs(trace.last("train_loss") - trace.last("train_eval_loss")) > 0.01


def test_modes_and_running_statistics_are_as_they_were(tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model)
    vet = watch(model, optimizer, out=tmp_path)
    images, labels = batches(1)[0]
    F.cross_entropy(model(images), labels).backward()
    optimizer.step()
    vet.step(loss=1.0, labels=labels)
    model[1].eval()
    modes, state = [m.training for m in model.modules()], {k: v.clone() for k, v in model.state_dict().items()}
    random = torch.get_rng_state()
    vet.validate(batches(1))
    vet.diagnose()
    assert modes == [m.training for m in model.modules()]
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert torch.equal(random, torch.get_rng_state())
