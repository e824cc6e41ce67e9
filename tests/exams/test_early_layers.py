"""The exam tells early layers that learnt from those that stand as they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from netvet.exams import run_exam
from netvet.exams._trained import gained, load
from netvet.exams.early_layers import LEAST, forward_order
from netvet.faults import REEF, plant
from netvet.trace import Trace
from tests.exams.contexts import admit, squares
from tests.trained import shifted

EXAM = "early-layers"
DEEP = {"model.depth": 5, "model.pool_every": 9}  # six weight layers with the head: the first two are early
EARLY = ["features.0.conv", "features.1.conv"]


def test_layers_that_were_never_trained_are_as_they_were(tmp_path: Path) -> None:
    sentence = run_exam(EXAM, admit(tmp_path, DEEP, frozen=("features.0.", "features.1.")))
    trace = Trace.open(tmp_path)
    assert sentence.startswith("The first 2 layers have not learnt")
    assert "features.1.conv" in sentence
    assert trace.last("early_probe_trained") == trace.last("early_probe_initial")
    assert trace.places("reinitialised_fall") == trace.places("reinitialised_together_fall") == EARLY
    assert [trace.last("reinitialised_fall", layer) for layer in EARLY] == [0, 0]


def test_layers_that_were_trained_learn(tmp_path: Path) -> None:
    grey = {
        "model.init": "constant",
        "model.norm_after": "none",
    }  # a first layer that sees brightness, where colours differ in hue
    sentence = run_exam(EXAM, admit(tmp_path, DEEP | grey, steps=150))
    trace = Trace.open(tmp_path)
    assert sentence.startswith("Early layers learn"), sentence
    assert trace.last("early_probe_initial") < 0.7 < trace.last("early_probe_trained")
    assert trace.last("reinitialised_fall", EARLY[0]) > 0.2


def test_a_network_that_guesses(tmp_path: Path) -> None:
    sentence = run_exam(EXAM, admit(tmp_path, DEEP, steps=0))
    assert "no better than guessing" in sentence or "have not learnt" in sentence
    trace = Trace.open(tmp_path)
    assert trace.last("early_probe_trained") == trace.last("early_probe_initial") > 0.9  # the colours are easy


def test_nothing_of_the_run_changes(tmp_path: Path) -> None:
    context = admit(tmp_path, DEEP, steps=5)
    before, state = (tmp_path / "last.pt").read_bytes(), torch.get_rng_state()
    first = run_exam(EXAM, context)
    assert run_exam(EXAM, context) == first
    assert (tmp_path / "last.pt").read_bytes() == before
    assert torch.equal(torch.get_rng_state(), state)
    assert len(Trace.open(tmp_path).series("early_probe_trained")) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"precision": "bfloat16"},
        {"model.depth": 1},
        {"model.norm": "group"},
        {"model.norm_after": "none"},
        {"model.name": "resnet", "model.depth": 6},
        {"model.name": "preact-resnet", "model.depth": 6, "model.dropout": 0.5},
    ],
)
def test_other_networks(changes: dict[str, object], tmp_path: Path) -> None:
    images = squares(val=31, val_classes=3)  # a class that validation lacks
    run_exam(EXAM, admit(tmp_path, changes, images=images, steps=10))
    trace = Trace.open(tmp_path)
    assert 0 <= trace.last("early_probe_initial") <= 1
    assert trace.places("reinitialised_fall")[0] == "features.0.conv"


def test_a_network_of_nothing_finite(tmp_path: Path) -> None:
    def broken(model: nn.Module) -> None:
        next(model.parameters()).fill_(float("nan"))

    assert "output is not finite" in run_exam(EXAM, admit(tmp_path, hurt=broken, steps=1))


def test_layers_come_in_the_order_of_the_forward_pass(tmp_path: Path) -> None:
    """A shortcut's projection is called after the convolution beside it, though the block holds both."""
    subject = load(admit(tmp_path, {"model.name": "resnet", "model.depth": 5, "model.pool_every": 2}, steps=0))
    layers = forward_order(subject)
    called: list[str] = []
    for name, module in subject.last.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(lambda *_, name=name: called.append(name))
    subject.last(torch.zeros(1, 3, 8, 8))
    assert layers == called


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=200))
def test_better_is_never_mutual(answers: list[tuple[bool, bool]]) -> None:
    mine, other = (np.array(column) for column in zip(*answers, strict=True))
    assert not (gained(mine, other) > 0 and gained(other, mine) > 0)
    assert gained(mine, mine) < 0
    assert gained(mine, other) < max(1e-9, float(mine.mean() - other.mean()))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet10t", "mobilenetv3_small_050", "vit_tiny_patch16_224"])
def test_timm_networks(name: str, tmp_path: Path) -> None:
    small = squares()
    images = replace(small, images=small.images.repeat(4, 1).repeat(4, 2))
    context = admit(tmp_path, {"model.name": name, "data.image_size": 32}, images=images, steps=3)
    assert run_exam(EXAM, context)
    order = forward_order(load(context))
    assert Trace.open(tmp_path).places("reinitialised_fall") == order[: len(order) // 3]


@pytest.mark.slow
@pytest.mark.trained
@pytest.mark.parametrize("fault", [None, "vanishing-gradient"])
def test_taken_for_real(fault: str | None, tmp_path: Path) -> None:
    from netvet.pipeline import run_exam_on
    from netvet.training import train

    reef = shifted(REEF)
    train(plant(fault, reef.change({"stop.epochs": 6})) if fault else reef, out=tmp_path)
    sentence = run_exam_on(EXAM, tmp_path)
    trace = Trace.open(tmp_path)
    gain = trace.last("early_probe_trained") - trace.last("early_probe_initial")
    assert sentence.startswith("Early layers learn:") == (fault is None), sentence
    assert (gain > LEAST) == (fault is None)
