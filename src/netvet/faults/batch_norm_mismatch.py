"""Running statistics that are not the batches'."""

from __future__ import annotations

from netvet.faults import fault
from netvet.recipe import Recipe

OWN = ("cnn", "resnet", "preact-resnet")  # a timm model's norms do not heed `norm_momentum`


@fault("batch-norm-mismatch")
def lagging_statistics(recipe: Recipe, severity: int) -> Recipe | None:
    """Running statistics that take in less than a thousandth of each batch and lag behind the weights."""
    if not _normed(recipe):
        return None
    return recipe.change({"model.norm_momentum": (0.0007, 0.0003, 0.0001)[severity]})


def _normed(recipe: Recipe) -> bool:
    """Whether the net has batch norms that the recipe rules over."""
    model = recipe.model
    return model.name in OWN and model.norm == "batch" and model.norm_after not in ("none", ())
