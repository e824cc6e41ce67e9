"""What watching costs: step time watched over unwatched, beside other tools, over the size of the net, and in memory.

    python -m benchmarks.overhead                     tables
    python -m benchmarks.overhead --json              {"small-cnn": 1.02, "resnet18": 1.01, "peers": {...},
                                                       "scaling": {...}, "memory": {...}}
    python -m benchmarks.overhead --only netvet       only some of: netvet, peers, scaling, memory

Two equal models train side by side on the same batch, one of them watched with the default probes every 10 steps. They
take turns step by step, so what else the machine does hits both. Ten steps of each make a block: the watched one holds
one step that is measured, and one write of the trace (by default a write comes every 50 steps). Each of the ten steps
counts with its median over the blocks, so that a step in which the machine was away does not; the result is the ratio
of the two sums, the interval (95 %) a bootstrap over blocks. Forward passes run in bfloat16 with channels_last where
the processor gains by it.

- peers: each tool in a process of its own, in its own environment (`benchmarks/peers_environment.sh`), in turns with an
  unwatched model and one that netvet watches; see `benchmarks.overhead_peers`.
- scaling: the small CNN with 0.1, 1 and 10 million parameters. `extra_ms`: what watching adds to a step, on average.
- memory: the peak of the resident memory of a process that trains watched, over one that trains unwatched; the median
  of three pairs.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torchvision  # type: ignore[import-untyped,unused-ignore]
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from netvet.nets.device import Machine, choose
from netvet.recipe import Recipe
from netvet.watching import watch

BLOCK = 10  # steps
CLASSES = 23
PARTS = ("netvet", "peers", "scaling", "memory")
SIZES = {"0.1M": 16, "1M": 51, "10M": 163}
"""Widths of the small CNN for so many parameters."""
ROOT = Path(__file__).parents[1]

Times = NDArray[np.float64]
Step = Callable[[Tensor, Tensor, bool], None]
"""One optimiser step on images and labels; the flag: the last of a block, when what was measured is written."""
Side = Callable[[nn.Module, Machine, Path, ExitStack], Step]
"""Makes a model's step, with a tool hooked in that may write to a folder; the stack closes it."""


@dataclass(frozen=True)
class Cost:
    """`ratio`: watched over unwatched; `low`, `high`: its 95 % interval; `step`: unwatched, seconds; `extra`: seconds
    that watching adds to a step on average.
    """

    ratio: float
    low: float
    high: float
    step: float
    extra: float


def small_cnn(width: int = 24) -> nn.Module:
    widths = (3, width, 2 * width, 4 * width, 8 * width)
    blocks: list[nn.Module] = []
    for before, after in pairwise(widths):
        convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
        blocks += [convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], CLASSES))


def plain_cnn() -> nn.Module:
    """Without norms and without operations in place, which some tools cannot take."""
    widths = (3, 24, 48, 96, 192)
    blocks: list[nn.Module] = []
    for before, after in pairwise(widths):
        blocks += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], CLASSES))


def resnet18() -> nn.Module:
    model: nn.Module = torchvision.models.resnet18(num_classes=CLASSES)
    return model


MODELS: dict[str, tuple[Callable[[], nn.Module], int]] = {"small-cnn": (small_cnn, 64), "resnet18": (resnet18, 32)}


def unwatched(model: nn.Module, machine: Machine, _folder: Path, _stack: ExitStack) -> Step:
    optimizer = sgd(model)

    def step(images: Tensor, labels: Tensor, _last: bool) -> None:
        advance(model, optimizer, machine, images, labels)

    return step


def watched(model: nn.Module, machine: Machine, folder: Path, stack: ExitStack) -> Step:
    optimizer = sgd(model)
    vet = stack.enter_context(watch(model, optimizer, out=folder))

    def step(images: Tensor, labels: Tensor, last: bool) -> None:
        vet.step(loss=advance(model, optimizer, machine, images, labels), labels=labels)
        if last:
            vet.flush()

    return step


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)


def advance(
    model: nn.Module, optimizer: torch.optim.Optimizer, machine: Machine, images: Tensor, labels: Tensor
) -> Tensor:
    """A bare step; gives the loss."""
    with machine.autocast():
        logits: Tensor = model(images)
    loss = cross_entropy(logits.float(), labels)
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    optimizer.step()
    return loss


def race(
    build: Callable[[], nn.Module],
    size: int,
    sides: Mapping[str, Side],
    blocks: int,
    machine: Machine,
    pixels: int = 64,
    budget: float = math.inf,
) -> dict[str, Times]:
    """Seconds of each step, (blocks, BLOCK), of each side. A first block does not count: the early steps are in it.

    `budget`: seconds after which no further block is begun, once one counts.
    """
    over = time.monotonic() + budget
    images = torch.randn(size, 3, pixels, pixels, device=machine.device).to(memory_format=torch.channels_last)
    labels = torch.randint(CLASSES, (size,), device=machine.device)
    times = {name: np.zeros((blocks + 1, BLOCK)) for name in sides}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        steps: dict[str, Step] = {}
        for name, side in sides.items():
            torch.manual_seed(0)
            model = build().to(machine.device).to(memory_format=torch.channels_last)
            steps[name] = side(model, machine, Path(folder) / name, stack)
        names = list(sides)
        done = 0
        for block, turn in np.ndindex(blocks + 1, BLOCK):
            if turn == 0 and block > 1 and time.monotonic() > over:
                break
            done = block
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                began = time.perf_counter()
                steps[name](images, labels, turn == BLOCK - 1)
                if machine.device.type == "cuda":
                    torch.cuda.synchronize()
                times[name][block, turn] = time.perf_counter() - began
    return {name: found[1 : done + 1] for name, found in times.items()}


