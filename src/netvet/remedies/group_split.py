"""Split by group, so that no animal is in both training and validation.

## What it does
Sets `data.group` to `auto`, or to what the names of the files propose (`netvet groups`): the images of one group (a
trajectory, an animal, a camera) all go to training, or all to validation, or all to test.

## When it helps
Where validation images have twins in training (split-leakage): then the accuracy measures memory. This mends the
measurement and not the model. The accuracy falls, and that is the point: what is left is what new fish would see.
Accuracies before and after are of different images and are not compared; a trial says whether the leak is gone, and
tries every other remedy on the honest split.

## What it costs
Nothing in time. A class with few groups may not reach every split; the run's notes name it.

## References
Kaufman, Rosset, Perlich 2012, Leakage in data mining, https://doi.org/10.1145/2382577.2382579 Roberts et al. 2017,
Cross-validation strategies for data with temporal, spatial, hierarchical, or phylogenetic structure,
https://doi.org/10.1111/ecog.02881
"""

from __future__ import annotations

from netvet.images.grouping import split_by
from netvet.recipe import Recipe
from netvet.remedies import remedy
from netvet.rules import Finding


@remedy("group-split", changes="data", example={"data.group": "none"})
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where the split heeds groups already, or nothing tells of any."""
    if recipe.data.group not in ("none", "auto"):
        return None
    by = split_by(recipe.data.source)
    return None if by in (None, recipe.data.group) else recipe.change({"data.group": by})
