"""The same augmentation for every class.

## What it does
Empties `augment.per_class`, so that the images of every class are changed by the recipe's common settings.

## When it helps
harmful-augmentation: where one class alone is rotated, darkened or blanked, the change tells it from the others, and
the network learns the change. Of eight rendered species one was turned, moved, lit, coloured and blanked far more than
the others: its AUC rose from 0.67 to 0.97, its recall from 0 to 77 %, the balanced accuracy from 58 to 78 % (one seed).

## What it costs
Nothing where the changes did harm; where they served as more images of a rare class, the variety that they brought.

## References
Geirhos et al. 2020, Shortcut learning in deep neural networks, https://arxiv.org/abs/2004.07780
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import remedy
from netvet.rules import Finding


@remedy("even-augment", changes="augment", example={"augment.per_class": {"perch": {"rotate": 180}}})
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where no class has changes of its own."""
    return recipe.change({"augment.per_class": {}}) if recipe.augment.per_class else None
