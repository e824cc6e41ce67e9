"""What users' models and loops do: each is trained bare and watched, bit for bit alike, and what is recorded is held
against a plain twin.
"""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune

from netvet.probe import watch
from netvet.trace import Trace
from tests.watching.loops import CLASSES, Optimize, Tell, adam, batches, net, plain, sgd, survive

LAYERS = ("0", "4", "10")
OUTPUTS = ("0", "2", "4", "6", "10")


def half_dead() -> nn.Module:
    """The small net with dead units: 2 of 8 and 3 of 12."""
    model = net()
    with torch.no_grad():
        model.get_parameter("1.bias")[:2] = -50.0
        model.get_parameter("5.bias")[:3] = -50.0
    return model


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
    def half(model: nn.Module, images: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits: Tensor = model(images)
        assert logits.dtype == torch.bfloat16
        return logits

    found = survive(tmp_path, half_dead, weights=LAYERS, train=partial(plain, forward=half))
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


class Probed(nn.Module):
    """A body that is only looked through, under no_grad, and a head that learns."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(2))
        self.head = nn.Sequential(nn.Linear(32, 6), nn.ReLU(), nn.Linear(6, CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            x = self.body(x).flatten(1)
        found: Tensor = self.head(x)
        return found


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


# --- torch.compile


def compiled(model: nn.Module, backend: str) -> nn.Module:
    torch._dynamo.reset()
    return cast(nn.Module, torch.compile(model, backend=backend))


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compiled(tmp_path: Path, backend: str) -> None:
    """The layers are measured too, in a copy of the pass: the same dropout, and running statistics moved once."""
    found = survive(tmp_path, half_dead, weights=LAYERS, wrap=partial(compiled, backend=backend))
    found.agrees(trained=LAYERS)
    found.outputs_agree(measured=OUTPUTS, rectifiers=("2", "6"))
    bare = survive(tmp_path / "bare", half_dead, weights=LAYERS).trace
    assert found.trace.names() == bare.names()
    for name in ("norm_mean_gap", "norm_std_gap", "entropy"):
        for place in bare.places(name):
            assert found.trace.series(name, place).values == pytest.approx(bare.series(name, place).values, rel=1e-4)


def test_compiled_with_autocast_and_a_frozen_body(tmp_path: Path) -> None:
    def half(model: nn.Module, images: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits: Tensor = model(images)
        return logits

    wrap = partial(compiled, backend="eager")
    train = partial(plain, forward=half)
    found = survive(tmp_path, Probed, weights=("head.0", "head.2", "body.0"), train=train, wrap=wrap)
    found.agrees(trained=("head.0", "head.2"), trainable=("head.0", "head.2", "body.0"))
    found.outputs_agree(measured=("head.0", "head.1", "head.2"), rectifiers=("head.1",))


def test_compiled_by_default_the_copied_pass_is_made_less_often(tmp_path: Path) -> None:
    model = compiled(net(), "eager")
    optimizer = sgd(model)
    with watch(model, optimizer, out=tmp_path) as vet:
        plain(model, optimizer, vet.step, steps=52)
    trace = Trace.open(tmp_path)
    assert trace.series("activation_std", "0").steps.tolist() == [0, 1, 2, 5, 50]
    assert trace.series("grad_norm", "0").steps.tolist() == [0, 1, 2, 5, 10, 20, 30, 40, 50]


def test_a_model_that_is_compiled_behind_the_watcher_says_so(tmp_path: Path) -> None:
    def wrap_later(model: nn.Module, optimizer: torch.optim.Optimizer, tell: Tell) -> None:
        plain(compiled(model, "eager"), optimizer, tell)

    with pytest.warns(RuntimeWarning, match="what torch.compile returned") as warned:
        found = survive(tmp_path, half_dead, weights=LAYERS, train=wrap_later)
    assert len(warned) == 1
    found.agrees(trained=LAYERS)
    assert found.trace.places("activation_std") == []


def test_a_compiled_model_with_hooks_of_its_own_is_not_run_twice(tmp_path: Path) -> None:
    calls: list[int] = []

    def build() -> nn.Module:
        model = half_dead()
        model.get_submodule("9").register_forward_hook(lambda *_args: calls.append(1))
        return model

    with pytest.warns(RuntimeWarning, match="would run twice"):
        found = survive(tmp_path, build, weights=LAYERS, wrap=partial(compiled, backend="eager"))
    assert len(calls) == 3 * 4
    found.agrees(trained=LAYERS)
    assert found.trace.places("activation_std") == []
