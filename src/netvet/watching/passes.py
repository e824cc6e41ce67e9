"""Forward passes as they are measured: the one that trains, and the copy of it where a compiled model trains.

A compiled model has no layers to look at: its hooks are left out of the graph, since a hook in it would make another
graph, and other rounding. So its pass is made again, layer by layer, just before the optimiser's step: the activations
of the training are freed by then, the weights have not moved yet. It starts from the same inputs, buffers, autocast and
(on a CPU) random numbers, writes to copies of the buffers, and saves nothing for a backward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from netvet.watching.layers import ChannelStats, unwrap
from netvet.watching.readings import first_tensor, kept_random_state

RARER = 5  # a copied pass costs a forward pass, so by default it is made at every fifth of the steps that are measured


class Pass:
    """One measured forward pass: how often each module was called with gradients, those that ran at all, and the weight
    layer that ran last.
    """

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}
        self.ran: set[str] = set()
        self.previous: nn.Module | None = None
        self.statistics = ChannelStats()


class Hook:
    """A hook that a copied or pickled model leaves behind, so that both work while it is watched."""

    def __init__(self, call: Callable[..., None]) -> None:
        self._call = call

    def __call__(self, *args: object) -> None:
        """Do what is hooked in; nothing is returned, so nothing changes."""
        self._call(*args)

    def __reduce__(self) -> tuple[Callable[[], Callable[..., None]], tuple[()]]:
        return _no_hook, ()


class Again:
    """A compiled model's call, remembered as it begins, so that it can be made once more without the compiler."""

    def __init__(self, model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self._model, self._args, self._kwargs = unwrap(model), args, kwargs
        self._buffers: dict[str, Any] = {n: b.detach().clone() for n, b in self._model.named_buffers()}
        self._random = torch.get_rng_state()
        images = first_tensor((args, kwargs))
        device = "cpu" if images is None else images.device.type
        self._autocast = torch.autocast(device, torch.get_autocast_dtype(device), torch.is_autocast_enabled(device))

    def run(self) -> None:
        """Call every layer, and its hooks."""
        with ExitStack() as stack:
            stack.enter_context(kept_random_state())
            stack.enter_context(torch.compiler.set_stance("force_eager"))
            stack.enter_context(self._autocast)
            stack.enter_context(torch.enable_grad())  # so that what runs under no_grad is told from what trains
            stack.enter_context(torch.autograd.graph.saved_tensors_hooks(_forget, _remember))
            torch.set_rng_state(self._random)
            torch.func.functional_call(self._model, self._buffers, self._args, dict(self._kwargs))


def is_compiled(model: nn.Module) -> bool:
    """Whether it is what `torch.compile` returned."""
    return "_orig_mod" in model._modules


def has_own_hooks(model: nn.Module) -> bool:
    """Whether somebody else hooks into a module's forward pass: a second pass would call those hooks twice."""
    tables = ((m._forward_hooks, m._forward_pre_hooks) for m in unwrap(model).modules())
    return any(not isinstance(hook, Hook) for pair in tables for table in pair for hook in table.values())


def _forget(_saved: Tensor) -> None:
    return None


def _remember(_nothing: object) -> Tensor:
    raise RuntimeError("a copied pass has no backward pass")


def _ignore(*_args: object) -> None:
    return None


def _no_hook() -> Callable[..., None]:
    return _ignore
