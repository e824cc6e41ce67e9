"""Readings on their way from the device to the trace, and what a hook finds in a model's inputs and outputs."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from netvet.trace import TraceWriter

Key = tuple[int, str, str]


class Readings:
    """Holds 0-dim tensors; those of one step are stacked on the device, and all are fetched at once."""

    def __init__(self, writer: TraceWriter) -> None:
        self._writer = writer
        self._step: list[tuple[Key, Tensor | float]] = []
        self._sealed: list[tuple[list[Key], Tensor | list[float]]] = []

    def add(self, step: int, name: str, value: Tensor | float, where: str = "") -> None:
        """Remember one reading."""
        self._step.append(((step, name, where), value))

    def add_all(self, step: int, name: str, values: Mapping[str, Tensor | float]) -> None:
        """Remember one probe's answer, all of it or none. Raises TypeError for what is no number."""
        for value in values.values():
            if not (isinstance(value, float | int) or (isinstance(value, Tensor) and value.ndim == 0)):
                raise TypeError(f"{name} gave a {type(value).__name__} that is no single number")
        for where, value in values.items():
            self.add(step, name, value, where)

    def seal(self) -> None:
        """The step is over: one small tensor for each device instead of many of one element."""
        groups: dict[torch.device | None, list[tuple[Key, Tensor | float]]] = {}
        for key, value in self._step:
            groups.setdefault(value.device if isinstance(value, Tensor) else None, []).append((key, value))
        for device, members in groups.items():
            keys = [key for key, _value in members]
            if device is None:
                self._sealed.append((keys, [float(value) for _key, value in members]))
            else:
                tensors = [value.detach() for _key, value in members if isinstance(value, Tensor)]
                self._sealed.append((keys, torch.stack([t if t.is_floating_point() else t.double() for t in tensors])))
        self._step = []

    def fetch(self) -> None:
        """Hand everything that is sealed to the trace, in the order it was measured."""
        for keys, values in self._sealed:
            numbers = values.tolist() if isinstance(values, Tensor) else values
            for (step, name, where), number in zip(keys, numbers, strict=True):
                self._writer.add(step, name, number, where)
        self._sealed = []


def first_tensor(value: object) -> Tensor | None:
    """The first tensor in nested tuples, lists and mappings; None where there is none."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, tuple | list):
        return next((found for found in map(first_tensor, value) if found is not None), None)
    return None


def logits_of(output: object) -> Tensor | None:
    """A model's logits: what it calls `logits`, else `out`, else the first tensor that it returns."""
    for name in ("logits", "out"):
        named = output.get(name) if isinstance(output, Mapping) else getattr(output, name, None)
        if isinstance(named, Tensor) and not isinstance(output, Tensor):
            return named
    return first_tensor(output)


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Whatever draws random numbers inside (a loader does), they are afterwards as they were: torch, NumPy, Python."""
    python = random.getstate()
    numpy = np.random.get_state()  # noqa: NPY002 - a user's transforms may draw from it
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
