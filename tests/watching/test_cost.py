"""What watching costs, counted rather than timed: calls, operations and bytes."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from netvet.trace import Trace
from netvet.watching import norms, watch
from netvet.watching.layers import SAMPLE
from tests.watching.loops import CLASSES, sgd


class Operations(TorchDispatchMode):
    """Counts operations, and the bytes of all tensors that were made inside and still live: now, and at most."""

    def __init__(self) -> None:
        super().__init__()
        self.count = self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.count += 1
        for each in result if isinstance(result, tuple | list) else (result,):
            if isinstance(each, Tensor):
                self._see(each.untyped_storage())
        return result

    def _see(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self._known:
            self._known.add(key)
            self.live += storage.nbytes()
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._forget, key, storage.nbytes())

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


def tower(depth: int, width: int = 4) -> nn.Sequential:
    blocks = [
        nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        for _ in range(depth)
    ]
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, CLASSES))


def step(model: nn.Module, optimizer: torch.optim.Optimizer, tell: Callable[..., None], width: int, size: int) -> None:
    images = torch.randn(8, width, size, size)
    loss = F.cross_entropy(model(images), torch.arange(8) % CLASSES)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    tell(loss=loss, labels=torch.arange(8) % CLASSES)


def calls(out: Path, model: nn.Module) -> tuple[int, int]:
    """Python calls and operations of one step in which every probe measures, beyond those of an unwatched one."""
    seen: dict[bool, tuple[int, int]] = {}
    for watched in (False, True):
        optimizer = sgd(model)
        vet = watch(model, optimizer, out=out, every=1) if watched else None
        tell = vet.step if vet is not None else lambda **_nothing: None
        step(model, optimizer, tell, 4, 8)
        count = 0

        def tick(_frame: object, event: str, _argument: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        with Operations() as operations:
            step(model, optimizer, tell, 4, 8)
        sys.setprofile(tick)
        try:
            step(model, optimizer, tell, 4, 8)
        finally:
            sys.setprofile(None)
        seen[watched] = count, operations.count
        if vet is not None:
            vet.close()
    return seen[True][0] - seen[False][0], seen[True][1] - seen[False][1]


def test_a_step_costs_in_proportion_to_the_layers(tmp_path: Path) -> None:
    small, large = calls(tmp_path, tower(6)), calls(tmp_path, tower(48))
    for few, many in zip(small, large, strict=True):
        assert 0 < many <= 8 * few


def test_a_step_that_is_not_measured_makes_no_operation_for_a_layer(tmp_path: Path) -> None:
    extra: list[int] = []
    for depth in (4, 24):
        model = tower(depth)
        optimizer = sgd(model)
        with watch(model, optimizer, out=tmp_path) as vet:
            for _ in range(10):
                with Operations() as watched:
                    step(model, optimizer, vet.step, 4, 8)
        with Operations() as bare:
            step(model, optimizer, lambda **_nothing: None, 4, 8)
        extra.append(watched.count - bare.count)
    assert extra[0] == extra[1]


@pytest.mark.parametrize("optimize", [sgd, lambda model: torch.optim.Adam(model.parameters())], ids=["sgd", "adam"])
def test_memory(tmp_path: Path, optimize: Callable[[nn.Module], torch.optim.Optimizer]) -> None:
    """The most that lives at once in a step where every probe measures, against an unwatched one: at most 5 % more."""
    peaks: dict[bool, int] = {}
    for watched in (False, True):
        with Operations() as operations:
            model = tower(8, 32)
            optimizer = optimize(model)
            vet = watch(model, optimizer, out=tmp_path, every=1) if watched else None
            for _ in range(3):
                step(model, optimizer, vet.step if vet is not None else lambda **_nothing: None, 32, 16)
        peaks[watched] = operations.peak
    assert peaks[True] <= 1.05 * peaks[False]


def test_what_is_kept_of_a_large_layer_is_a_sample(tmp_path: Path) -> None:
    live: dict[bool, int] = {}
    for watched in (False, True):
        model = nn.Linear(2000, 1000)
        optimizer = sgd(model)
        vet = watch(model, optimizer, out=tmp_path, every=1) if watched else None
        loss = model(torch.randn(4, 2000)).square().mean()
        loss.backward()
        with Operations() as operations:
            optimizer.step()
        if vet is not None:
            vet.step(loss=loss)
            vet.close()
        live[watched] = operations.live
    assert live[True] - live[False] <= 4 * 4 * SAMPLE
    start = Trace.open(tmp_path).array("weight_start", "model")
    assert start is not None
    assert len(start) <= SAMPLE


def test_norms_of_halves_do_not_copy_them_all() -> None:
    tensors = [torch.full((100, 100), 0.5, dtype=torch.bfloat16) for _ in range(20)]
    with Operations() as operations:
        found = norms(tensors)
    assert [float(n) for n in found] == pytest.approx([50.0] * 20)
    assert operations.peak <= 2 * 4 * 100 * 100


def test_predictions_that_are_views_do_not_keep_what_they_are_views_of(tmp_path: Path) -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(3, CLASSES)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.head(x)[:, 0]
            return found

    model = Tokens()
    optimizer = sgd(model)
    with watch(model, optimizer, out=tmp_path) as vet, Operations() as operations:
        for _ in range(4):
            logits = model(torch.randn(8, 500, 3))
            loss = F.cross_entropy(logits, torch.arange(8) % CLASSES)
            loss.backward()
            optimizer.step()
            vet.step(loss=loss, labels=torch.arange(8) % CLASSES)
            del logits, loss
    kept = 8 * 500 * 3 * 4  # the one batch of images that is asked about again in evaluation mode
    assert operations.live < kept + 8 * 500 * CLASSES * 4  # and less than one batch of tokens
