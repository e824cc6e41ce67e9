"""What an image of each class weighs in the loss, read off the gradient at the model's output.

## What it measures
`loss_weight` by class, where the mean over the classes is 1: with cross-entropy (of logits, log-probabilities or
probabilities) the gradient of an image's row is its weight times (softmax less one-hot), so that the weight can be read
off to five digits. Nothing is recorded where any row differs from that by more than a hundredth (another loss, labels
that are smoothed or mixed), or where images of one class weigh differently (focal loss). `loss_weight_images`: labelled
images of the class in the batches that were read.

## Why it matters
Weights given in the wrong order, or with the shares of the classes rather than against them, and a class that is
ignored show nowhere else.

## References
King, Zeng 2001, Logistic regression in rare events data, https://doi.org/10.1093/oxfordjournals.pan.a004868
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netvet.watching import Loop, Observer, observer
from netvet.watching.outputs import are_log_probabilities, are_probabilities, class_labels

MOST, FEWEST = 24, 3  # batches
ROUNDED = 0.01  # relative: how far a gradient may be from that of a weighted cross-entropy


@observer("loss-weight", gives={"loss_weight": "mean of the classes 1", "loss_weight_images": "images"})
class LossWeight(Observer):
    """Holds the gradient of one output until the batch's labels are known, and two rows of numbers for each batch."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        self._gradient: Tensor | None = None
        self._rows: list[tuple[Tensor, Tensor]] = []
        self._told = 0

    def backward(self, gradient: Tensor) -> None:
        """Keep the gradient of the output until `vet.step`."""
        self._gradient = gradient.detach() if len(self._rows) < MOST else None

    def batch(self, loss: Tensor, images: Tensor | None, labels: Tensor | None, logits: Tensor | None) -> None:
        """Read the weights off."""
        del loss, images
        gradient, self._gradient = self._gradient, None
        if gradient is None or logits is None or labels is None or logits.ndim != 2 or logits.shape[1] < 2:
            return
        if gradient.shape == logits.shape and len(labels) == len(logits):
            classes = class_labels(labels, logits.shape[1])
            soft = labels.ndim == 2 and labels.shape[1] == logits.shape[1]
            plain = ((labels == 0) | (labels == 1)).all() if soft else torch.ones((), dtype=torch.bool)
            self._rows.append(_read(gradient.float(), logits.float(), classes, plain.to(logits.device)))

    def validated(self) -> None:
        """An epoch ends: write what was read."""
        self._tell()

    def finish(self) -> None:
        """Write what was read."""
        self._tell()

    def _tell(self) -> None:
        if len(self._rows) < FEWEST or self._told == len(self._rows):
            return
        self._told = len(self._rows)
        weights, counts = (torch.stack([row[i].cpu().double() for row in self._rows]).numpy() for i in (0, 1))
        found = _joined(weights, counts) if np.isfinite(weights[counts > 0]).all() else None
        names = self.loop.writer.get_meta("classes") or [str(i) for i in range(weights.shape[1])]
        if found is not None and len(names) == len(found):
            for name, value, count in zip(names, found, counts.sum(0), strict=True):
                if count > 0:
                    self.loop.add("loss_weight", float(value), name)
                    self.loop.add("loss_weight_images", float(count), name)


def _read(gradient: Tensor, output: Tensor, classes: Tensor, plain: Tensor) -> tuple[Tensor, Tensor]:
    """Weight and number of images of each class, (classes,) each; nan where the gradient is not of that kind."""
    count = output.shape[1]
    inside = (classes >= 0) & (classes < count)
    own = classes.clamp(0, count - 1)[:, None]
    hot = torch.zeros_like(output).scatter_(1, own, 1.0)
    shares, logs = are_probabilities(output), are_log_probabilities(output)
    wanted = torch.where(shares, -hot / output.clamp_min(1e-12), torch.where(logs, -hot, output.softmax(1) - hot))
    of_logs = torch.where(logs, output.softmax(1) - hot, wanted)  # cross_entropy of log-probabilities does no harm
    found = [_weights(gradient, each, own[:, 0], inside, count) for each in (wanted, of_logs)]
    weights = torch.where(found[0].isnan().any(), found[1], found[0])
    images = torch.zeros(count, device=output.device).index_add_(0, own[:, 0], inside.float())
    return torch.where(plain, weights, torch.nan), images


def _weights(gradient: Tensor, wanted: Tensor, own: Tensor, inside: Tensor, count: int) -> Tensor:
    """Least-squares weight of each class, (count,); nan throughout where a row is not that weight times `wanted`."""
    outer = inside[:, None] * wanted
    top = torch.zeros(count, device=own.device).index_add_(0, own, (gradient * outer).sum(1))
    below = torch.zeros(count, device=own.device).index_add_(0, own, (outer * outer).sum(1))
    weights = top / below.clamp_min(1e-30)
    left = (gradient - weights[own][:, None] * outer).norm(dim=1)
    largest = weights.abs().max() * outer.norm(dim=1)
    fits = (left <= ROUNDED * largest + ROUNDED * gradient.norm(dim=1).max()).all()
    return torch.where(fits, weights, torch.nan)


def _joined(weights: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Weights of all batches as one, (classes,): each batch has its own factor. None where they contradict."""
    scales = np.ones(len(weights))
    joined = np.zeros(weights.shape[1])
    for _round in range(20):
        scaled = weights / scales[:, None]
        joined = (scaled * counts).sum(0) / np.maximum(counts.sum(0), 1)
        met = (weights * joined * (counts > 0)).sum(1) / np.maximum((joined**2 * (counts > 0)).sum(1), 1e-30)
        scales = np.where(np.abs(met) > 0, met, 1.0)
    seen = counts.sum(0) > 0
    scale = joined[seen].mean() if seen.any() else 0.0
    if not scale > 0:
        return None
    apart = np.abs(weights / scales[:, None] - joined)[counts > 0]
    return joined / scale if apart.max() <= 2 * ROUNDED * np.abs(joined).max() else None
