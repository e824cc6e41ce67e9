"""A learning rate that falls to 0 along a cosine.

## What it does
Sets `schedule.name` to `cosine`: the rate starts at `optimizer.lr` and reaches 0 at the last step, slowly at first
and at the end.

## When it helps
A constant rate that learns well but never lets the loss settle (learning-rate-too-high). Unlike one-cycle it starts
at the full rate, which suits loaded weights and nets with norm.

## What it costs
Nothing in time. It is laid out over the planned epochs: a run that stops early has not had its fall.

## References
Loshchilov, Hutter 2017, SGDR: stochastic gradient descent with warm restarts, https://arxiv.org/abs/1608.03983
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import remedy
from netvet.rules import Finding


@remedy("cosine", changes="schedule", example={"schedule.name": "constant"})
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where the rate falls along a cosine already, with or without a rise before (one-cycle)."""
    return None if recipe.schedule.name in ("cosine", "one-cycle") else recipe.change({"schedule.name": "cosine"})
