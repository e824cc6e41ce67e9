"""More and stronger augmentation of the training images.

## What it does
Raises each part of `augment` to at least: `rotate` 15 degrees, `scale` 0.2, `crop` 0.125 of the side, `light` 0.2,
`colour` 0.1, and `erase` for a quarter of the images. Where there was no augmentation at all, `flip` is turned on too;
where a recipe augments without flips, that is left as it is, since which way an animal looks may matter there. `mixup`
and `per_class` stay.

## When it helps
The net memorises its images: weak-regularisation, over-capacity, late-stopping. With class-imbalance it gives
the few images of a class more faces, and with low-quality-images its changes of light make the net care less for how
bright a picture is; how much it gains in these two was not measured here.

## What it costs
The net sees harder images, so training accuracy falls and more epochs pay. Augmentation that changes what the species
is (colour, where colour distinguishes two species) does harm.

## References
Shorten, Khoshgoftaar 2019, A survey on image data augmentation for deep learning,
https://doi.org/10.1186/s40537-019-0197-0 He, Zhang, Ren, Sun 2016, Deep residual learning (flips, shifts by 4 of 32
pixels: 0.125), https://arxiv.org/abs/1512.03385 Zhong et al. 2020, Random erasing data augmentation (any chance from
0.2 to 0.8 helped), https://arxiv.org/abs/1708.04896
"""

from __future__ import annotations

from typing import Any

from netvet.recipe import Recipe
from netvet.remedies import remedy
from netvet.rules import Finding

AT_LEAST = {"rotate": 15.0, "scale": 0.2, "crop": 0.125, "light": 0.2, "colour": 0.1, "erase": 0.25}


@remedy("augment", changes="augment", slow=True)
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where every part is at least as strong already."""
    now = recipe.augment
    changes: dict[str, Any] = {} if now.active else {"augment.flip": True}
    changes |= {f"augment.{name}": least for name, least in AT_LEAST.items() if getattr(now, name) < least}
    return recipe.change(changes) if changes else None
