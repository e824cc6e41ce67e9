"""Labels that are of no class, in training and in validation.

## What it measures
By epoch: `labels_seen`, and of these `labels_none` (numbers below 0, as -100: no label), `labels_without_a_one`
(one-hot rows of zeros) and `labels_beyond` (numbers beyond the output's last column); the same of validation as
`val_labels_...`. Of training the first epoch is counted.

## Why it matters
Such an image is left out of the loss, or counted as something else, without a word.

## References
torch.nn.CrossEntropyLoss, ignore_index, https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
"""

from __future__ import annotations

import torch
from torch import Tensor

from netvet.watching import Loop, Observer, observer
from netvet.watching.outputs import class_labels, two_columns

COUNTED = ("labels_seen", "labels_none", "labels_without_a_one", "labels_beyond")
TOGETHER = 50  # batches counted at once
GIVES = {f"{split}{name}": "images" for split in ("", "val_") for name in COUNTED}


@observer("label-form", gives=GIVES)
class LabelForm(Observer):
    """Holds the labels of at most 50 batches, and four counts of each split."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        self._waiting: list[Tensor] = []
        self._columns = self._epochs = 0
        self._train: Tensor | None = None
        self._val: Tensor | None = None

    def batch(self, loss: Tensor, images: Tensor | None, labels: Tensor | None, logits: Tensor | None) -> None:
        """Count the labels of a batch."""
        del loss, images
        if labels is None or logits is None or logits.ndim > 2 or self._epochs:
            return
        self._columns = 2 if logits.ndim == 1 else max(2, logits.shape[1])
        if self._waiting and self._waiting[0].shape[1:] != labels.shape[1:]:
            self._count_waiting()
        self._waiting.append(labels)
        if len(self._waiting) >= TOGETHER:
            self._count_waiting()

    def _count_waiting(self) -> None:
        if self._waiting:
            found = _count(torch.cat(self._waiting), self._columns)
            self._train = found if self._train is None else self._train + found
        self._waiting = []

    def validation_begins(self) -> None:
        """A new validation."""
        self._val = None

    def validation_batch(self, images: Tensor, labels: Tensor, logits: Tensor) -> None:
        """Count the labels of a batch."""
        del images
        found = _count(labels, two_columns(logits[:1]).shape[1])
        self._val = found if self._val is None else self._val + found

    def validated(self) -> None:
        """An epoch ends: write the counts."""
        self.finish()
        self._epochs += 1

    def finish(self) -> None:
        """Write the counts that are left."""
        self._count_waiting()
        for split, counts in (("", self._train), ("val_", self._val)):
            if counts is not None and not (split == "" and self._epochs):  # of later epochs nothing is counted
                for i, name in enumerate(COUNTED):
                    self.loop.add(f"{split}{name}", counts[i])
        self._train = self._val = None


def _count(labels: Tensor, columns: int) -> Tensor:
    """(4,) float32: images, and those of each kind in the order of `COUNTED`."""
    classes = class_labels(labels, columns)
    rows = labels.ndim == 2 and labels.shape[1] > 1
    below, beyond = (classes < 0).sum(), (classes >= columns).sum()
    none = torch.zeros_like(below)
    seen = torch.full_like(below, len(classes))
    return torch.stack([seen, none if rows else below, below if rows else none, beyond]).float()
