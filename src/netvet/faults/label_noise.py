"""A class whose labels are swapped with those of the others."""

from __future__ import annotations

from netvet.faults import fault
from netvet.faults._reef import rendered
from netvet.recipe import Recipe


@fault("label-noise", on={"data.source": "reef:species=8", "data.val": 0.3})
def swapped(recipe: Recipe, severity: int) -> Recipe | None:
    """Forty-five, fifty-five or sixty-five percent of one rendered species' images swap labels with any others."""
    return rendered(recipe, n=150, mix=(0.45, 0.55, 0.65)[severity], victim=3)
