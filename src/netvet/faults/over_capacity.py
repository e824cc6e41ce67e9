"""More weights than the images can settle."""

from __future__ import annotations

from netvet.faults import fault
from netvet.recipe import NO_AUGMENT, Recipe

SCARCE = {
    "data.source": "reef:species=6,n=80,difficulty=0.75",
    "data.val": 0.65,
    "data.test": 0.1,
    "augment": {**NO_AUGMENT.model_dump(mode="json"), "rotate": 5.0},
    "batch_size": 16,
    "stop.epochs": 24,
}


@fault("over-capacity", on=SCARCE)
def wider(recipe: Recipe, severity: int) -> Recipe | None:
    """Two, three or four times as wide."""
    if recipe.model.name not in ("cnn", "resnet", "preact-resnet"):
        return None
    return recipe.change({"model.width": (2, 3, 4)[severity] * recipe.model.width})
