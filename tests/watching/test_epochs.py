"""Epochs, files and resumption of a loop that is watched."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netvet.base.errors import BadInput
from netvet.rules import Health
from netvet.trace import Trace, TraceWriter
from netvet.watching import watch
from netvet.watching.watcher import Watcher
from tests.watching.loops import CLASSES, Batch, batches, net, run, sgd


def test_validate_records_the_epoch_and_restores_modes(tmp_path: Path) -> None:
    model = net()
    model[1].eval()
    optimizer = sgd(model)
    names = ["carp", "perch", "pike", "tench"]
    vet = watch(model, optimizer, out=tmp_path, classes=names)
    data = batches(5)
    for _ in range(2):
        for images, labels in data:
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            vet.step(loss=loss, labels=labels)
        modes = [m.training for m in model.modules()]
        found = vet.validate(data)
        assert modes == [m.training for m in model.modules()]
    vet.close()
    trace = Trace.open(tmp_path)
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(images) for images, _ in data])
    labels = torch.cat([labels for _, labels in data])
    assert found["accuracy"] == pytest.approx((logits.argmax(1) == labels).float().mean().item())
    assert found["loss"] == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-5)
    assert trace.series("val_accuracy").steps.tolist() == trace.series("train_loss").steps.tolist() == [4, 9]
    assert trace.series("epoch").values.tolist() == [1, 2]
    assert trace.series("train_loss").values[1] == pytest.approx(trace.series("loss").values[5:].mean(), rel=1e-5)
    assert trace.meta["steps_per_epoch"] == 5
    counts = torch.bincount(labels, minlength=4).tolist()
    assert [trace.last("class_images", name) for name in names] == counts
    assert [trace.last("val_images", name) for name in names] == counts
    shown = trace.array("val_probabilities")
    assert shown is not None
    assert np.allclose(shown, logits.softmax(1).numpy(), atol=1e-6)
    assert np.array_equal(trace.array("val_labels"), labels.numpy())  # type: ignore[arg-type]


def test_a_run_is_readable_and_diagnosed_while_it_goes_on(tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model)
    vet = watch(model, optimizer, out=tmp_path)
    for images, labels in batches(60):
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        vet.step(loss=loss, labels=labels)
    assert len(Trace.open(tmp_path).series("loss")) == 50  # what a kill would leave
    vet.validate(batches(2))
    assert vet.diagnose().verdict in get_args(Health)
    assert len(Trace.open(tmp_path).series("loss")) == 60
    vet.close()


def test_resuming_goes_on_and_remembers_where_the_weights_started(tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model)

    def train(vet: Watcher, data: list[Batch]) -> None:
        for images, labels in data:
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            vet.step(loss=loss, labels=labels)

    stem = model.get_parameter("0.weight")
    first = stem.detach().clone()
    with watch(model, optimizer, out=tmp_path, every=1) as vet:
        train(vet, batches(4))
        vet.validate(batches(1))
        train(vet, batches(2))
    with watch(model, optimizer, out=tmp_path, every=1, step=4) as vet:
        distance = ((stem - first).norm() / first.norm()).item()
        train(vet, batches(2))
        vet.validate(batches(1))
    trace = Trace.open(tmp_path)
    assert trace.series("loss").steps.tolist() == [0, 1, 2, 3, 4, 5]
    assert trace.series("epoch").values.tolist() == [1, 2]
    assert trace.series("weight_distance", "0").values[4] == pytest.approx(distance, rel=1e-5)
    run(net(), tmp_path, steps=2)  # from the start: the earlier run is replaced
    assert len(Trace.open(tmp_path).series("loss")) == 2


def test_a_writer_of_ones_own_is_left_open(tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model)
    with TraceWriter(tmp_path) as writer:
        vet = watch(model, optimizer, out=tmp_path, writer=writer)
        vet.at = 7
        images, labels = batches(1)[0]
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        vet.step(loss=loss, labels=labels)
        with pytest.raises(BadInput, match="record the epochs there"):
            vet.validate(batches(1))
        vet.close()
        writer.add(8, "mine", 1.0)
    trace = Trace.open(tmp_path)
    assert trace.series("loss").steps.tolist() == [7]
    assert trace.last("mine") == 1.0


def test_bad_input(tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model)
    with pytest.raises(BadInput, match="interval"):
        watch(model, optimizer, out=tmp_path, every=0)
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInput, match="cannot be written"):
        watch(model, optimizer, out=tmp_path / "file")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.yaml").write_text("seed: 0")
    with pytest.raises(BadInput, match="another folder"):
        watch(model, optimizer, out=tmp_path / "run")
    with (
        watch(model, optimizer, out=tmp_path / "c", classes=["a", "b"]) as vet,
        pytest.raises(BadInput, match="4 columns"),
    ):
        vet.validate(batches(1))
    with watch(model, optimizer, out=tmp_path / "d") as vet, pytest.raises(BadInput, match="empty"):
        vet.validate([])
    assert model.training


def test_a_run_that_fails_is_not_finished(tmp_path: Path) -> None:
    model = net()
    with pytest.raises(KeyError), watch(model, sgd(model), out=tmp_path):
        raise KeyError
    assert Trace.open(tmp_path).meta["finished"] is False


def test_running_predictions_stay_bounded(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, CLASSES))
    optimizer = sgd(model)
    with watch(model, optimizer, out=tmp_path) as vet:
        for _ in range(12):
            labels = torch.randint(CLASSES, (1000,))
            loss = F.cross_entropy(model(torch.randn(1000, 3)), labels)
            loss.backward()
            optimizer.step()
            vet.step(loss=loss, labels=labels)
        vet.validate([(torch.randn(8, 3), torch.arange(8) % CLASSES)])
    trace = Trace.open(tmp_path)
    confusion = trace.array("train_confusion")
    assert confusion is not None
    assert confusion.sum() == 5000
    assert trace.last("train_images") == 12000
