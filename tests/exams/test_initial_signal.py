"""initial-signal: what it measures, against the definition; and what it decides, on nets whose fault is known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from netvet.exams import ExamContext, exams, run_exam
from netvet.recipe import Recipe
from netvet.rules import diagnose
from netvet.trace import Observation, Trace, TraceWriter
from tests.exams.contexts import recipe, squares

DEEP = {"model.norm_after": "none", "model.depth": 16}


def examine(run: Path, changes: Mapping[str, Any], *, base: Recipe | None = None) -> tuple[str, Trace]:
    """The exam's sentence and what it recorded, for a net on small squares of four colours."""
    run.mkdir(exist_ok=True)
    chosen = (base or recipe()).change(changes)
    with TraceWriter(run) as record:
        sentence = run_exam("initial-signal", ExamContext(run, chosen, squares(), record))
    return sentence, Trace.open(run)


def sound(trace: Trace) -> dict[str, bool]:
    return {name: trace.last("initial_sound", name) > 0 for name in trace.places("initial_sound")}


CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "torch's own weights": ({**DEEP, "model.init": "default"}, "he", "initialisation"),
    "too small": ({**DEEP, "model.depth": 6, "model.init": "small"}, "he", "initialisation"),
    "too large": ({**DEEP, "model.depth": 6, "model.init": "large"}, "he", "initialisation"),
    "units alike": ({"model.init": "constant"}, "he", "initialisation"),
    "sigmoids": ({**DEEP, "model.activation": "sigmoid"}, "relu", "activation"),
    "biases": ({**DEEP, "model.depth": 6, "model.bias": -6.0}, "unbiased", "biases"),
    "bytes": ({"model.norm_after": "none", "data.normalise": "bytes", "model.depth": 5}, "normalised", "input"),
    "deep batch norm": ({"model.depth": 80}, "residual", "depth"),
}


@pytest.mark.parametrize(("changes", "cure", "word"), CASES.values(), ids=CASES)
def test_it_decides(tmp_path: Path, changes: dict[str, Any], cure: str, word: str) -> None:
    sentence, trace = examine(tmp_path, changes)
    found = sound(trace)
    assert not found["own"]
    assert next(name for name, yes in found.items() if yes) == cure
    assert sentence.endswith("fault.")
    assert word in sentence.rpartition(":")[2]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"model.norm_after": "none"},
        {"model.norm_after": "none", "model.init": "xavier", "model.depth": 5},
        {"model.activation": "tanh", "model.norm_after": "none", "model.depth": 8},
        {"model.activation": "selu", "model.norm_after": "none", "model.depth": 8},
        {"model.norm": "group", "model.depth": 12},
        {"model.name": "resnet", "model.depth": 17},
        {"model.name": "preact-resnet", "model.depth": 9, "model.norm_after": "none"},
        {"model.init": "small"},
        {"data.normalise": "bytes"},
    ],
    ids=lambda changes: ", ".join(map(str, changes.values())) or "default",
)
def test_healthy_nets_and_harmless_faults_are_sound(tmp_path: Path, changes: dict[str, Any]) -> None:
    sentence, trace = examine(tmp_path, changes)
    assert sound(trace)["own"], sentence
    assert "not at fault" in sentence


def test_a_net_without_a_slope_gets_no_number(tmp_path: Path) -> None:
    sentence, trace = examine(tmp_path, {"model.depth": 2})
    assert math.isnan(trace.last("initial_activation_slope", "own"))
    assert sentence.startswith("At its initial weights the signal gets through, forward and back.")


def test_a_timm_model_has_what_can_be_changed_in_it(tmp_path: Path) -> None:
    base = Recipe().change({"model.name": "test_resnet", "data.image_size": 32, "precision": "float32"})
    run = tmp_path
    chosen = base.change({"data.normalise": "none"})
    with TraceWriter(run) as record:
        run_exam("initial-signal", ExamContext(run, chosen, squares(), record))
    assert list(sound(Trace.open(run))) == ["own", "normalised", "he"]


