"""A network pretrained on a million photographs, fine-tuned.

## What it does
Puts the shipped recipe `transfer` in the place of the recipe's network and optimiser: EfficientNet-Lite0 with ImageNet
weights from an installed package, AdamW at a peak of 0.001, label smoothing, batches of 32 and images of at least 128
pixels. Augmentation, classes, splits and the number of epochs stay; `surgery`, which was meant for another network,
goes.

## When it helps
weak-features, scattered-class and too few images: the features are there already and need not be learnt from a few
hundred pictures. A rendered class that differs from a larger one in 13 bars alone rose from an AUC of 0.61 to 1.00; on
photographs of 23 species five epochs of it reached a balanced validation accuracy of 87.3 %, 24 epochs of the default
recipe 76.5 %. The size of the images counts: at 112 pixels it reached 82.4 %.
The runs behind these numbers: docs/evidence/transfer.md.

## What it costs
An epoch of 2,899 images takes about 80 s on two cores, with the default recipe 6 s. All layers are fine-tuned from the
first step, at a rate that rises slowly. To train the last layer alone first, set `model.frozen`; one such epoch before
the five gained nothing. The package is needed (`pip install
'netvet[transfer]'`; nothing is downloaded when training): where it is missing a trial says so, and goes on without this
remedy. ImageNet has reef fish from tourists' photographs: images unlike anything in it (sonar, microscopy) gain less.

## References
Yosinski et al. 2014, How transferable are features in deep neural networks?, https://arxiv.org/abs/1411.1792
Kornblith, Shlens, Le 2019, Do better ImageNet models transfer better?, https://arxiv.org/abs/1805.08974
"""

from __future__ import annotations

from netvet.recipe import Recipe, load
from netvet.remedies import remedy
from netvet.rules import Finding


@remedy("transfer", changes="model", also=["data", "optimizer", "schedule", "loss", "batch_size", "surgery"])
def apply(recipe: Recipe, _finding: Finding | None = None) -> Recipe | None:
    """None where weights are loaded already."""
    if recipe.model.weights is not None:
        return None
    shipped = load("transfer")
    own = {path: value for path, (value, _default) in shipped.differences(Recipe()).items() if path != "stop.epochs"}
    size = max(recipe.data.image_size, shipped.data.image_size)
    return recipe.change(
        {
            **own,
            "data.image_size": size,
            "data.normalise": "auto",
            "schedule.name": "one-cycle",
            "model.spatial_dropout": 0.0,  # timm models have none
            "surgery": [],
        }
    )
