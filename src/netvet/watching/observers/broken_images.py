"""Images that hold something that is no finite number: NaN or infinity.

## What it measures
`broken_images` (`training`, `validation`): images so far, each as often as it was fed, with a value that is not finite;
and of the first one in training `broken_step` (optimiser steps done before its batch), `broken_at` (its place in the
batch, from 0) and `broken_values` (how many of its values are not finite). Summed by image at every step, compared on
the device.

## Why it matters
One such value makes the loss and, at the next update, every weight no number; where gradients are clipped or scaled it
costs the batch in silence.

## References
IEEE 754-2019, section 6.1 and 6.2, https://doi.org/10.1109/IEEESTD.2019.8766229
"""

from __future__ import annotations

import torch
from torch import Tensor

from netvet.base.observed import Observed
from netvet.locale import later
from netvet.watching import Loop, Observer, observer

GIVES: dict[str, Observed | str] = {
    "broken_images": Observed(later("Images with values that are not finite"), "images", "count"),
    "broken_step": Observed(later("Step of the first such batch"), "steps", "count"),
    "broken_at": Observed(later("Place of the image in that batch, from 0"), "index", "index"),
    "broken_values": Observed(later("Values of that image that are not finite"), "values", "count"),
}


@observer("broken-images", gives=GIVES)
class BrokenImages(Observer):
    """Holds two counts and three numbers of the first such image."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        self._train: Tensor | None = None  # (4,): images, and of the first one step, place, values
        self._val: Tensor | None = None

    def batch(self, loss: Tensor, images: Tensor | None, labels: Tensor | None, logits: Tensor | None) -> None:
        """Count those of a training batch."""
        del loss, labels, logits
        found = None if images is None else _sums(images)
        if images is None or found is None:
            return
        broken = ~torch.isfinite(found)
        count, at = broken.sum().double(), broken.int().argmax()
        if self._train is None:
            self._train = torch.tensor([0.0, -1.0, -1.0, 0.0], dtype=torch.float64, device=found.device)
        if found.device.type == "cpu" and not count:
            return
        values = (~torch.isfinite(images.index_select(0, at[None]))).sum().double()  # images[at] would wait for a GPU
        first = torch.stack([count, count * 0 + self.loop.at(), at.double(), values])
        known = self._train.clone()
        known[0] += count
        self._train = torch.where((self._train[0] == 0) & (count > 0), first, known)

    def validation_batch(self, images: Tensor, labels: Tensor, logits: Tensor) -> None:
        """Count those of a validation batch."""
        del labels, logits
        found = _sums(images)
        if found is not None:
            count = (~torch.isfinite(found)).sum()
            self._val = count if self._val is None else self._val + count

    def validated(self) -> None:
        """An epoch ends: write the counts."""
        self.finish()

    def finish(self) -> None:
        """Write the counts so far."""
        for place, count in (("training", self._train), ("validation", self._val)):
            if count is not None:
                self.loop.add("broken_images", count.reshape(-1)[0], place)
        for i, name in enumerate(("broken_step", "broken_at", "broken_values"), start=1):
            if self._train is not None:
                self.loop.add(name, self._train[i])


def _sums(images: Tensor) -> Tensor | None:
    """(batch,) sums, not finite where an image has a value that is not; None of numbers that are always finite."""
    if not images.is_floating_point() or images.ndim < 2 or not len(images):
        return None
    return images.sum(dim=tuple(range(1, images.ndim)), dtype=torch.float32)
