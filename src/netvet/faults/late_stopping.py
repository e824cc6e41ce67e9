"""A run that goes on after its best epoch."""

from __future__ import annotations

from netvet.faults import fault
from netvet.recipe import NO_AUGMENT, Recipe

MISLABELLED = {
    "data.source": "reef:species=6,n=120,noise=0.4,difficulty=0.3",
    "data.val": 0.2,
    "optimizer.lr": 0.02,
    "augment": {**NO_AUGMENT.model_dump(mode="json"), "rotate": 5.0},
    "stop.epochs": 5,
}


@fault("late-stopping", on=MISLABELLED)
def longer(recipe: Recipe, severity: int) -> Recipe:
    """Four, eight or twelve times as long, at full rate."""
    epochs = (4, 8, 12)[severity] * recipe.stop.epochs
    return recipe.change({"stop.epochs": epochs, "schedule.name": "constant"})
