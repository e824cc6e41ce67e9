"""Who is told how a training goes: a class with methods that do nothing, of which one overrides what one wants to hear.

The trials' own is `netvet.trials.TrialListener`, and `netvet.Listener` hears of a whole checkup.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netvet.metrics import Summary


@dataclass(frozen=True)
class EpochReport:
    """What is known after an epoch (counted from 1). `seconds`: of this epoch; `left`: an estimate for the rest of
    the run; `training`: the seconds of this epoch that went into optimiser steps.
    """

    epoch: int
    epochs: int
    train: Summary
    val: Summary
    seconds: float
    left: float
    best: bool
    training: float = 0.0


class TrainingListener:
    """Is told of a training as it goes."""

    def on_step(self, step: int, steps: int) -> None:
        """`step` of `steps` optimiser steps are done; 0 of 1 while images are being generated."""

    def on_epoch(self, report: EpochReport) -> None:
        """An epoch is over and measured."""
