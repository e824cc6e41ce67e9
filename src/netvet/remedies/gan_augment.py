"""Images of a rare class that a small GAN paints.

## What it does
Adds 100 images of the class that the finding names to the training split (`augment.generated`). They are made before
the run by a class-conditional GAN (two networks of about 100,000 weights, 600 steps), which sees the training split
alone, under differentiable augmentation. A judge that owes nothing to the run then compares them with the real ones:
where they are all alike, copies, like another class or like nothing, the run goes on without them and its notes say
why. The report shows them beside real ones; `generated.png` in the run's folder does too. They count as no image of the
class.

## When it helps
class-imbalance, where a class has too few images to show what it looks like. It has not been shown to help: with 7
training images of one of six rendered species (three seeds) the AUC of the class was 0.66 without it, 0.64 with it, and
0.77 with oversample, which needs no second network and should be tried first. With fewer than 5 images it is not tried.
The runs behind these numbers: docs/evidence/gan-augment.md.

## What it costs
A GAN for every seed: 600 steps at 32 pixels took 67 s of one core of a busy machine. Beyond 64 pixels images are
made at 64 and enlarged. An epoch has 100 images more. What the GAN gets wrong can become a mark by which the network
tells the class.

## References
Zhao, Liu, Lin, Zhu, Han 2020, Differentiable augmentation for data-efficient GAN training,
https://arxiv.org/abs/2006.10738
Miyato, Koyama 2018, cGANs with projection discriminator, https://arxiv.org/abs/1802.05637
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import named_class, remedy
from netvet.rules import Finding

IMAGES = 100


@remedy("gan-augment", changes="augment")
def apply(recipe: Recipe, finding: Finding | None = None) -> Recipe | None:
    """None where the finding names no class, or where images of it are generated already."""
    name = named_class(finding)
    generated = recipe.augment.generated.images
    if name is None or name in generated:
        return None
    return recipe.change({"augment.generated.images": {**generated, name: IMAGES}})
