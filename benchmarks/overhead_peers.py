"""What other tools cost on the same steps as netvet: each in a process of its own, in turns with two rivals.

    python -m benchmarks.overhead --only peers
    .venv-peers/bin/python -m benchmarks.overhead_peers TOOL MODEL BLOCKS      one of them; JSON

In each process three equal models train side by side, step by step: unwatched, watched by netvet, and with the tool,
all in float32, for 100 steps or until two minutes are over. A tool is hooked in as its documentation says; the loss is
handed over as a number at every step where it asks for one. Where it cannot take activations that work in place, its
model has them not in place. What a tool cannot run is told with its own error.

- wandb: `run.watch(model)` by default (gradients, every 1,000 steps), and `log="all", log_freq=1`; `run.log` each step;
  offline mode.
- torchmortem: default sampling ("balanced").
- Cockpit: its configurations `economy` and `full`, every step as by default; economy also every tenth, as netvet.
- smdebug: weights, gradients and losses, raw tensors, at every tenth step as netvet, and by default (every 500th).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.overhead import BLOCK, MODELS, ROOT, Side, Step, cost, plain_cnn, race, sgd, unwatched, watched
from netvet.nets.device import Machine, choose
from netvet.recipe import Recipe

PEER_MODELS = {**MODELS, "plain-cnn": (plain_cnn, 64)}
BUDGET = 120.0  # seconds for one tool on one model: then no further block is begun
TIMEOUT = 1800  # seconds: then it is given up


def wandb(model: nn.Module, _machine: Machine, folder: Path, stack: ExitStack, **options: Any) -> Step:
    os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    folder.mkdir(parents=True)
    run = import_module("wandb").init(project="overhead", dir=str(folder))
    stack.callback(run.finish)
    run.watch(model, **options)
    optimizer = sgd(model)

    def step(images: Tensor, labels: Tensor, _last: bool) -> None:
        loss = _step(model, optimizer, images, labels)
        run.log({"loss": loss.item()})

    return step


def torchmortem(model: nn.Module, _machine: Machine, _folder: Path, stack: ExitStack) -> Step:
    _not_in_place(model)
    optimizer = sgd(model)
    autopsy = import_module("torchmortem").Autopsy(model, optimizer=optimizer)
    stack.enter_context(autopsy)

    def step(images: Tensor, labels: Tensor, _last: bool) -> None:
        loss = _step(model, optimizer, images, labels)
        autopsy.step(loss=loss.item())

    return step


def cockpit(model: nn.Module, _machine: Machine, _folder: Path, _stack: ExitStack, label: str, every: int = 1) -> Step:
    _not_in_place(model)
    package, backpack = import_module("cockpit"), import_module("backpack")
    schedule = import_module("cockpit.utils.schedules").linear(interval=every)
    quantities = import_module("cockpit.utils.configuration").configuration(label, track_schedule=schedule)
    backpack.extend(model)
    criterion = backpack.extend(nn.CrossEntropyLoss())
    each = nn.CrossEntropyLoss(reduction="none")
    optimizer = sgd(model)
    watcher = package.Cockpit(list(model.parameters()), quantities=quantities)
    number = 0

    def step(images: Tensor, labels: Tensor, _last: bool) -> None:
        nonlocal number
        optimizer.zero_grad()
        logits = model(images)
        loss = criterion(logits, labels)
        info = {
            "batch_size": len(images),
            "individual_losses": each(logits, labels),
            "loss": loss,
            "optimizer": optimizer,
        }
        with watcher(number, info=info):
            loss.backward(create_graph=watcher.create_graph(number))
        optimizer.step()
        number += 1

    return step


def smdebug(model: nn.Module, _machine: Machine, folder: Path, stack: ExitStack, every: int = 500) -> Step:
    package, core = import_module("smdebug.pytorch"), import_module("smdebug")
    hook = package.Hook(
        out_dir=str(folder),
        save_config=core.SaveConfig(save_interval=every),
        include_collections=["weights", "gradients", "losses"],
    )
    stack.callback(hook.close)
    hook.register_module(model)
    criterion = nn.CrossEntropyLoss()
    hook.register_loss(criterion)
    optimizer = sgd(model)

    def step(images: Tensor, labels: Tensor, _last: bool) -> None:
        _step(model, optimizer, images, labels, criterion)

    return step


PEERS: dict[str, Side] = {
    "wandb.watch, by default": wandb,
    "wandb.watch, all, every step": partial(wandb, log="all", log_freq=1),
    "torchmortem": torchmortem,
    "cockpit, economy": partial(cockpit, label="economy"),
    "cockpit, economy, every 10 steps": partial(cockpit, label="economy", every=10),
    "cockpit, full": partial(cockpit, label="full"),
    "smdebug, by default": smdebug,
    "smdebug, every 10 steps": partial(smdebug, every=BLOCK),
}


def _step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    criterion: Callable[[Tensor, Tensor], Tensor] = nn.functional.cross_entropy,
) -> Tensor:
    loss = criterion(model(images), labels)
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    optimizer.step()
    return loss


def _not_in_place(model: nn.Module) -> None:
    for module in model.modules():
        if getattr(module, "inplace", False) is True:
            module.inplace = False  # type: ignore[assignment]


def beside(blocks: int) -> dict[str, dict[str, object]]:
    """Every tool on every model: its ratio to unwatched with a 95 % interval, and netvet's on the same steps; or why
    it could not be measured.
    """
    found: dict[str, dict[str, object]] = {}
    for peer in PEERS:
        python = ROOT / (".venv-peers-smdebug" if peer.startswith("smdebug") else ".venv-peers") / "bin" / "python"
        if not python.is_file():
            found[peer] = {"error": f"There is no {python.relative_to(ROOT)}: run benchmarks/peers_environment.sh."}
            continue
        found[peer] = {name: _ask(python, peer, name, blocks) for name in PEER_MODELS}
    return found


def _ask(python: Path, peer: str, name: str, blocks: int) -> object:
    command = [str(python), "-m", "benchmarks.overhead_peers", peer, name, str(blocks)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return {"error": f"not done within {TIMEOUT} s"}
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return {"error": (done.stderr.strip().splitlines() or ["no answer"])[-1][:300]}
    answer: object = json.loads(lines[-1])
    return answer


def main(peer: str, name: str, blocks: int) -> None:
    """In the tool's environment: measure, and print one JSON object."""
    build, size = PEER_MODELS[name]
    machine = choose(Recipe().change({"precision": "float32"}))
    sides: dict[str, Side] = {"unwatched": unwatched, "netvet": watched, "tool": PEERS[peer]}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            times = race(build, size, sides, blocks, machine, budget=BUDGET)
    except Exception as error:  # what a tool raises is its answer
        print(json.dumps({"error": f"{type(error).__name__}: {(str(error) or 'no message').splitlines()[0]}"[:300]}))
        return
    tool, own = cost(times["unwatched"], times["tool"]), cost(times["unwatched"], times["netvet"])
    interval = [round(tool.low, 3), round(tool.high, 3)]
    steps = times["tool"].size
    print(
        json.dumps({"ratio": round(tool.ratio, 3), "interval": interval, "netvet": round(own.ratio, 3), "steps": steps})
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
