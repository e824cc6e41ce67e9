"""What users' models and loops do: each is trained bare and watched, bit for bit alike, and what is recorded is held
against a plain twin.
"""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune

from tests.watching.loops import (
    CLASSES,
    LAYERS,
    OUTPUTS,
    Optimize,
    Probed,
    Tell,
    adam,
    autocast,
    batches,
    half_dead,
    net,
    plain,
    sgd,
)
from tests.watching.twin import survive


@pytest.mark.parametrize("optimize", [sgd, adam])
def test_in_place_relu(tmp_path: Path, optimize: Optimize) -> None:
    found = survive(tmp_path, half_dead, weights=LAYERS, optimize=optimize)
    found.agrees(trained=LAYERS)
    found.outputs_agree(measured=OUTPUTS, rectifiers=("2", "6"))
    assert found.trace.last("dead_fraction", "2") == pytest.approx(2 / 8)
    assert found.trace.last("dead_fraction", "6") == pytest.approx(3 / 12)


def test_channels_last(tmp_path: Path) -> None:
    found = survive(tmp_path, lambda: half_dead().to(memory_format=torch.channels_last), weights=LAYERS)
    found.agrees(trained=LAYERS)
    found.outputs_agree(measured=OUTPUTS, rectifiers=("2", "6"))


def test_frozen_layers(tmp_path: Path) -> None:
    def build() -> nn.Module:
        model = net()
        model[0].requires_grad_(False)
        model[1].requires_grad_(False)
        model[1].eval()
        return model

    found = survive(tmp_path, build, weights=LAYERS)
    found.agrees(trained=("4", "10"))
    found.outputs_agree(measured=OUTPUTS, rectifiers=("2", "6"))
    assert found.trace.places("norm_mean_gap") == ["5"]


class Shared(nn.Module):
    """One block that runs twice; its activation three times."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(48, 16)
        self.block = nn.Linear(16, 16)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(16, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.stem(F.avg_pool2d(x, 3).flatten(1)))
        x = self.relu(self.block(x))
        x = self.relu(self.block(x))
        found: Tensor = self.head(x)
        return found


def test_shared_layers(tmp_path: Path) -> None:
    layers = ("stem", "block", "head")
    found = survive(tmp_path, Shared, weights=layers)
    found.agrees(trained=layers)  # the gradient of a shared weight is the sum over its calls
    found.outputs_agree(measured=("stem", "relu", "block", "head"), rectifiers=("relu",))
    assert found.trace.places("activation_std") == ["stem", "relu", "block", "relu:2", "block:2", "relu:3", "head"]
    torch.manual_seed(0)
    model = Shared()
    first = model.relu(model.block(model.relu(model.stem(F.avg_pool2d(batches(1)[0][0], 3).flatten(1)))))
    second = model.block(first)
    assert found.trace.series("activation_mean", "block:2").first == pytest.approx(second.mean().item(), rel=1e-4)


class Tied(Shared):
    """A layer of its own with the weight of another."""

    def __init__(self) -> None:
        super().__init__()
        self.tied = nn.Linear(16, 16)
        self.tied.weight = self.block.weight

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.tied(self.relu(self.block(self.relu(self.stem(F.avg_pool2d(x, 3).flatten(1)))))))
        found: Tensor = self.head(x)
        return found


def test_weight_tying(tmp_path: Path) -> None:
    layers = ("stem", "block", "head")
    found = survive(tmp_path, Tied, weights=layers)
    found.agrees(trained=layers)  # the tied weight is there once, at its first layer
    found.outputs_agree(measured=("stem", "relu", "block", "tied", "head"), rectifiers=("relu",))
    parameters = sum(p.numel() for p in Tied().parameters())
    assert found.trace.last("parameters") == parameters


def test_autocast(tmp_path: Path) -> None:
    found = survive(tmp_path, half_dead, weights=LAYERS, train=partial(plain, forward=autocast))
    found.agrees(trained=LAYERS)
    found.outputs_agree(measured=OUTPUTS, rectifiers=("2", "6"))


def fused_adam(model: nn.Module) -> torch.optim.Optimizer:
    """It takes the scaler's factor off by itself, within its step."""
    return torch.optim.Adam(model.parameters(), lr=1e-2, fused=True)


@pytest.mark.parametrize("clip", [False, True], ids=["", "clipped"])
@pytest.mark.parametrize("optimize", [sgd, fused_adam])
def test_gradient_scaler(tmp_path: Path, optimize: Optimize, clip: bool) -> None:
    def train(model: nn.Module, optimizer: torch.optim.Optimizer, tell: Tell) -> None:
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        for images, labels in batches(4):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = model(images)
            loss = F.cross_entropy(logits.float(), labels)
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            if clip:
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            scaler.step(optimizer)
            scaler.update()
            tell(loss=loss, labels=labels)

    found = survive(tmp_path, half_dead, weights=LAYERS, train=train, optimize=optimize)
    found.agrees(trained=LAYERS)  # gradients as the optimiser applies them: without the factor, after clipping
    found.outputs_agree(measured=OUTPUTS, rectifiers=("2", "6"))
    assert found.trace.series("grad_norm").values.max() < (0.11 if clip else 10)


