"""The plan: which slip is made in which program, and which half it is in.

A program is a base (images x net x optimiser) with at most one slip. The halves share no base, no images, no net, and
no slip's function: what is locked was written on its own. Bases are healthy loops themselves, twice (two seeds), and
the mended twins of the slips made on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Literal

import torch

from benchmarks.loops.slip import KINDS, Slip, slips

Half = Literal["calibration", "locked"]
HALVES: tuple[Half, ...] = ("calibration", "locked")

sgd = partial(torch.optim.SGD, momentum=0.9)
OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": sgd,
    "nesterov": partial(sgd, nesterov=True, weight_decay=5e-4),
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


@dataclass(frozen=True)
class Base:
    """A healthy program: `data` of `images.SETS`, `net` of `nets.NETS`, the optimiser with its learning rate.

    `decay`: it falls by a cosine over the epochs.
    """

    half: Half
    data: str
    net: str
    optimiser: str
    rate: float
    epochs: int
    batch: int = 32
    decay: bool = False

    @property
    def name(self) -> str:
        """As slips name it."""
        return f"{self.data}-{self.net}"

    def fit(self, parameters: Iterable[Any]) -> torch.optim.Optimizer:
        """The optimiser of these parameters."""
        return OPTIMISERS[self.optimiser](parameters, lr=self.rate)


BASES: tuple[Base, ...] = (
    Base("calibration", "reef6", "cnn", "adam", 0.002, 8),
    Base("calibration", "reef6", "resnet", "sgd", 0.02, 9, decay=True),
    Base("calibration", "reef10", "cnn", "sgd", 0.01, 10),
    Base("calibration", "reef10", "test_resnet", "adamw", 0.003, 14),
    Base("calibration", "reef2", "cnn", "adam", 0.001, 10),
    Base("calibration", "rare", "resnet", "adam", 0.002, 8),
    Base("calibration", "fish5", "cnn", "adam", 0.001, 8),
    Base("calibration", "fish5", "resnet", "sgd", 0.03, 12, decay=True),
    Base("calibration", "digits", "bare", "adam", 0.001, 8),
    Base("calibration", "reef4", "test_vit", "adamw", 0.001, 12, decay=True),
    Base("locked", "reef5", "vgg", "sgd", 0.03, 12, decay=True),
    Base("locked", "reef5", "preact", "adamw", 0.002, 8),
    Base("locked", "reef12", "vgg", "adam", 0.003, 10),
    Base("locked", "reef12", "test_byobnet", "adam", 0.002, 12),
    Base("locked", "two", "vgg", "nesterov", 0.02, 10),
    Base("locked", "unequal", "preact", "sgd", 0.02, 8),
    Base("locked", "fish7", "vgg", "adam", 0.002, 10, decay=True),
    Base("locked", "fish7", "preact", "nesterov", 0.03, 12, decay=True),
    Base("locked", "shapes", "lenet", "adam", 0.001, 12),
    Base("locked", "shapes", "test_efficientnet", "adamw", 0.003, 13),
    Base("locked", "reef5", "encoder", "adamw", 0.001, 12, decay=True),
    Base("locked", "reef23", "vgg", "adam", 0.003, 8),
)
SEEDS = (0, 1)


@dataclass(frozen=True)
class Loop:
    """One program, as it is run and scored. `slip`: None in a base. `twin`: the base's loop of the same seed."""

    name: str
    base: Base
    seed: int = 0
    slip: Slip | None = None

    @property
    def half(self) -> Half:
        """Where it is scored."""
        return self.base.half

    @property
    def kind(self) -> str:
        """The illness that was planted; "" in a healthy loop."""
        return self.slip.kind if self.slip is not None else ""

    @property
    def accepted(self) -> tuple[str, ...]:
        """The causes that are right."""
        return KINDS[self.kind] if self.kind else ()

    @property
    def twin(self) -> str:
        """The mended loop."""
        return _named(self.base, 0)

    @property
    def text(self) -> str:
        """All that determines it, for a look whether a kept trace is of this very loop."""
        return f"{self.base} seed {self.seed} {self.slip.name if self.slip else 'sound'}"


def _named(base: Base, seed: int) -> str:
    return f"sound-{base.name}" + (f"-{seed}" if seed else "")


@cache
def loops() -> tuple[Loop, ...]:
    """Every loop: the bases, the other healthy programs, then what is sick, each by half."""
    bases = {base.name: base for base in BASES}
    sound = [Loop(_named(base, seed), base, seed) for base in BASES for seed in SEEDS]
    made = [
        Loop(f"{each.kind or 'sound'}-{each.name}-{on}", bases[on], 0, each)
        for each in slips().values()
        for on in each.on
    ]
    return tuple(sorted([*sound, *made], key=lambda loop: (HALVES.index(loop.half), bool(loop.kind), loop.name)))
