"""A learning rate that rises and falls in triangles.

## What it does
Sets `schedule.name` to `cyclic`: the rate goes from a tenth of `optimizer.lr` up to it and back, in cycles of 4
epochs or the next number that divides the run, so that it ends low. Where the learning rate range test has been
taken, `optimizer.lr` becomes the rate at which the loss fell fastest in it, at most half of the highest that lowered
it.

## When it helps
Where one rate is right in no phase of the run: too low to leave a plateau (learning-rate-too-low), too high to settle
(learning-rate-too-high). It asks for less tuning than a schedule that falls once.

## What it costs
Nothing in time. Accuracy swings with the rate: compare epochs at the end of cycles.

## References
Smith 2017, Cyclical learning rates for training neural networks (half a cycle of 2 to 10 epochs; the bounds from the
range test), https://arxiv.org/abs/1506.01186
"""

from __future__ import annotations

from typing import Any

from netvet.recipe import Recipe
from netvet.remedies import best_learning_rate, remedy
from netvet.rules import Finding

LEAST_CYCLE = 4  # epochs: Smith's shortest, twice 2


@remedy("cyclic-learning-rate", changes="schedule", also=["optimizer"])
def apply(recipe: Recipe, finding: Finding | None = None) -> Recipe | None:
    """None where the schedule is cyclic already."""
    if recipe.schedule.name == "cyclic":
        return None
    epochs = recipe.stop.epochs
    cycle = next((n for n in range(LEAST_CYCLE, epochs) if epochs % n == 0), epochs)
    changes: dict[str, Any] = {"schedule.name": "cyclic", "schedule.cycle": cycle}
    best = best_learning_rate(finding)
    if best is not None:
        changes["optimizer.lr"] = float(f"{best:.2g}")
    return recipe.change(changes)
