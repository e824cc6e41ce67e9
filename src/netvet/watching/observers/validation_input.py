"""The pixels that training and validation are given, and what the network makes of validation in another reading.

## What it measures
`train_input_mean`, `train_input_std` (at some steps) and `val_input_mean`, `val_input_std` (the first batches of each
validation), of the whole input and, where it has three channels (batch, 3, height, width), of each (`channel 0`, ...).
Meta `input_shapes`: shape of an image in each split. When a diagnosis is asked for, `reading_accuracy` (balanced, 0..1)
of the network on some validation images: as they are, rescaled to the mean and spread of training, with channels in
reverse, as negatives, in other layouts, turned, or at the size of training; `reading_gain`: by how much that is surely
more than as they are (lower 95 % bound of the paired difference, for all readings together).

## Why it matters
A network that was trained on standardised pixels and is asked about raw ones guesses, and nothing else shows it. If
another reading of the same images makes it right, that reading is what it was trained on.

## References
Ioffe, Szegedy 2015, Batch normalization, section 2 (covariate shift), https://arxiv.org/abs/1502.03167
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from netvet.watching import Loop, Observer, observer
from netvet.watching.evaluation import evaluated
from netvet.watching.outputs import class_labels
from netvet.watching.pictures import pictures

BATCHES = 4  # of each validation: what differs between the splits differs in every batch
EARLY, OFTEN = (0, 1, 2, 5, 10, 15), 50  # steps at which training is measured
BYTES, IMAGES = 16 * 2**20, 256  # of the validation images that are kept
RIGHT = 0.97  # accuracy on them from which no other reading is tried
SURE = 2.84  # standard errors: 95 % over eleven readings (Bonferroni)
SECONDS = 5.0  # after which no further reading is begun
AS_THEY_ARE = "as they are"

GIVES = {f"{split}_input_{name}": "as fed" for split in ("train", "val") for name in ("mean", "std")}


@observer(
    "validation-input", gives={**GIVES, "reading_accuracy": "0..1", "reading_gain": "0..1", "reading_images": "images"}
)
class ValidationInput(Observer):
    """Keeps copies of validation images: at most 256 and at most 16 MiB, spread over the newest validation."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        self._left = BATCHES
        self._shapes: dict[str, list[int]] = {}
        self._means: list[tuple[Tensor, Tensor]] = []
        self._kept: list[tuple[Tensor, Tensor]] = []
        self._stride, self._seen = 1, 0

    def batch(self, loss: Tensor, images: Tensor | None, labels: Tensor | None, logits: Tensor | None) -> None:
        """Mean and spread of a training batch, at some steps."""
        del loss, labels, logits
        at = self.loop.at()
        if images is None or not images.is_floating_point() or not (at in EARLY or at % OFTEN == 0):
            return
        self._shape("training", images)
        self._measure("train", images)
        seen = pictures(images)
        if len(self._means) < 2 * len(EARLY) and seen is not None:
            self._means.append((seen.float().mean((0, 2, 3)), seen.float().std((0, 2, 3))))

    def validation_begins(self) -> None:
        """A new validation: its first batches are measured."""
        self._left = BATCHES
        self._kept, self._stride, self._seen = [], 1, 0

    def validation_batch(self, images: Tensor, labels: Tensor, logits: Tensor) -> None:
        """Mean and spread of a batch as a whole, and by channel."""
        if not images.is_floating_point():
            return
        self._keep(images, class_labels(labels, max(2, logits.shape[-1])).to(images.device))
        if self._left <= 0:
            return
        self._left -= 1
        self._shape("validation", images)
        self._measure("val", images)

    def finish(self) -> None:
        """Ask the network about the kept images in every reading."""
        if not self._kept or not self._means:
            return
        images, labels = torch.cat([p[0] for p in self._kept]), torch.cat([p[1] for p in self._kept])
        self._kept = []
        seen = pictures(images)
        if seen is None:
            return
        began = time.perf_counter()
        with evaluated(self.loop.model) as ask:
            plain = None
            for name, read in self._readings(seen).items():
                right = _right(ask, _as_fed(read(seen), images), labels)
                if right is None:
                    continue
                share, plain = float(right.mean()), right if plain is None else plain
                self.loop.add("reading_accuracy", share, name)
                self.loop.add("reading_gain", _surely(right - plain), name)
                if (name == AS_THEY_ARE and share >= RIGHT) or time.perf_counter() - began > SECONDS:
                    break
        self.loop.add("reading_images", float((labels >= 0).sum()))

    def _measure(self, split: str, images: Tensor) -> None:
        self.loop.add(f"{split}_input_mean", images.mean())
        self.loop.add(f"{split}_input_std", images.std())
        if images.ndim == 4 and images.shape[1] == 3:
            for i in range(3):
                self.loop.add(f"{split}_input_mean", images[:, i].mean(), f"channel {i}")
                self.loop.add(f"{split}_input_std", images[:, i].std(), f"channel {i}")

    def _shape(self, split: str, images: Tensor) -> None:
        if self._shapes.get(split) != list(images.shape[1:]):
            self._shapes[split] = list(images.shape[1:])
            self.loop.meta("input_shapes", self._shapes)

    def _keep(self, images: Tensor, labels: Tensor) -> None:
        """Every so many-th image; where that becomes too many, every other one of them is let go."""
        if (
            pictures(images) is None
            or len(labels) != len(images)
            or (self._kept and self._kept[0][0].shape[1:] != images.shape[1:])
        ):
            return
        first = -self._seen % self._stride
        self._seen += len(images)
        if first < len(images):
            self._kept.append((images[first :: self._stride].clone(), labels[first :: self._stride]))
        most = max(8, min(IMAGES, BYTES // max(1, images[0].numel() * images.element_size())))
        while sum(len(part) for part, _labels in self._kept) > most:
            whole, names = torch.cat([p[0] for p in self._kept]), torch.cat([p[1] for p in self._kept])
            self._kept = [(whole[::2].clone(), names[::2].clone())]
            self._stride *= 2

    def _readings(self, images: Tensor) -> dict[str, Callable[[Tensor], Tensor]]:
        """Name -> what makes that reading of images (n, channels, height, width)."""
        mean, std = (torch.stack([pair[i] for pair in self._means]).mean(0) for i in (0, 1))
        _n, channels, height, width = images.shape
        found: dict[str, Callable[[Tensor], Tensor]] = {AS_THEY_ARE: lambda x: x}
        if len(mean) == channels:
            found["rescaled"] = lambda x: _scaled(x, mean, std)
            found["as negatives"] = lambda x: _scaled(-x, mean, std)
        if channels == 3:
            found["channels reversed"] = lambda x: x.flip(1)
            found["channels taken as the last axis"] = lambda x: x.reshape(-1, height, width, 3).permute(0, 3, 1, 2)
            found["channels taken as the first axis"] = lambda x: x.permute(0, 2, 3, 1).reshape(x.shape)
        if height == width:
            found["height and width exchanged"] = lambda x: x.transpose(2, 3)
        found["upside down"] = lambda x: x.flip(2)
        size = self._shapes.get("training", [])[-2:]
        if size and len(self._shapes["training"]) == 3 and size != [height, width]:
            found["at the size of training"] = lambda x: F.interpolate(x, size, mode="bilinear", antialias=True)
            found["sampled at the size of training"] = lambda x: F.interpolate(x, size, mode="bilinear")
            if size[0] < height and size[1] < width:
                top, left = (height - size[0]) // 2, (width - size[1]) // 2
                found["cut to the size of training"] = lambda x: x[:, :, top : top + size[0], left : left + size[1]]
        return found


def _scaled(x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """With the mean and spread (channels,) of training in each channel."""
    own = x.mean((0, 2, 3), keepdim=True), x.std((0, 2, 3), keepdim=True).clamp_min(1e-12)
    return (x - own[0]) / own[1] * std[:, None, None] + mean[:, None, None]


def _as_fed(seen: Tensor, images: Tensor) -> Tensor:
    """Pictures in the layout that the network takes."""
    return seen if images.ndim == 4 else seen.reshape(images.shape)


def _surely(gains: Tensor) -> float:
    """Lower bound of the mean of paired differences (n,), at 95 % for all readings together."""
    return float(gains.mean() - SURE * gains.std(correction=0) / max(1, len(gains)) ** 0.5)


def _right(ask: Callable[[Tensor], Tensor | None], images: Tensor, labels: Tensor) -> Tensor | None:
    """What each image that has a class adds to the balanced accuracy, (n,): that is their mean. None where the model
    does not take the images. Balanced, since a net that names the largest class alone is right on most images.
    """
    try:
        outputs = [ask(part.contiguous()) for part in images.split(32)]  # type: ignore[no-untyped-call]
    except RuntimeError:  # a size or a layout that it is not made for
        return None
    if any(output is None or output.ndim != 2 for output in outputs):
        return None
    named = torch.cat([output for output in outputs if output is not None]).argmax(1)
    right, given = (named == labels)[labels >= 0].float(), labels[labels >= 0]
    counts = torch.bincount(given)
    return right * len(given) / (counts[given] * (counts > 0).sum())