def cost(bare: Times, tool: Times) -> Cost:
    """Of a tool, from the times of both."""
    both = np.stack([bare, tool])
    draws = np.random.default_rng(0).integers(len(bare), size=(1000, len(bare)))
    low, high = np.quantile([_ratio(both[:, draw]) for draw in draws], (0.025, 0.975))
    alone, with_it = np.median(both, axis=1).sum(axis=1)
    extra = float(with_it - alone) / BLOCK
    return Cost(_ratio(both), float(low), float(high), float(np.median(bare)), extra)


def _ratio(times: Times) -> float:
    alone, with_it = np.median(times, axis=1).sum(axis=1)
    return float(with_it / alone)


def measure(name: str, blocks: int) -> Cost:
    """What netvet costs one of the models."""
    build, size = MODELS[name]
    times = race(build, size, {"unwatched": unwatched, "netvet": watched}, blocks, choose(Recipe()))
    return cost(times["unwatched"], times["netvet"])


def scaling(blocks: int) -> dict[str, dict[str, float]]:
    """Ratio and extra milliseconds a step over the number of parameters, at 32 pixels and 32 images a batch."""
    found = {}
    for label, width in SIZES.items():
        build = partial(small_cnn, width)
        both: dict[str, Side] = {"unwatched": unwatched, "netvet": watched}
        times = race(build, 32, both, blocks, choose(Recipe()), pixels=32)
        one = cost(times["unwatched"], times["netvet"])
        count = sum(p.numel() for p in build().parameters())
        found[label] = {
            "parameters": count,
            "ratio": round(one.ratio, 3),
            "step_ms": round(1e3 * one.step, 3),
            "extra_ms": round(1e3 * one.extra, 3),
        }
    return found


def memory(pairs: int = 3) -> dict[str, float]:
    """Peak resident memory watched over unwatched, by model."""
    found = {}
    for name in MODELS:
        peaks = {side: [_peak_of(name, side) for _ in range(pairs)] for side in ("unwatched", "watched")}
        found[name] = round(statistics.median(peaks["watched"]) / statistics.median(peaks["unwatched"]), 3)
    return found


def _peak_of(name: str, side: str) -> float:
    command = [sys.executable, "-m", "benchmarks.overhead", "--peak-of", name, side]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def peak(name: str, side: str, steps: int = 60) -> float:
    """Train, and return the peak of this process's resident memory in MB."""
    build, size = MODELS[name]
    race(build, size, {side: watched if side == "watched" else unwatched}, steps // BLOCK - 1, choose(Recipe()))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description="Step time watched over unwatched.")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--blocks", type=int, default=40, help="blocks of 10 steps of each kind (default 40)")
    parser.add_argument("--peer-blocks", type=int, default=10, help="blocks for each of the peers (default 10)")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas between them (default: all)")
    parser.add_argument("--peak-of", nargs=2, metavar=("MODEL", "SIDE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.peak_of:
        print(peak(*asked.peak_of))
        return
    parts = asked.only.split(",")
    if not set(parts) <= set(PARTS):
        parser.error(f"--only takes {', '.join(PARTS)}, not {asked.only}")
    costs = {name: measure(name, asked.blocks) for name in MODELS} if "netvet" in parts else {}
    result: dict[str, object] = {name: round(one.ratio, 3) for name, one in costs.items()}
    if "peers" in parts:
        from benchmarks.overhead_peers import beside

        result["peers"] = beside(asked.peer_blocks)
    if "scaling" in parts:
        result["scaling"] = scaling(asked.blocks)
    if "memory" in parts:
        result["memory"] = memory()
    if asked.json:
        print(json.dumps(result))
        return
    machine, threads = choose(Recipe()), torch.get_num_threads()
    print(f"{machine.device.type}, {machine.precision}, {threads} threads, {asked.blocks} blocks of {BLOCK} steps")
    if costs:
        print(f"{'model':<12}{'step, ms':>10}{'watched / unwatched':>22}{'95 % interval':>18}")
    for name, one in costs.items():
        print(f"{name:<12}{1e3 * one.step:>10.1f}{one.ratio:>22.3f}{one.low:>12.3f}..{one.high:.3f}")
    for part in ("peers", "scaling", "memory"):
        if part in result:
            print(f"\n{part}\n{json.dumps(result[part], indent=1)}")


if __name__ == "__main__":
    main()