def test_a_step_that_the_scaler_leaves_out_is_not_counted(tmp_path: Path) -> None:
    def train(model: nn.Module, optimizer: torch.optim.Optimizer, tell: Tell) -> None:
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        for turn, (images, labels) in enumerate(batches(4)):
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            if turn == 1:  # as an overflow in half precision does
                grad = model.get_parameter("10.bias").grad
                assert grad is not None
                grad[0] = torch.inf
            scaler.step(optimizer)
            scaler.update()
            tell(loss=loss, labels=labels)

    found = survive(tmp_path, net, weights=LAYERS, train=train)
    found.agrees(trained=LAYERS)
    assert found.trace.series("loss").steps.tolist() == [0, 1, 2]
    assert np.isfinite(found.trace.series("grad_norm").values).all()


def test_group_norm(tmp_path: Path) -> None:
    def build() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, bias=False), nn.GroupNorm(2, 8), nn.ReLU(), nn.Flatten(), nn.Linear(800, CLASSES)
        )

    found = survive(tmp_path, build, weights=("0", "4"))
    found.agrees(trained=("0", "4"))
    found.outputs_agree(measured=("0", "2", "4"), rectifiers=("2",))
    assert found.trace.places("norm_mean_gap") == found.trace.places("norm_std_gap") == []
    assert found.trace.places("grad_norm") == ["0", "4", ""]


def test_gradient_accumulation(tmp_path: Path) -> None:
    def train(model: nn.Module, optimizer: torch.optim.Optimizer, tell: Tell) -> None:
        for turn, (images, labels) in enumerate(batches(9)):
            loss = F.cross_entropy(model(images), labels)
            (loss / 3).backward()
            if turn % 3 == 2:
                optimizer.step()
                optimizer.zero_grad()
            tell(loss=loss, labels=labels)

    found = survive(tmp_path, half_dead, weights=LAYERS, train=train)
    found.agrees(trained=LAYERS)  # the gradient is that of all three batches
    found.outputs_agree(measured=OUTPUTS, rectifiers=("2", "6"))  # the outputs are those of the first


def test_two_forward_passes_a_step(tmp_path: Path) -> None:
    def twice(model: nn.Module, images: Tensor) -> Tensor:
        first: Tensor = model(images)
        second: Tensor = model(100 * images)
        return first + second

    found = survive(tmp_path, half_dead, weights=LAYERS, train=partial(plain, forward=twice))
    found.agrees(trained=LAYERS)
    found.outputs_agree(measured=OUTPUTS, rectifiers=("2", "6"))


def test_passes_that_do_not_train_are_not_measured(tmp_path: Path) -> None:
    def peeked(model: nn.Module, images: Tensor) -> Tensor:
        with torch.no_grad():
            model(50 * images)
        model.eval()
        model(50 * images)
        model.train()
        with torch.inference_mode():
            model(50 * images)
        logits: Tensor = model(images)
        with torch.no_grad():
            model(50 * images)
        return logits

    found = survive(tmp_path, half_dead, weights=LAYERS, train=partial(plain, forward=peeked))
    found.agrees(trained=LAYERS)
    found.outputs_agree(measured=OUTPUTS, rectifiers=("2", "6"))


def test_a_module_called_under_no_grad(tmp_path: Path) -> None:
    found = survive(tmp_path, Probed, weights=("head.0", "head.2", "body.0"))
    found.agrees(trained=("head.0", "head.2"), trainable=("head.0", "head.2", "body.0"))
    found.outputs_agree(measured=("head.0", "head.1", "head.2"), rectifiers=("head.1",))


PARAMETRISED: dict[str, tuple[Callable[[nn.Module], object], str]] = {
    "weight norm": (parametrizations.weight_norm, "parametrizations.weight.original1"),
    "spectral norm": (parametrizations.spectral_norm, "parametrizations.weight.original"),
    "orthogonal": (parametrizations.orthogonal, "parametrizations.weight.original"),
    "pruned": (lambda module: prune.random_unstructured(module, "weight", 0.3), "weight_orig"),
    "old weight norm": (torch.nn.utils.weight_norm, "weight_v"),
    "old spectral norm": (torch.nn.utils.spectral_norm, "weight_orig"),
}


@pytest.mark.parametrize("kind", PARAMETRISED)
def test_parametrised_weights(tmp_path: Path, kind: str) -> None:
    """The parameter that the weight is computed from stands for it; spectral norm's iteration is left alone."""
    change, original = PARAMETRISED[kind]

    def build() -> nn.Module:
        model = half_dead()
        change(model.get_submodule("4"))
        return model

    found = survive(tmp_path, build, weights=LAYERS)
    found.agrees(trained=LAYERS, parameter=lambda layer: f"4.{original}" if layer == "4" else f"{layer}.weight")
    found.outputs_agree(measured=OUTPUTS, rectifiers=("2", "6"))
