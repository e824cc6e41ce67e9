"""A class with a few images among classes with many."""

from __future__ import annotations

from netvet.faults import fault
from netvet.faults._reef import rendered
from netvet.recipe import Recipe


@fault("class-imbalance", on={"data.source": "reef:species=6,n=400,difficulty=0.8", "stop.epochs": 10})
def unequal(recipe: Recipe, severity: int) -> Recipe | None:
    """Twenty, forty or eighty times as many images of one rendered species as of another."""
    return rendered(recipe, imbalance=(20, 40, 80)[severity])
