"""Probes: measurements taken while training runs, each one file under `netvet.watching.probes`.

A probe is a function that reads a `Moment` (or a `Layer`, in the forward pass) and returns numbers; it changes nothing,
draws no random numbers and keeps no tensor of the model alive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import Tensor, nn

from netvet.base.observed import Kind, Observed
from netvet.base.pages import Paged
from netvet.base.registry import Registry
from netvet.watching.layers import ChannelStats, channel_axis

if TYPE_CHECKING:
    pass

At = Literal["forward", "before_step", "after_backward", "after_step", "end"]
Reading = Mapping[str, Tensor | float] | Tensor | float | None


@dataclass(frozen=True, eq=False)
class Moment:
    """What a probe may read of one optimiser step.

    `step`: optimiser steps from 0. `images`, `logits` (batch, classes): of the newest forward pass in training mode,
    None where the model was not called as a whole. `labels` and `loss` (0-dim): None before `end`. `weights`: the
    weight of each weight layer by path, in the order of the forward pass; of a parametrised one the parameter that it
    is computed from (see `layers.weight_of`). `start`, `before`: samples (see `layers.sample`) of those weights as they
    were at the run's first step, and just before this update (empty where no probe asks at `after_step`).
    """

    step: int
    model: nn.Module
    optimizer: torch.optim.Optimizer
    images: Tensor | None = None
    labels: Tensor | None = None
    logits: Tensor | None = None
    loss: Tensor | None = None
    weights: Mapping[str, nn.Parameter] = field(default_factory=dict)
    start: Mapping[str, Tensor] = field(default_factory=dict)
    before: Mapping[str, Tensor] = field(default_factory=dict)

    @cached_property
    def grad_norms(self) -> dict[int, Tensor]:
        """L2 norm (0-dim, float32) of the gradient of every parameter that has one, by the parameter's `id`.

        Without the factor of a GradScaler, also where a fused optimiser takes it off by itself.
        """
        owners = [p for p in self.model.parameters() if p.grad is not None]
        dense = [g.coalesce().values() if g.is_sparse else g for g in (p.grad for p in owners) if g is not None]
        found = norms(dense)
        factor = getattr(self.optimizer, "grad_scale", None)
        if isinstance(factor, Tensor):
            found = [norm / factor.to(norm.device) for norm in found]
        return {id(p): norm for p, norm in zip(owners, found, strict=True)}


@dataclass(frozen=True, eq=False)
class Layer:
    """One call of one layer in a forward pass; read it at once: a later layer may overwrite `output` in place.

    `name`: the module's path; a module's second call in one pass is `path:2`. `inputs`, `output`: its first tensor in
    and out. `previous`: the weight layer that ran before it in this pass.
    """

    name: str
    module: nn.Module
    inputs: Tensor
    output: Tensor
    model: nn.Module
    previous: nn.Module | None = None
    statistics: ChannelStats = field(default_factory=ChannelStats, repr=False)

    @property
    def output_statistics(self) -> tuple[Tensor, Tensor] | None:
        """Mean and biased variance (channels,) of each channel of the output; None where it has no channels."""
        return self.statistics.of(self.output, channel_axis(self.module, self.output))

    @property
    def input_statistics(self) -> tuple[Tensor, Tensor] | None:
        """Mean and biased variance (channels,) of each channel of the input; None where it has no channels."""
        return self.statistics.of(self.inputs, channel_axis(self.module, self.inputs))


Measure = Callable[[Any], Reading]


@dataclass(frozen=True)
class Probe(Paged):
    """A probe as registered: see `probe`."""

    name: str
    measure: Measure
    at: At
    every: int
    observed: Observed
    module: str


_PROBES = Registry[Probe]("netvet.watching.probes")


def probe(
    name: str, *, at: At, every: int = 10, unit: str = "", label: str = "", kind: Kind = "number"
) -> Callable[[Measure], Measure]:
    """Register a probe.

    `at` says when it is asked: `forward` (a `Layer`, after each layer's call), `after_backward` or `before_step` (a
    `Moment`: the gradients are there, as the optimiser will see them, so after any clipping), `after_step` (the
    weights have moved), `end` (the labels and the loss are known too). It answers with 0-dim tensors or floats: one
    for the layer or the run, or one for each place; or None where there is nothing to measure. `every`: optimiser
    steps between measurements. `unit`, `label`, `kind`: see `Observed`; the trace keeps them with what was measured.
    """
    if at not in get_args(At):
        raise ValueError(f"probe {name!r}: at={at!r} is none of {', '.join(get_args(At))}")

    def register(measure: Measure) -> Measure:
        moment: At = "before_step" if at == "after_backward" else at
        _PROBES.add(name, Probe(name, measure, moment, every, Observed(label, unit, kind), measure.__module__))
        return measure

    return register


def all_probes() -> dict[str, Probe]:
    """Every probe by name, found by walking `netvet.watching.probes`."""
    return _PROBES.all()


def norms(tensors: Sequence[Tensor]) -> list[Tensor]:
    """L2 norm of each tensor, 0-dim and at least float32.

    >>> [float(n) for n in norms([torch.tensor([3.0, 4.0]), torch.ones(2, 2)])]
    [5.0, 2.0]
    """
    if any(t.dtype in (torch.float16, torch.bfloat16) for t in tensors):  # one after another: no wide copy of them all
        return [torch.linalg.vector_norm(t, dtype=torch.promote_types(t.dtype, torch.float32)) for t in tensors]
    return list(torch._foreach_norm(list(tensors))) if tensors else []
