"""One learning-rate cycle: a rise, a high peak, a long fall to almost nothing.

## What it does
Sets `schedule.name` to `one-cycle`: over 30 % of the run the rate rises from a 25th of `optimizer.lr` to the whole of
it, then falls as a cosine to a 250,000th.

## When it helps
A constant rate that is right in the middle of the run is too high at its start, while weights are unsettled, and at its
end, when it keeps the loss from settling. The warm-up lets a high rate be borne (learning-rate-too-high), and the high
peak makes up for a low one's slowness together with raise-learning-rate (learning-rate-too-low).

## What it costs
Nothing in time. The schedule is laid out over the planned epochs: a run that stops early has not had its fall.

## References
Smith, Topin 2019, Super-convergence, https://arxiv.org/abs/1708.07120
Smith 2018, A disciplined approach to neural network hyper-parameters, https://arxiv.org/abs/1803.09820
"""

from __future__ import annotations

from netvet.recipe import Recipe, Schedule
from netvet.remedies import remedy
from netvet.rules import Finding


@remedy("one-cycle", changes="schedule", example={"schedule.name": "constant"})
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where the schedule is one-cycle already."""
    if recipe.schedule.name == "one-cycle":
        return None
    return recipe.change({"schedule.name": "one-cycle", "schedule.warmup": Schedule().warmup})
