"""Every run: a set, a recipe, a seed and what is planted."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.clinic.photographs import lot
from benchmarks.hard.plants import PLANTS
from benchmarks.hard.sets import SETS, Half, HardSet, items
from netvet.images.store import folder
from netvet.recipe import Recipe

START = Recipe().change(
    {"data.image_size": 32, "data.val": 0.25, "data.test": 0.1, "batch_size": 32, "precision": "float32"}
)
NETS: dict[Half, dict[str, Mapping[str, Any]]] = {
    "setting": {
        "cnn-4x16": {"model.depth": 4, "model.width": 16, "stop.epochs": 12},
        "resnet-5x12": {"model.name": "resnet", "model.depth": 5, "model.width": 12, "stop.epochs": 10},
    },
    "locked": {
        "cnn-5x14": {"model.depth": 5, "model.width": 14, "stop.epochs": 12, "schedule.name": "cosine"},
        "preact-5x12": {"model.name": "preact-resnet", "model.depth": 5, "model.width": 12, "stop.epochs": 10}
        | {"optimizer.name": "adam", "optimizer.lr": 0.003, "optimizer.weight_decay": 0.0},
    },
}
SEEDS = {"setting": 1, "locked": 11}
HEALTHY = 3
"""Healthy runs of each set; every fault is planted once in it, victims and nets in turn."""


@dataclass(frozen=True)
class Run:
    """`plant`: "" of a healthy run. `victims`: the classes that it is planted in."""

    name: str
    of: HardSet
    recipe: Recipe
    plant: str
    victims: tuple[str, ...]

    @property
    def rules(self) -> tuple[str, ...]:
        """The causes that are right to be named first; () of a healthy run."""
        return PLANTS[self.plant].rules if self.plant else ()


def runs() -> list[Run]:
    """The plan."""
    made: list[Run] = []
    for of in SETS:
        nets = list(NETS[of.half].items())
        for turn, plant in enumerate((*PLANTS, *[""] * HEALTHY)):
            first = turn % len(of.victims)
            made.append(_run(of, *nets[turn % len(nets)], plant, of.victims[first:] + of.victims[:first], turn))
    return made


def _run(of: HardSet, net: str, changes: Mapping[str, Any], plant: str, victims: tuple[str, ...], seed: int) -> Run:
    name = f"{of.name}-{net}-{plant or 'healthy'}-{seed}"
    start = SEEDS[of.half] + seed
    recipe = START.change({"data.source": name, "data.split_seed": start, "seed": start, **changes})
    return Run(name, of, recipe, plant, victims)


def written(run: Run) -> str:
    """The CSV that netvet trains on."""
    root, made = items(run.of)
    if run.plant:
        made = PLANTS[run.plant].apply(root, made, run.victims)
    path = folder() / "hard" / f"{run.of.name}-{run.plant or 'healthy'}-{lot(' '.join(run.victims))}.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        columns = 3 if run.of.grouped else 2
        table.writerow(("path", "label", "group")[:columns])
        table.writerows((str(root / each.path), each.label, each.group)[:columns] for each in made)
    return str(path)
