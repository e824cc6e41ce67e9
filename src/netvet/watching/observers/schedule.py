"""The learning-rate schedule of the loop, and how far it has come.

## What it measures
At the end of an epoch, of the optimiser's scheduler (the class as a place): `schedule_steps`, how often it was stepped,
and `schedule_span`, the number of its own steps that it is planned for (`T_max`, `total_steps`, `total_iters`, the last
milestone, `step_size`; not known for a schedule that is a function). `planned_rate`: the rate that the schedule starts
from or, where it rises (`OneCycleLR`), is to reach.

## Why it matters
A schedule counts the calls of its `step`, and does not know whether they are batches or epochs.

## References
PyTorch documentation, torch.optim, How to adjust learning rate, https://pytorch.org/docs/stable/optim.html
"""

from __future__ import annotations

import gc
import weakref

import torch
from torch.optim.lr_scheduler import LRScheduler

from netvet.watching import Loop, Observer, observer

SPANS = ("T_max", "total_steps", "milestones", "step_size", "total_iters")
GIVES = {"schedule_steps": "steps of the schedule", "schedule_span": "steps of the schedule", "planned_rate": "rate"}


@observer("schedule", gives=GIVES)
class Schedule(Observer):
    """Keeps a weak reference to the scheduler. Looking for it takes 0.1 s at most, at the end of the first epochs."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        self._found: weakref.ref[LRScheduler] | None = None
        self._looks = 2

    def validated(self) -> None:
        """How far the schedule has come."""
        scheduler = self._scheduler()
        groups = self.loop.optimizer.param_groups
        planned = [group.get("max_lr", group.get("initial_lr")) for group in groups]
        if planned[0] is not None:
            self.loop.add("planned_rate", max(float(rate) for rate in planned if rate is not None))
        if scheduler is not None:
            name = type(scheduler).__name__
            self.loop.add("schedule_steps", float(scheduler.last_epoch), name)
            span = _span(scheduler)
            if span is not None:
                self.loop.add("schedule_span", span, name)

    def _scheduler(self) -> LRScheduler | None:
        if self._found is None and self._looks > 0:
            self._looks -= 1
            self._found = _look(self.loop.optimizer)
        return None if self._found is None else self._found()


def _look(optimizer: torch.optim.Optimizer) -> weakref.ref[LRScheduler] | None:
    """The newest scheduler of this optimiser: one that is made of others is made after them."""
    every = [each for each in gc.get_objects() if issubclass(type(each), LRScheduler)]
    own = [each for each in every if getattr(each, "optimizer", None) is optimizer]
    return weakref.ref(own[-1]) if own else None


def _span(scheduler: LRScheduler) -> float | None:
    """The steps that a schedule is planned for, where it says so."""
    for name in SPANS:
        value = getattr(scheduler, name, None)
        if name == "milestones" and value:
            return float(max(value))
        if isinstance(value, int | float):
            return float(value)
    return None
