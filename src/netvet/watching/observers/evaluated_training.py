"""Training images in evaluation mode, so that training and validation accuracy are measured alike.

## What it measures
At every validation, in evaluation mode and without gradients, the model on some of the newest training batches as they
were fed: `train_eval_accuracy`, `train_eval_loss` and the others that validation has; `train_eval_images`: on how many.

## Why it matters
While it trains, a network drops units, normalises by the batch and is still learning: the running training accuracy
lies below, or above, what the same weights give when they are asked as validation asks them.

## References
Li, Chen, Hu, Yang 2019, Understanding the disharmony between dropout and batch normalization,
https://arxiv.org/abs/1801.05134
"""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

from netvet.base.observed import Observed
from netvet.metrics import record
from netvet.watching import Loop, Observer, observer
from netvet.watching.epochs import summary_of
from netvet.watching.evaluation import evaluated
from netvet.watching.outputs import class_labels

BYTES, IMAGES, FEWEST = 16 * 2**20, 512, 128
SHARE = 4  # of an epoch's images at most one in so many: a pass over all of them would cost a third of the training
FIRST = 2  # in the first epoch, whose length is not known, every second step


@observer("evaluated-training", gives={"train_eval_images": Observed("", "images", "count")})
class EvaluatedTraining(Observer):
    """Holds copies of images: at most 16 MiB, and at most 512 images or a quarter of an epoch, whichever is less."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        self._kept: deque[tuple[Tensor, Tensor]] = deque()
        self._every, self._most = FIRST, FEWEST
        self._seen, self._last = 0, -1

    def batch(self, loss: Tensor, images: Tensor | None, labels: Tensor | None, logits: Tensor | None) -> None:
        """Keep a copy of the first half of some batches."""
        del loss
        if images is None or labels is None or logits is None or len(labels) != len(images):
            return
        self._seen += len(images)
        at = self.loop.at()
        if at % self._every or at == self._last:
            return
        self._last = at
        some = max(1, min(len(images) // 2, BYTES // max(1, images[0].numel() * images.element_size()), self._most))
        self._kept.append((images[:some].detach().clone(), labels[:some].detach().clone()))
        while len(self._kept) > 1 and (self._count() > self._most or self._bytes() > BYTES):
            self._kept.popleft()

    def _count(self) -> int:
        return sum(len(images) for images, _labels in self._kept)

    def _bytes(self) -> int:
        return sum(images.numel() * images.element_size() for images, _labels in self._kept)

    def validated(self) -> None:
        """Ask the model about the kept images."""
        if self._kept:
            self._measure()
        if self._seen:
            self._most = min(IMAGES, max(FEWEST, self._seen // SHARE))
            self._every = max(1, self._seen // (2 * self._most))
        self._seen = 0

    def _measure(self) -> None:
        names = self.loop.writer.get_meta("classes")
        pairs = []
        with evaluated(self.loop.model) as ask:
            for images, labels in self._kept:
                output = ask(images)
                if output is None or output.ndim != 2 or len(output) != len(labels):
                    return
                pairs.append((output.float().cpu(), class_labels(labels, output.shape[1]).cpu()))
        if not names or len(names) != pairs[0][0].shape[1]:
            return
        summary = summary_of(torch.cat([p[0] for p in pairs]), torch.cat([p[1] for p in pairs]), names)
        if summary.confusion.any():
            last = max(self.loop.at() - 1, 0)
            record(summary, self.loop.writer, last, "train_eval")
            self.loop.writer.add(last, "train_eval_images", float(summary.confusion.sum()))
