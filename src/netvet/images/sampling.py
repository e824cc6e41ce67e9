"""A share of the training images, the same of every class, for runs that have to be cheap."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b

import numpy as np

from netvet.images import splits
from netvet.images.dataset import ImageSet

LEAST = 2  # images of a class that stay, or all it has: with one its batch norms and its AUC say nothing


def sampled(images: ImageSet, share: float, *, seed: int = 0) -> ImageSet:
    """The same images with about `share` (0..1) of each class's training images left in training, drawn by `seed`.

    The others are in no split. Validation and test stay as they are.
    """
    if share >= 1:
        return images
    split, generator = images.split.copy(), np.random.default_rng(seed)
    for label in range(len(images.classes)):
        own = np.flatnonzero((images.split == splits.TRAIN) & (images.labels == label))
        kept = min(len(own), max(LEAST, round(share * len(own))))
        split[generator.permutation(own)[kept:]] = -1
    digest = blake2b(f"{images.digest} {share} {seed}".encode(), digest_size=16).hexdigest()
    return replace(images, split=split, digest=digest)
