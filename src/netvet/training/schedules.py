"""Learning-rate schedules from recipes, each by torch's own scheduler."""

from __future__ import annotations

from typing import Any

import torch
from torch.optim import lr_scheduler

from netvet import recipe

CYCLE_FLOOR = 0.1  # a cyclic triangle starts at this share of the peak


class Schedule:
    """One of torch's schedulers, told of every optimiser step and of every epoch; it acts on those that are its own.

    The momentum is never cycled: the recipe's momentum is what runs. A step after the planned last one keeps the rate.
    It may wait for some steps at a constant rate, and begins after them.
    """

    def __init__(self, scheduler: lr_scheduler.LRScheduler, *, by: str, last_step: int | None = None) -> None:
        self._scheduler = scheduler
        self._by = by
        self._last_step = last_step
        self._waiting, self._waited = 0, False
        self._first = self._rates

    def wait(self, steps: int, lr: float) -> None:
        """Begin after so many steps at the rate `lr`; call it before the first step."""
        self._waiting, self._waited = steps, bool(steps)
        if steps:
            self._set([lr] * len(self._first))

    def after_step(self) -> None:
        """Call once after each `optimizer.step()`."""
        if self._waiting:
            self._waiting -= 1
            if not self._waiting:
                self._set(self._first)
        elif self._by == "step" and (self._last_step is None or self._scheduler.last_epoch < self._last_step):
            self._scheduler.step()

    def after_epoch(self, val_loss: float) -> None:
        """Call once after each epoch. `val_loss`: of the epoch, nats; only `plateau` looks at it."""
        if self._waited:
            self._waited = bool(self._waiting)
            return
        if isinstance(self._scheduler, lr_scheduler.ReduceLROnPlateau):
            self._scheduler.step(val_loss)
        elif self._by == "epoch":
            self._scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs to go on exactly: plain values."""
        waits = {"waiting": self._waiting, "waited": self._waited}
        return {"scheduler": self._scheduler.state_dict(), "rates": self._rates, **waits}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`, in a schedule built from the same recipe; sets the optimiser's learning rates too."""
        self._scheduler.load_state_dict(state["scheduler"])
        self._waiting, self._waited = state.get("waiting", 0), state.get("waited", False)
        self._set(state["rates"])

    @property
    def _rates(self) -> list[float]:
        return [group["lr"] for group in self._scheduler.optimizer.param_groups]

    def _set(self, rates: list[float]) -> None:
        for group, rate in zip(self._scheduler.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate


def build(
    schedule: recipe.Schedule, optimizer: torch.optim.Optimizer, epochs: int, steps_per_epoch: int, lr: float
) -> Schedule:
    """The schedule of a run of `epochs` times `steps_per_epoch` optimiser steps. Sets the optimiser's first
    learning rate.

    `lr`: the peak. `constant` keeps it; `step` multiplies it by gamma every `step_size` epochs; `cosine` falls to 0
    over the run, step by step (Loshchilov & Hutter 2017); `plateau` multiplies it by gamma after `patience` epochs
    without a better validation loss; `cyclic` rises from lr / 10 to lr and falls back within `cycle` epochs (Smith
    2017); `one-cycle` rises from lr / 25 for the share `warmup` of the run and falls to lr / 250,000 (Smith & Topin
    2019; torch's defaults).
    """
    total = epochs * steps_per_epoch
    match schedule.name:
        case "constant":
            return Schedule(lr_scheduler.ConstantLR(optimizer, factor=1.0, total_iters=0), by="epoch")
        case "step":
            return Schedule(lr_scheduler.StepLR(optimizer, schedule.step_size, schedule.gamma), by="epoch")
        case "cosine":
            return Schedule(lr_scheduler.CosineAnnealingLR(optimizer, total), by="step", last_step=total)
        case "plateau":
            plateau = lr_scheduler.ReduceLROnPlateau(optimizer, factor=schedule.gamma, patience=schedule.patience)
            return Schedule(plateau, by="epoch")
        case "cyclic":
            cycle = max(schedule.cycle * steps_per_epoch, 2)
            up, down = cycle // 2, cycle - cycle // 2
            cyclic = lr_scheduler.CyclicLR(optimizer, CYCLE_FLOOR * lr, lr, up, down, cycle_momentum=False)
            return Schedule(cyclic, by="step")
        case "one-cycle":
            warmup = schedule.warmup
            if abs(warmup * total - 1) < 1e-6:  # torch divides by the length of the rise, here 0 steps
                warmup *= 0.999
            one_cycle = lr_scheduler.OneCycleLR(
                optimizer, lr, total_steps=total, pct_start=warmup, cycle_momentum=False
            )
            return Schedule(one_cycle, by="step", last_step=total - 1)
