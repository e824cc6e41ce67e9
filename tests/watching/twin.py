"""A plain twin of a watched training, which says what is right; and the three trainings that are held together."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from netvet.trace import Trace
from netvet.watching import watch
from tests.watching.loops import Optimize, Train, plain, sgd


@dataclass
class Twin:
    """What PyTorch's own hooks saw of a training without netvet, in double precision, step by step.

    `gradients`: L2 norm by parameter, as the optimiser's step began; `weights`: by parameter, before each step and
    after the last; `outputs`: by module path mean, standard deviation and share of channels that are all zero, of the
    first call in the step's first pass that trains.
    """

    gradients: list[dict[str, float]] = field(default_factory=list)
    weights: list[dict[str, Tensor]] = field(default_factory=list)
    outputs: list[dict[str, tuple[float, float, float]]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    passes: int = 0

    @contextmanager
    def of(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[None]:
        """Look at a training."""
        names = {id(p): name for name, p in model.named_parameters()}

        def weights() -> dict[str, Tensor]:
            return {name: p.detach().double().clone() for name, p in model.named_parameters()}

        def enter(module: nn.Module, _args: object) -> None:
            self.passes += module.training and torch.is_grad_enabled()
            if len(self.outputs) == len(self.gradients):
                self.outputs.append({})

        def leave(path: str) -> Callable[[nn.Module, Any, Any], None]:
            def hook(_module: nn.Module, _args: object, output: object) -> None:
                if not isinstance(output, Tensor) or not torch.is_grad_enabled() or not model.training:
                    return
                if self.passes == 1 and path not in self.outputs[-1]:
                    exact = output.detach().double()
                    rest = [axis for axis in range(exact.ndim) if axis != 1]
                    dead = (exact == 0).all(rest[0]) if len(rest) == 1 else (exact == 0).all(3).all(2).all(0)
                    self.outputs[-1][path] = (
                        exact.mean().item(),
                        exact.std(correction=0).item(),
                        dead.double().mean().item(),
                    )

            return hook

        def before(*_args: object) -> None:
            scale = getattr(optimizer, "grad_scale", None)
            factor = 1.0 if scale is None else float(scale)
            owners = [p for p in model.parameters() if p.grad is not None]
            self.gradients.append({names[id(p)]: p.grad.double().norm().item() / factor for p in owners})  # type: ignore[union-attr]
            self.weights.append(weights())

        def after(*_args: object) -> None:
            self.passes = 0

        kinds = (nn.Conv2d, nn.Linear)  # parametrised ones have children
        leaves = [(p, m) for p, m in model.named_modules() if isinstance(m, kinds) or next(m.children(), None) is None]
        handles = [m.register_forward_hook(leave(p)) for p, m in leaves]
        handles += [
            model.register_forward_pre_hook(enter),
            optimizer.register_step_pre_hook(before),
            optimizer.register_step_post_hook(after),
        ]
        yield
        self.weights.append(weights())
        for handle in handles:
            handle.remove()


@dataclass(frozen=True)
class Survived:
    """`trace`: of the watched training. `twin`: the truth about the same training unwatched."""

    trace: Trace
    twin: Twin
    weights: Sequence[str]

    def agrees(
        self,
        *,
        trained: Sequence[str],
        trainable: Sequence[str] = (),
        parameter: Callable[[str], str] = "{}.weight".format,
    ) -> None:
        """What is recorded of the weight layers is what the twin saw. `trained`: those that have a gradient.

        `trainable`: those that could have one, if others. `parameter`: the name of a layer's weight among the model's.
        """
        trace, twin = self.trace, self.twin
        steps = len(twin.gradients)
        assert trace.places("weight_norm") == list(self.weights) == trace.meta["layers"]
        for name in ("grad_norm", "grad_rms", "update_ratio"):
            assert [place for place in trace.places(name) if place] == list(trained), name
        assert trace.places("weight_distance") == list(trainable or trained)
        for layer in self.weights:
            w = [step[parameter(layer)] for step in twin.weights]
            self._is("weight_norm", layer, [x.norm().item() for x in w[:steps]])
            if layer in trained:
                grads = [step[parameter(layer)] for step in twin.gradients]
                self._is("grad_norm", layer, grads)
                self._is("grad_rms", layer, [g / w[0].numel() ** 0.5 for g in grads])
                moved = [((b - a).norm() / a.norm()).item() for a, b in pairwise(w)]
                self._is("update_ratio", layer, moved)
                self._is("weight_distance", layer, [((x - w[0]).norm() / w[0].norm()).item() for x in w[:steps]])
        whole = [sum(g**2 for g in step.values()) ** 0.5 for step in twin.gradients]
        self._is("grad_norm", "", whole)

    def outputs_agree(self, *, measured: Sequence[str], rectifiers: Sequence[str] = ()) -> None:
        """What is recorded of the layers' outputs is what the twin saw at the first call of each."""
        trace, twin = self.trace, self.twin
        assert [place for place in trace.places("activation_mean") if ":" not in place] == list(measured)
        assert [place for place in trace.places("dead_fraction") if ":" not in place] == list(rectifiers)
        for layer in measured:
            self._is("activation_mean", layer, [step[layer][0] for step in twin.outputs])
            self._is("activation_std", layer, [step[layer][1] for step in twin.outputs])
        for layer in rectifiers:
            self._is("dead_fraction", layer, [step[layer][2] for step in twin.outputs])

    def _is(self, name: str, where: str, expected: Sequence[float]) -> None:
        series = self.trace.series(name, where)
        assert series.steps.tolist() == list(range(len(expected))), (name, where)
        assert series.values == pytest.approx(expected, rel=5e-3, abs=2e-6), (name, where)


