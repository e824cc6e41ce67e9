"""Training without the images that show too little.

## What it does
Sets `data.drop_low_quality`: when the images are loaded, those of the training split that are blurred, dark, glaring,
flat or tiny are left out of training, by the measures of `netvet inspect`. An image goes where it is far worse than its
class and than nearly all images of the others; a class that is poor as a whole is left as it is. Validation and test
images are neither looked at nor changed. The run's notes say how many.

## When it helps
A part of a class's training images shows nothing of the species, and the net learns from these that darkness or blur is
the class. Of 504 training images of six rendered species, 8 to 42 poor ones among the 84 of one class were all found,
and 0 to 10 others left out. With 46 none was left out: a class loses at most half of its images, or none. What the
accuracy gains was not measured. It is no remedy for low-quality-images, a class that is poor as a whole, and no rule
prescribes it: ask for it by name (`netvet treat RUN --remedy drop-low-quality`) where `netvet inspect` lists poor
images.
The runs behind these numbers: docs/evidence/drop-low-quality.md.

## What it costs
A look at every training image, once a trial. Fewer images; and a net that has never seen a blurred one is no better at
blurred ones, of which validation and test may have as many. Where all images of a class are poor nothing is gained:
take better ones.

## References
Pech-Pacheco et al. 2000, Diatom autofocusing in brightfield microscopy, https://doi.org/10.1109/ICPR.2000.903548
Dodge, Karam 2016, Understanding how image quality affects deep neural networks, https://arxiv.org/abs/1604.04004
"""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import remedy
from netvet.rules import Finding


@remedy("drop-low-quality", changes="data")
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where it is on already."""
    return None if recipe.data.drop_low_quality else recipe.change({"data.drop_low_quality": True})
