"""How a budget of seconds becomes runs: how many remedies, seeds and epochs fit, and how a recipe is shortened."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from netvet.base.errors import BadInput
from netvet.locale import _
from netvet.recipe import Recipe

FIRST = 2
"""Seeds that every arm gets before any may fall out: the fewest that give a variance."""

GOOD = 5
"""Seeds of the best remedy that are worth shorter runs. Measured on 500 trials each of three remedies, one of which
gains three standard deviations of a run: with 3 seeds it is proven in 32 % of trials, with 5 in 88 %, with 8 in 99.6 %.
"""

SHARE, FLOOR = 1 / 3, 4
"""A shortened run has at least this share of the recipe's epochs, and at least so many: symptoms are read off the shape
of the curves over the last third of a run, and with fewer than 4 epochs there is none to read.
"""

START = 3.0
"""Seconds of a run beside its epochs before one was timed: building the net (1.0 s on one core, for 4,179 images of 64
pixels), looking for leaked images (0.5 s), measuring the final model (1.2 s), diagnosing it (0.3 s)."""

MARGIN = 1.1
"""What an estimate is multiplied by: a run that overshoots the budget is lost, one that was not begun costs nothing."""


@dataclass(frozen=True)
class Pace:
    """What runs cost: seconds an `epoch`, to `start` and finish one, and of one `evaluation` on a split."""

    epoch: float
    start: float
    evaluation: float

    def run(self, epochs: int) -> float:
        """Seconds that one run of so many epochs is expected to take, at most."""
        return MARGIN * (self.start + epochs * self.epoch)


@dataclass(frozen=True)
class Plan:
    """`epochs` of each run, `remedies` to try (the first so many), `seeds` of those that stay in the race."""

    epochs: int
    remedies: int
    seeds: int


def make_plan(
    budget: float,
    pace: Pace,
    *,
    full: int,
    remedies: int,
    least: int,
    seeds: int,
    shortest: int | None = None,
    slow: bool = False,
) -> Plan:
    """The best plan that fits into `budget` seconds.

    Given up, in this order: epochs (from `full` down to `shortest`, by default a third and at least 4), seeds of the
    best remedy beyond `seeds`, remedies (down to `least`), seeds (down to 2), epochs again (down to 4, where `shortest`
    is not given), then remedies down to one. `slow`: a remedy is among them that pays late, so the epochs are given up
    after the seeds beyond `seeds` and the remedies beyond `least`. Raises BadInput with the seconds needed where not
    even that fits.
    """
    floor = shortest or min(full, FLOOR)
    shortest = shortest or min(full, max(FLOOR, math.ceil(SHARE * full)))
    for epochs in range(full, shortest - 1, -1):
        if cost(pace, epochs, remedies, seeds, best=max(GOOD, seeds)) <= budget:
            return Plan(epochs, remedies, seeds)
        fewer = [n for n in range(remedies, least - 1, -1) if slow and cost(pace, epochs, n, seeds) <= budget]
        if fewer:
            return Plan(epochs, fewer[0], seeds)
    smaller = [(n, seeds) for n in range(remedies, least - 1, -1)]
    fewest = min(remedies, least)
    smaller += [(fewest, n) for n in range(seeds - 1, FIRST - 1, -1)]
    plans = [Plan(shortest, arms, each) for arms, each in smaller]
    plans += [Plan(epochs, fewest, FIRST) for epochs in range(shortest - 1, floor - 1, -1)]
    plans += [Plan(shortest, arms, FIRST) for arms in range(fewest - 1, 0, -1)]
    for plan in plans:
        if cost(pace, plan.epochs, plan.remedies, plan.seeds) <= budget:
            return plan
    raise BadInput(
        _(
            "A budget of {budget:.0f} s is too small for a trial: one remedy and the control, {seeds} seeds of "
            "{epochs} epochs each, take about {needed:.0f} s; give at least that."
        ).format(budget=budget, seeds=FIRST, epochs=shortest, needed=math.ceil(cost(pace, shortest, 1, FIRST)))
    )


def cost(pace: Pace, epochs: int, remedies: int, seeds: int, best: int = 0) -> float:
    """Seconds of a trial: the control and all remedies for two seeds, the better half of the remedies for `seeds`, the
    best of them for `best`, then the test.
    """
    later = max(0, seeds - FIRST)
    runs = FIRST * (1 + remedies) + later * (1 + math.ceil(remedies / 2)) + 2 * max(0, best - seeds)
    return runs * pace.run(epochs) + 2 * max(seeds, best) * pace.evaluation


def shortened(recipe: Recipe, epochs: int) -> Recipe:
    """The recipe for so many epochs, with what is counted in epochs (steps, cycles, patience) shrunk alike, to at least
    1.
    """
    share = epochs / recipe.stop.epochs
    changes: dict[str, Any] = {"stop.epochs": epochs}
    schedule = recipe.schedule
    for name, value in (
        ("schedule.step_size", schedule.step_size),
        ("schedule.cycle", schedule.cycle),
        ("schedule.patience", schedule.patience),
        ("stop.early_stopping", recipe.stop.early_stopping),
    ):
        if value is not None:
            changes[name] = max(1, round(share * value))
    return recipe.change(changes)
