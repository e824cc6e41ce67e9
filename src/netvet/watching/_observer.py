"""Observers: they follow a loop of somebody's own from call to call, where a probe reads a single moment. Each is one
file under `netvet.watching.observers`.

An observer changes nothing, draws no random numbers and keeps no tensor of the model alive for longer than it says. On
a GPU it does not wait: what it records may be a 0-dim tensor, fetched with all other readings.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from netvet.base.observed import Observed
from netvet.base.pages import Paged
from netvet.base.registry import Registry
from netvet.locale import _
from netvet.trace import TraceWriter
from netvet.watching.readings import Readings


@dataclass(frozen=True, eq=False)
class Loop:
    """What is watched, and where an observer writes. `at()`: optimiser steps done."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    at: Callable[[], int]
    writer: TraceWriter
    readings: Readings

    def add(self, name: str, value: Tensor | float, where: str = "") -> None:
        """Record a number at this step. With labels, logits or gradients at hand give a 0-dim tensor, not `.item()`."""
        self.readings.add(self.at(), name, value, where)

    def meta(self, key: str, value: object) -> None:
        """Keep a plain value (anything JSON holds) for the run."""
        self.writer.meta(key, value)


class Observer:
    """Does nothing at every moment; a real one does something at some. Tensors are detached, and are the loop's own:
    they are not to be changed.
    """

    def __init__(self, loop: Loop) -> None:
        self.loop = loop

    def forward(self, images: Tensor | None, logits: Tensor | None, *, training: bool, grad: bool) -> None:
        """The model was called as a whole. `training`: its mode; `grad`: whether gradients are recorded."""

    def graph(self, logits: Tensor, ran: Collection[str]) -> None:
        """Before the first update: the model's output with its autograd graph, to be looked at and not kept, and the
        paths of the layers that ran (none where they cannot be seen, as in a compiled model).
        """

    def backward(self, gradient: Tensor) -> None:
        """The backward pass begins: `gradient` is that of the model's output; no parameter has its own as yet."""

    def before_step(self) -> None:
        """The optimiser is about to step: gradients are as it will see them."""

    def after_step(self) -> None:
        """The optimiser has stepped."""

    def batch(self, loss: Tensor, images: Tensor | None, labels: Tensor | None, logits: Tensor | None) -> None:
        """`vet.step` was called. `loss` as the loop gave it; `labels` as the loop gave them, whatever their form."""

    def validation_begins(self) -> None:
        """`vet.validate` was called; every module still has the mode that the loop left it in."""

    def validation_batch(self, images: Tensor, labels: Tensor, logits: Tensor) -> None:
        """One batch of validation, labels as the loader gave them."""

    def validated(self) -> None:
        """Validation is over, the model's modes are as they were: an epoch ends."""

    def finish(self) -> None:
        """A diagnosis is asked for, or the watching ends: what is held back is written. May be called again."""


Made = TypeVar("Made", bound=type[Observer])


@dataclass(frozen=True)
class ObserverLeaf(Paged):
    """An observer as registered: see `observer`. `gives`: what it records."""

    name: str
    make: Callable[[Loop], Observer]
    gives: Mapping[str, Observed]
    module: str


_OBSERVERS = Registry[ObserverLeaf]("netvet.watching.observers")


def observer(name: str, *, gives: Mapping[str, Observed | str]) -> Callable[[Made], Made]:
    """Register a class of observers. `gives`: the observations that it may record, and what each is, or its unit
    alone.
    """
    observed = {each: Observed(unit=what) if isinstance(what, str) else what for each, what in gives.items()}

    def register(made: Made) -> Made:
        _OBSERVERS.add(name, ObserverLeaf(name, made, observed, made.__module__))
        return made

    return register


def all_observers() -> dict[str, ObserverLeaf]:
    """Every observer by name, found by walking `netvet.watching.observers`."""
    return _OBSERVERS.all()


class Observers:
    """Every observer of one loop; one that raises is dropped for good, with a warning: training goes on."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._dropped: dict[str, str] = {}
        self._all: dict[str, Observer] = {}
        for name, leaf in all_observers().items():
            loop.writer.declare(leaf.gives)
            self._all[name] = leaf.make(loop)

    def notify(self, moment: str, *args: Any, **keywords: Any) -> None:
        """Call a method of every observer."""
        for name, each in list(self._all.items()):
            try:
                with torch.no_grad():
                    getattr(each, moment)(*args, **keywords)
            except Exception as error:  # whatever it is, training goes on
                self._drop(name, error)

    def _drop(self, name: str, error: Exception) -> None:
        del self._all[name]
        self._dropped[name] = reason = f"{type(error).__name__}: {error}"
        self._loop.meta("dropped_observers", self._dropped)
        sentence = _("The observer {name} failed at step {step} and is not asked again ({error}); training goes on.")
        warnings.warn(sentence.format(name=name, step=self._loop.at(), error=reason), RuntimeWarning, stacklevel=4)
