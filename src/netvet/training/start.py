"""What a run starts from: its images, and its model."""

from __future__ import annotations

import torch
from torch import nn

from netvet.audit.cleaning import clean
from netvet.images.dataset import ImageSet, load
from netvet.images.sampling import sampled
from netvet.nets import models, weights
from netvet.nets.device import Machine
from netvet.recipe import Data, Recipe
from netvet.training import batches
from netvet.training.batches import PixelStats


def load_images(recipe: Recipe, *, progress: bool) -> ImageSet:
    """The images of a recipe's `data` part, the training split sampled and cleaned where it asks for that."""
    data = recipe.data
    loaded = _load(data, data.image_size, progress=progress)
    if data.clean_labels == "none" and not data.drop_low_quality:
        return loaded
    return clean(
        loaded,
        data.source,
        lambda size: _load(data, size, progress=progress),
        labels=data.clean_labels,
        drop_low_quality=data.drop_low_quality,
    )


def _load(data: Data, image_size: int, *, progress: bool) -> ImageSet:
    loaded = load(
        data.source,
        image_size=image_size,
        val=data.val,
        test=data.test,
        group=data.group,
        exclude=data.exclude,
        relabel=data.relabel,
        seed=data.split_seed,
        progress=progress,
    )
    return sampled(loaded, data.sample, seed=data.split_seed)


def build(recipe: Recipe, images: ImageSet, machine: Machine) -> tuple[nn.Module, PixelStats]:
    """The model of a recipe as it stands before the first step, and what its pixels are normalised by."""
    torch.manual_seed(recipe.seed)
    model = models.build(recipe.model, len(images.classes), recipe.data.image_size)
    own: PixelStats | None = None
    if recipe.model.weights is not None:
        found = weights.load_pretrained(model, recipe.model.weights, recipe.model.name)
        own = PixelStats(*found) if found is not None else None
    model = models.patched(model, recipe.surgery, recipe.data.image_size)
    if recipe.data.normalise != "auto":
        own = batches.RAW if recipe.data.normalise == "none" else batches.BYTES
    statistics = own if own is not None else batches.measure(images)
    return model.to(machine.device, memory_format=torch.channels_last), statistics  # type: ignore[call-overload]
