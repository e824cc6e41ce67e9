"""Faults to plant in a recipe on purpose: what a rule must find. Each file under `netvet.faults` holds those of a rule.

The slow tests train each of them, and the clinic trains them in several strengths on several data sets and models.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from netvet.base.registry import Registry
from netvet.recipe import Recipe

Plant = Callable[[Recipe, int], Recipe | None]
SEVERITIES = (0, 1, 2)
"""Mild (still to be noticed), plain, severe."""

REEF = Recipe().change(
    {
        "data.source": "reef:species=8,n=100,difficulty=0.2",
        "data.image_size": 32,
        "model.width": 16,
        "batch_size": 32,
        "precision": "float32",
        "stop.epochs": 14,
    }
)
"""A small run that is healthy: 14 epochs of 32-pixel rendered fish, some seconds.

Every class is learnt with room to spare: on three reefs each has 96 % or more of its training images right, with
batch norm, with group norm, and with Adam and no norm. A class is stuck below some 60 %.
"""


@dataclass(frozen=True)
class Fault:
    """A fault of one kind: `rule` should be the root cause of a run of `plant(recipe, severity)`.

    `name`: `rule/kind`. `on`: a small recipe, healthy without it, on which the slow test plants it.
    """

    rule: str
    kind: str
    plant: Plant
    on: Recipe

    @property
    def module(self) -> str:
        """Where it is planted from."""
        return self.plant.__module__

    @property
    def name(self) -> str:
        """Such as `dead-relu/biases`."""
        return f"{self.rule}/{self.kind}"

    @property
    def story(self) -> str:
        """What is planted, in one sentence."""
        return (inspect.getdoc(self.plant) or "").partition("\n\n")[0].replace("\n", " ")


_FAULTS = Registry[Fault]("netvet.faults")


def fault(rule: str, *, on: Mapping[str, Any] | None = None) -> Callable[[Plant], Plant]:
    """Register a fault that `rule` should find, called by its function's name.

    The function gets a recipe and a severity (see `SEVERITIES`) and returns the recipe with the fault, or None where it
    cannot be planted in that one (no norm to take away, say). `on`: changes to `REEF` that make the recipe for the slow
    test.
    """

    def register(plant: Plant) -> Plant:
        made = Fault(rule, plant.__name__.strip("_").replace("_", "-"), plant, REEF.change(on or {}))
        _FAULTS.add(made.name, made)
        return plant

    return register


def faults() -> dict[str, Fault]:
    """Every fault by name, found by walking `netvet.faults`; those of a rule in the order of its file."""
    _FAULTS.all()  # so that every file has been read; `leaves` has them in the order of their files
    rules = sorted({made.rule for made in _FAULTS.leaves.values()})
    return {name: made for rule in rules for name, made in _FAULTS.leaves.items() if made.rule == rule}


def plant(name: str, recipe: Recipe, severity: int = 1) -> Recipe:
    """The recipe with a fault: by its name, or a rule's first by the rule's name. Raises KeyError for an unknown one,
    ValueError where it cannot be planted there.
    """
    known = faults()
    chosen = known.get(name) or next((made for made in known.values() if made.rule == name), None)
    if chosen is None:
        raise KeyError(name)
    planted = chosen.plant(recipe, severity)
    if planted is None:
        raise ValueError(f"{chosen.name} cannot be planted in this recipe.")
    return planted
