"""Stronger augmentation for the images of one class.

## What it does
Gives the class that the finding names an entry of its own in `augment.per_class`, with `rotate` at least 30 degrees,
`scale` 0.35 and `light` 0.4, and the other settings as they are for all (`flip` is turned on where nothing is
augmented at all). The other classes are shown as before.

## When it helps
A class that is stuck because its few images do not show what the species looks like from elsewhere, nearer, or in
other light, while the others have images enough. It is no remedy for imbalance: a class of 4 images beside 9 to 128 of
five other rendered species (four seeds) had an AUC of 0.65 without and 0.65 with it, and of 0.86 and 0.85 on top of
oversample. No rule prescribes it: ask for it by name (`netvet treat RUN --remedy class-augment`) where you know that
the class is seen from more sides than its images show.

## What it costs
No time. The traces of the augmentation (a tilted horizon, mirrored borders) now go with one class, and a net can learn
these instead of the fish: if the class is named too often after it, augment all classes (augment). Light must not be
what distinguishes the species.

## References
Shorten, Khoshgoftaar 2019, A survey on image data augmentation for deep learning,
https://doi.org/10.1186/s40537-019-0197-0
"""

from __future__ import annotations

from netvet.recipe import Recipe, Transforms
from netvet.remedies import named_class, remedy
from netvet.rules import Finding

AT_LEAST = {"rotate": 30.0, "scale": 0.35, "light": 0.4}


@remedy("class-augment", changes="augment", slow=True)
def apply(recipe: Recipe, finding: Finding | None = None) -> Recipe | None:
    """None where the finding names no class, or where its augmentation is as strong already."""
    name = named_class(finding)
    if name is None:
        return None
    now: Transforms = recipe.augment.per_class.get(name, recipe.augment)
    stronger = {field: max(least, getattr(now, field)) for field, least in AT_LEAST.items()}
    if all(getattr(now, field) == value for field, value in stronger.items()):
        return None
    settings = {field: getattr(now, field) for field in Transforms.model_fields} | stronger
    if not recipe.augment.active:
        settings["flip"] = True
    return recipe.change({"augment.per_class": {**_others(recipe), name: settings}})


def _others(recipe: Recipe) -> dict[str, object]:
    """The entries that are there, as plain values."""
    return {name: each.model_dump(mode="json") for name, each in recipe.augment.per_class.items()}
