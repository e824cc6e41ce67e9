"""Smaller trials, for a budget in which none of full size fits: a sample of the training images, smaller images."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from netvet.base.errors import BadInput
from netvet.base.words import duration, percent
from netvet.locale import _
from netvet.recipe import Recipe
from netvet.trials.budget import FLOOR, START, Pace, Plan, make_plan

SHARES = (1.0, 1 / 2, 1 / 4, 1 / 8)
"""Of the training images, the largest first."""

SMALLEST = 32
"""Pixels a side below which images are not reduced: what netvet's nets and exams were measured on at the least."""

LEAST_STEPS = 40
"""Optimiser steps that the shortest run of a sample has at least. The default recipe on 702 photographs of 21 species
(32 pixels, two seeds, chance 5 %) had a balanced validation accuracy of 11 and 18 % after 22 steps, 28 and 29 % after
44, 35 % after 66: below that a run shows nothing yet that could be compared.
"""

LEAST, SEEDS = 3, 3  # remedies and seeds of `treat`, by default


@dataclass(frozen=True)
class Reduction:
    """`image_size` in pixels a side, and the `sample` of the training images, 0..1."""

    image_size: int
    sample: float

    def of(self, recipe: Recipe) -> Recipe:
        """The recipe on such images."""
        return recipe.change({"data.image_size": self.image_size, "data.sample": self.sample * recipe.data.sample})

    def pace(self, pace: Pace, recipe: Recipe) -> Pace:
        """What runs of this recipe cost so: time goes with the pixels, and an epoch's training with the sample."""
        pixels = (self.image_size / recipe.data.image_size) ** 2
        training = max(0.0, pace.epoch - pace.evaluation)
        evaluation = pixels * pace.evaluation
        return replace(pace, epoch=pixels * self.sample * training + evaluation, evaluation=evaluation)


def reductions(recipe: Recipe, images: int) -> Iterator[Reduction]:
    """From the least to the greatest. `images`: to train on. Detail goes last: it may be what tells two species."""
    size, runs = recipe.data.image_size, min(FLOOR, recipe.stop.epochs)
    while size >= min(SMALLEST, recipe.data.image_size):
        for share in SHARES:
            steps = runs * math.ceil(share * images / recipe.batch_size)
            if (share, size) != (1.0, recipe.data.image_size) and (share == 1 or steps >= LEAST_STEPS):
                yield Reduction(size, share)
        size //= 2


def foretold(recipe: Recipe, budget: float, *, seconds: float, training: float, images: int) -> str:
    """One sentence where trials of full size will not fit into `budget` seconds; "" where they will.

    `seconds`: of an epoch, of which `training` were spent on optimiser steps. `images`: to train on.
    """
    pace = Pace(seconds, START, max(0.0, seconds - training))
    if _plan(recipe, budget, pace) is not None:
        return ""
    told = {"budget": duration(budget), "pace": duration(seconds)}
    for each in reductions(recipe, images):
        plan = _plan(recipe, budget, each.pace(pace, recipe))
        if plan is not None:
            text = _(
                "An epoch takes {pace}: {budget} of trials are too short for runs of full size, so they will have "
                "{epochs} of {full} epochs, {size} pixels and {share} of the training images."
            )
            numbers = {"epochs": plan.epochs, "full": recipe.stop.epochs, "size": each.image_size}
            return text.format(**told, **numbers, share=percent(each.sample, 0))
    return _(
        "An epoch takes {pace}: {budget} are too short for any trial, so this checkup will end with a prescription."
    ).format(**told)


def _plan(recipe: Recipe, budget: float, pace: Pace) -> Plan | None:
    try:
        return make_plan(budget, pace, full=recipe.stop.epochs, remedies=LEAST, least=LEAST, seeds=SEEDS)
    except BadInput:
        return None