def test_it_is_what_autograd_says(tmp_path: Path) -> None:
    """The net of three convolutions, written out: spread, gradient by image, gain and the slopes."""
    from netvet.nets.device import choose
    from netvet.training import batches
    from netvet.training.loop import build

    chosen = recipe({"model.norm_after": "none"})
    _sentence, trace = examine(tmp_path, {"model.norm_after": "none"})
    images = squares()
    with torch.random.fork_rng():
        model, statistics = build(chosen, images, choose(chosen))
    rows = batches.order(chosen, images, 0)[: chosen.batch_size]
    x = statistics.normalise(batches.pixels(images, rows, torch.device("cpu")))
    outputs: dict[str, Tensor] = {}
    for i in range(3):
        conv = model.get_submodule(f"features.{i}.conv")
        assert isinstance(conv, nn.Conv2d)
        outputs[f"features.{i}.conv"] = x = nn.functional.conv2d(x, conv.weight, conv.bias, padding=1)
        x = x.relu()
    head = model.get_submodule("head")
    assert isinstance(head, nn.Linear)
    outputs["head"] = x = x.mean((2, 3)) @ head.weight.T + head.bias
    losses = nn.functional.cross_entropy(x, torch.from_numpy(images.labels[rows]), reduction="none")
    gradients = dict(zip(outputs, torch.autograd.grad(losses.sum(), list(outputs.values())), strict=True))
    assert trace.places("initial_grad_rms") == list(outputs)
    for layer, output in outputs.items():
        by_image = [float(g.square().sum()) for g in gradients[layer]]
        assert trace.last("initial_grad_rms", layer) == pytest.approx(math.sqrt(np.mean(by_image)), rel=1e-3)
        assert trace.last("initial_activation_std", layer) == pytest.approx(
            float(output.detach().std(correction=0)), rel=1e-3
        )
    assert trace.last("initial_loss", "own") == pytest.approx(float(losses.detach().mean()), rel=1e-4)
    slope = math.log(
        trace.last("initial_grad_rms", "features.2.conv") / trace.last("initial_grad_rms", "features.1.conv")
    )
    assert trace.last("initial_grad_slope", "own") == pytest.approx(slope, rel=1e-3)  # without the first and the last


def test_it_leaves_the_random_numbers_and_answers_once(tmp_path: Path) -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    examine(tmp_path, {})
    assert torch.equal(before, torch.random.get_rng_state())
    _sentence, trace = examine(tmp_path, {})
    assert len(trace.series("initial_loss", "own")) == 1
    assert set(exams()["initial-signal"].gives) >= {name for name in trace.names() if name.startswith("initial_")}


def test_it_is_ordered_where_a_plateau_shows() -> None:
    rows = [Observation(step, "loss", 2.0) for step in range(100)]
    rows += [Observation(step, name, 2.0) for step in (9, 99) for name in ("train_loss", "val_loss")]
    rows += [Observation(step, name, 0.13) for step in (9, 50, 99) for name in ("train_accuracy", "val_accuracy")]
    rows += [Observation(0, "class_images", 10.0, name) for name in "abcdefgh"]
    rows += [Observation(0, name, value) for name, value in (("input_mean", 0.0), ("input_std", 1.0))]
    assert "initial-signal" in diagnose(Trace(rows, recipe=Recipe(), meta={"classes": list("abcdefgh")})).exams


def test_a_gain_or_a_head_of_zeros_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The branches of timm's residual nets get no gradient at first, those of some transformers nor anything else."""
    from netvet.training import loop

    build = loop.build

    def zeroed(*args: Any) -> Any:
        model, statistics = build(*args)
        nn.init.zeros_(model.get_parameter("head.weight"))
        return model, statistics

    monkeypatch.setattr("netvet.exams.initial_signal.build", zeroed)
    _sentence, trace = examine(tmp_path, {"model.norm_after": "none"})
    assert trace.last("initial_grad_rms", "features.0.conv") == 0
    assert sound(trace)["own"]
