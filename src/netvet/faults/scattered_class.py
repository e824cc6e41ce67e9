"""A class that is several kinds of fish under one name."""

from __future__ import annotations

from netvet.faults import fault
from netvet.faults._reef import rendered
from netvet.recipe import Recipe

LARGE = {"data.source": "reef:species=8", "data.image_size": 64, "data.val": 0.3, "stop.epochs": 5}
"""Here the forms lie 2.6 to 3.4 times as far apart as the parts of the median class, at 32 pixels 1.4 to 1.8 times."""


@fault("scattered-class", on=LARGE)
def several_species(recipe: Recipe, severity: int) -> Recipe | None:
    """Of five rendered species, the rarest is five, six or seven species under one name, a fish of each in turn.

    With as many images as the others have, several species under one name are learnt nearly as well as one: it takes
    few of each.
    """
    return rendered(recipe, species=5, n=400, imbalance=4.9, victim=4, kinds=(5, 6, 7)[severity])
