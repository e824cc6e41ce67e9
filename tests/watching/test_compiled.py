"""torch.compile: training is left alone, and the layers are measured in a copy of the pass."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import cast

import pytest
import torch
from torch import nn

from netvet.trace import Trace
from netvet.watching import watch
from tests.watching.loops import LAYERS, OUTPUTS, Probed, Tell, autocast, half_dead, net, plain, sgd
from tests.watching.twin import survive


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
    assert set(found.trace.names()) == set(bare.names())
    for name in ("norm_mean_gap", "norm_std_gap", "entropy"):
        for place in bare.places(name):
            assert found.trace.series(name, place).values == pytest.approx(bare.series(name, place).values, rel=1e-4)


def test_compiled_with_autocast_and_a_frozen_body(tmp_path: Path) -> None:
    wrap = partial(compiled, backend="eager")
    train = partial(plain, forward=autocast)
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
