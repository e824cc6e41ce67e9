"""A class that is several kinds of fish under one name."""

from __future__ import annotations

from netvet.faults import fault
from netvet.faults._reef import rendered
from netvet.recipe import Recipe


@fault("scattered-class", on={"data.val": 0.3, "stop.epochs": 8})
def several_species(recipe: Recipe, severity: int) -> Recipe | None:
    """Of five rendered species, the rarest is five, six or seven species under one name, a fish of each in turn.

    With as many images as the others have, several species under one name are learnt nearly as well as one: it takes
    few of each.
    """
    return rendered(recipe, species=5, n=400, imbalance=4.9, victim=4, kinds=(5, 6, 7)[severity])
