"""What watching costs: step time watched over unwatched, for a small CNN and ResNet-18.

    python -m benchmarks.overhead            a table
    python -m benchmarks.overhead --json     {"small-cnn": 1.02, "resnet18": 1.01}

Two equal models train side by side on the same batch, one of them watched with the default probes every 10 steps. They
take turns step by step, so what else the machine does hits both. Ten steps of each make a block: the watched one holds
one step that is measured, and one write of the trace (by default a write comes every 50 steps). Each of the ten steps
counts with its median over the blocks, so that a step in which the machine was away does not; the result is the ratio
of the two sums, the interval (95 %) a bootstrap over blocks. Forward passes run in bfloat16 with channels_last where
the processor gains by it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torchvision  # type: ignore[import-untyped,unused-ignore]
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from netvet.probe import watch
from netvet.recipe import Recipe
from netvet.training.device import choose
from netvet.watching.watcher import Watcher

BLOCK = 10  # steps
CLASSES = 23


@dataclass(frozen=True)
class Cost:
    """`ratio`: watched over unwatched; `low`, `high`: its 95 % interval; `step`: unwatched, seconds."""

    ratio: float
    low: float
    high: float
    step: float


def small_cnn() -> nn.Module:
    widths = (3, 24, 48, 96, 192)
    blocks: list[nn.Module] = []
    for before, after in pairwise(widths):
        convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
        blocks += [convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], CLASSES))


def resnet18() -> nn.Module:
    model: nn.Module = torchvision.models.resnet18(num_classes=CLASSES)
    return model


MODELS: dict[str, tuple[Callable[[], nn.Module], int]] = {"small-cnn": (small_cnn, 64), "resnet18": (resnet18, 32)}


def measure(name: str, pairs: int) -> Cost:
    """Train `pairs` blocks of each kind, and one before them that does not count."""
    build, size = MODELS[name]
    machine = choose(Recipe())
    images = torch.randn(size, 3, 64, 64, device=machine.device).to(memory_format=torch.channels_last)
    labels = torch.randint(CLASSES, (size,), device=machine.device)
    times = np.zeros((2, pairs + 1, BLOCK))  # seconds: unwatched and watched, block, step
    with tempfile.TemporaryDirectory() as folder:
        sides: dict[bool, tuple[nn.Module, torch.optim.Optimizer, Watcher | None]] = {}
        for watched in (False, True):
            torch.manual_seed(0)
            model = build().to(machine.device).to(memory_format=torch.channels_last)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
            sides[watched] = (model, optimizer, watch(model, optimizer, out=Path(folder)) if watched else None)

        def step(watched: bool, last: bool) -> float:
            model, optimizer, vet = sides[watched]
            began = time.perf_counter()
            with machine.autocast():
                logits: Tensor = model(images)
            loss = cross_entropy(logits.float(), labels)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
            if vet is not None:
                vet.step(loss=loss, labels=labels)
                if last:
                    vet.flush()
            if machine.device.type == "cuda":
                torch.cuda.synchronize()
            return time.perf_counter() - began

        for block, turn in np.ndindex(pairs + 1, BLOCK):
            for watched in (False, True) if turn % 2 else (True, False):
                times[int(watched), block, turn] = step(watched, last=turn == BLOCK - 1)
        vet = sides[True][2]
        assert vet is not None
        vet.close()
    times = times[:, 1:]  # the first block holds the early steps, all of which are measured
    draws = np.random.default_rng(0).integers(pairs, size=(1000, pairs))
    low, high = np.quantile([_ratio(times[:, draw]) for draw in draws], (0.025, 0.975))
    return Cost(_ratio(times), float(low), float(high), float(np.median(times[0])))


def _ratio(times: NDArray[np.float64]) -> float:
    unwatched, watched = np.median(times, axis=1).sum(axis=1)
    return float(watched / unwatched)


def main() -> None:
    parser = argparse.ArgumentParser(description="Step time watched over unwatched.")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--blocks", type=int, default=40, help="blocks of 10 steps of each kind (default 40)")
    arguments = parser.parse_args()
    costs = {name: measure(name, arguments.blocks) for name in MODELS}
    if arguments.json:
        print(json.dumps({name: round(cost.ratio, 3) for name, cost in costs.items()}))
        return
    machine = choose(Recipe())
    threads = torch.get_num_threads()
    print(f"{machine.device.type}, {machine.precision}, {threads} threads, {arguments.blocks} blocks of {BLOCK} steps")
    print(f"{'model':<12}{'step, ms':>10}{'watched / unwatched':>22}{'95 % interval':>18}")
    for name, cost in costs.items():
        print(f"{name:<12}{1e3 * cost.step:>10.1f}{cost.ratio:>22.3f}{cost.low:>12.3f}..{cost.high:.3f}")


if __name__ == "__main__":
    main()
