"""Images of twice the resolution.

## What it does
Doubles `data.image_size`, up to 224 pixels. Of netvet's own networks the depth rises by one pooling stage
(`model.pool_every`), so that a unit of the last map still sees the same part of the image. The splits and labels are
the same, so that accuracies can be compared.

## When it helps
weak-features and look-alike-classes, where what distinguishes two species (a spot, a line through the eye) is smaller
than a pixel or two. On six rendered species of 42 training images, from 32 to 64 pixels, the balanced accuracy on fresh
images rose from 64 to 83 % and from 68 to 77 % (two seeds; a network of four convolutions, then five).

## What it costs
Four times the pixels, and four times the time. Nothing is gained where the files are no larger than the images already
are, or the camera was out of focus.

## References
Touvron et al. 2019, Fixing the train-test resolution discrepancy, https://arxiv.org/abs/1906.06423
Tan, Le 2019, EfficientNet (resolution, depth and width go together), https://arxiv.org/abs/1905.11946
"""

from __future__ import annotations

from typing import Any

from netvet.recipe import Recipe
from netvet.remedies import is_own_net, remedy
from netvet.rules import Finding

MOST = 224
DEEPEST = 200


@remedy("larger-images", changes="data", also=["model"])
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None beyond 160 pixels, where it would hardly be more."""
    size = min(2 * recipe.data.image_size, MOST)
    if size < 1.4 * recipe.data.image_size:
        return None
    changes: dict[str, Any] = {"data.image_size": size}
    deeper = recipe.model.depth + recipe.model.pool_every
    if is_own_net(recipe) and recipe.model.weights is None and deeper <= DEEPEST:
        changes["model.depth"] = deeper
    return recipe.change(changes)