def survive(
    out: Path,
    build: Callable[[], nn.Module],
    *,
    weights: Sequence[str],
    train: Train = plain,
    optimize: Optimize = sgd,
    wrap: Callable[[nn.Module], nn.Module] | None = None,
) -> Survived:
    """Train three times from one seed: bare, with PyTorch's own hooks, watched at every step with every probe.

    The bare and the watched training must end alike, bit for bit: weights, buffers, the optimiser's state and every
    random number generator. `wrap`: compiles or wraps the model (the twin's is left as it is).
    """
    twin = Twin()

    def once(kind: str) -> tuple[dict[str, Tensor], Any, Tensor, Any, Any, list[float]]:
        torch.manual_seed(0)
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002 - the state that a user's transforms draw from
        model = build()
        optimizer = optimize(model)
        losses: list[float] = []

        def tell(*, loss: Tensor | float, labels: Tensor | None = None) -> None:
            losses.append(float(torch.as_tensor(loss).detach()))

        called = wrap(model) if wrap is not None and kind != "twin" else model
        if kind == "twin":
            with twin.of(model, optimizer):
                train(called, optimizer, tell)
        elif kind == "watched":
            with watch(called, optimizer, out=out, every=1) as vet:

                def both(*, loss: Tensor | float, labels: Tensor | None = None) -> None:
                    tell(loss=loss)
                    vet.step(loss=loss, labels=labels)

                train(called, optimizer, both)
        else:
            train(called, optimizer, tell)
        state = {name: value.clone() for name, value in model.state_dict().items()}
        generators = (torch.get_rng_state(), random.getstate(), np.random.get_state())  # noqa: NPY002
        return state, optimizer.state_dict(), *generators, losses

    bare, _twin, watched = once("bare"), once("twin"), once("watched")
    assert bare[0].keys() == watched[0].keys()
    for name, value in bare[0].items():
        assert torch.equal(value, watched[0][name]), name
    assert bare[1]["state"].keys() == watched[1]["state"].keys()
    for index, state in bare[1]["state"].items():
        for key, value in state.items():
            other = watched[1]["state"][index][key]
            assert torch.equal(value, other) if isinstance(value, Tensor) else value == other
    assert torch.equal(bare[2], watched[2])
    assert bare[3] == watched[3]
    assert all(np.array_equal(a, b) for a, b in zip(bare[4], watched[4], strict=True))
    assert bare[5] == watched[5]
    trace = Trace.open(out)
    assert "dropped_probes" not in trace.meta
    return Survived(trace, twin, weights)
