"""The exam finds the batch norm whose statistics are wrong, and says so where none is."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from netvet.exams import run_exam
from netvet.exams._trained import BATCH, even, load
from netvet.faults import faults, plant
from netvet.trace import Trace
from netvet.training.passes import batch_norms
from tests.exams.contexts import admit, squares
from tests.trained import shifted

EXAM = "batch-norm-agreement"
NORMS = ["features.0.norm", "features.1.norm", "features.2.norm"]


def moved(model: nn.Module, path: str = "features.1.norm") -> None:
    norm = batch_norms(model)[path]
    assert norm.running_mean is not None
    assert norm.running_var is not None
    sign = torch.ones_like(norm.running_mean)
    sign[::2] = -1
    norm.running_mean += 4 * sign * norm.running_var.sqrt()


def test_norms_that_agree(tmp_path: Path) -> None:
    sentence = run_exam(EXAM, admit(tmp_path))
    trace = Trace.open(tmp_path)
    assert sentence.startswith("The batch norms agree")
    assert trace.last("norm_running_accuracy") == trace.last("norm_recalibrated_accuracy") == 1.0
    assert set(trace.places("norm_batch_accuracy")) == {"batch 8", "batch 60"}
    assert not trace.places("norm_swap_gain")


@pytest.mark.parametrize("path", NORMS)
def test_the_layer_with_wrong_statistics_is_named(path: str, tmp_path: Path) -> None:
    sentence = run_exam(EXAM, admit(tmp_path, hurt=lambda model: moved(model, path)))
    trace = Trace.open(tmp_path)
    assert f"{path} does most of the harm" in sentence
    assert trace.last("norm_running_accuracy") < 0.8 < 0.95 < trace.last("norm_recalibrated_accuracy")
    assert trace.places("norm_swap_gain") == NORMS
    for name in ("norm_swap_gain", "norm_swap_batch_gain"):
        values = {place: trace.last(name, place) for place in NORMS}
        assert values[path] == max(values.values()) > 0.15, name
    fall = {place: trace.last("norm_swap_fall", place) for place in NORMS}
    assert fall[path] > 0.15 > max(value for place, value in fall.items() if place != path)


def test_nothing_of_the_run_changes(tmp_path: Path) -> None:
    context = admit(tmp_path, hurt=moved)
    before, state = (tmp_path / "last.pt").read_bytes(), torch.get_rng_state()
    run_exam(EXAM, context)
    run_exam(EXAM, context)
    assert (tmp_path / "last.pt").read_bytes() == before
    assert torch.equal(torch.get_rng_state(), state)
    assert len(Trace.open(tmp_path).series("norm_running_accuracy")) == 1


@pytest.mark.parametrize("changes", [{"model.norm": "group"}, {"model.norm": "instance"}, {"model.norm_after": "none"}])
def test_without_batch_norm_nothing_is_recorded(changes: dict[str, str], tmp_path: Path) -> None:
    sentence = run_exam(EXAM, admit(tmp_path, changes, steps=1))
    assert "no batch norm" in sentence
    assert not [name for name in Trace.open(tmp_path).names() if name.startswith("norm_")]


def test_validation_images_of_another_look_are_not_the_norms_fault(tmp_path: Path) -> None:
    sentence = run_exam(EXAM, admit(tmp_path, images=squares(val_shift=-60)))
    trace = Trace.open(tmp_path)
    assert trace.last("norm_running_accuracy") < trace.last("norm_batch_accuracy", "batch 60") - 0.1
    assert "validation images differ" in sentence


def test_a_network_of_nothing_finite(tmp_path: Path) -> None:
    def broken(model: nn.Module) -> None:
        next(model.parameters()).fill_(float("nan"))

    assert "output is not finite" in run_exam(EXAM, admit(tmp_path, hurt=broken, steps=1))


@pytest.mark.parametrize(
    "changes",
    [
        {"precision": "bfloat16"},
        {"model.depth": 1},
        {"model.name": "preact-resnet"},
        {"model.norm_after": "late", "model.dropout": 0.5},
    ],
)
def test_other_networks(changes: dict[str, object], tmp_path: Path) -> None:
    def all_moved(model: nn.Module) -> None:
        for path in batch_norms(model):
            moved(model, path)

    images = squares(val=31, val_classes=3)  # a class that validation lacks; a number no batch divides
    assert "does most of the harm" in run_exam(EXAM, admit(tmp_path, changes, images=images, hurt=all_moved))


def test_two_validation_images_are_enough(tmp_path: Path) -> None:
    assert run_exam(EXAM, admit(tmp_path, images=squares(val=2)))
    assert Trace.open(tmp_path).places("norm_batch_accuracy") == ["batch 2"]


def test_recomputed_statistics_are_those_of_torch(tmp_path: Path) -> None:
    subject = load(admit(tmp_path, hurt=moved))
    rows = subject.rows("train", 2048)
    mended = batch_norms(subject.recalibrated(subject.last, rows))
    twin = copy.deepcopy(subject.last)
    with torch.no_grad():
        torch.optim.swa_utils.update_bn((subject.pixels(part) for part in even(rows, BATCH)), twin)
    for path, norm in batch_norms(twin).items():
        assert torch.allclose(norm.get_buffer("running_mean"), mended[path].get_buffer("running_mean"), atol=1e-6)
        assert torch.allclose(norm.get_buffer("running_var"), mended[path].get_buffer("running_var"), atol=1e-6)
        assert mended[path].momentum == 0.1


@given(count=st.integers(2, 300), size=st.integers(2, 80))
def test_even_parts_are_whole_and_never_single(count: int, size: int) -> None:
    parts = even(np.arange(count), size)
    assert np.array_equal(np.concatenate(parts), np.arange(count))
    assert min(len(part) for part in parts) >= 2
    assert max(len(part) for part in parts) <= 2 * size
    assert max(len(part) for part in parts) - min(len(part) for part in parts) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet10t", "mobilenetv3_small_050"])
def test_timm_networks(name: str, tmp_path: Path) -> None:
    def all_moved(model: nn.Module) -> None:
        for path in batch_norms(model):
            moved(model, path)

    small = squares()
    images = replace(small, images=small.images.repeat(4, 1).repeat(4, 2))
    context = admit(tmp_path, {"model.name": name, "data.image_size": 32}, images=images, steps=20, hurt=all_moved)
    assert "does most of the harm" in run_exam(EXAM, context)
    assert Trace.open(tmp_path).places("norm_swap_gain") == list(batch_norms(load(context).last))


@pytest.mark.slow
@pytest.mark.trained
@pytest.mark.parametrize("fault", [name for name in faults() if name.startswith("batch-norm-mismatch/")])
def test_the_exam_confirms_a_planted_fault(fault: str, tmp_path: Path) -> None:
    from netvet.pipeline import examine
    from netvet.training import train

    train(plant(fault, shifted(faults()[fault].on)), out=tmp_path)
    found = examine(tmp_path)
    assert found.root is not None
    assert found.root.rule == "batch-norm-mismatch"
    assert found.root.where in Trace.open(tmp_path).places("norm_swap_gain")
