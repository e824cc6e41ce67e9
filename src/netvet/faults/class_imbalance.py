"""A class with a few images among classes with many."""

from __future__ import annotations

from netvet.faults import fault
from netvet.recipe import Recipe


@fault("class-imbalance", on={"data.source": "reef:species=6,n=400,difficulty=0.8", "stop.epochs": 10})
def unequal(recipe: Recipe, severity: int) -> Recipe | None:
    """Twenty, forty or eighty times as many images of one rendered species as of another."""
    source = recipe.data.source
    if not source.startswith("reef"):
        return None  # only the reef paints as many fish of a species as it is told to
    ratio = (20, 40, 80)[severity]
    return recipe.change({"data.source": f"{source}{',' if ':' in source else ':'}imbalance={ratio}"})
