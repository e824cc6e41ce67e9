"""Nothing that keeps a net from learning its images by heart."""

from __future__ import annotations

from netvet.faults import fault
from netvet.recipe import NO_AUGMENT, Recipe

MODEST = {  # on three reefs a gap of 42 to 44 points, where the limit is surely 15
    "data.source": "reef:species=6,n=80,difficulty=0.7",
    "data.val": 0.65,
    "data.test": 0.1,
    "batch_size": 16,
    "stop.epochs": 24,
}


@fault("weak-regularisation", on=MODEST)
def unrestrained(recipe: Recipe, _severity: int) -> Recipe:
    """No augmentation, no weight decay."""
    return recipe.change({"augment": NO_AUGMENT.model_dump(mode="json"), "optimizer.weight_decay": 0.0})
