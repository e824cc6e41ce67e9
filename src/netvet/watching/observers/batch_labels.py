"""The classes that a training batch is made of.

## What it measures
Of each sampled batch `batch_images`, `batch_classes` (how many classes it has) and `batch_top_share` (the share of its
commonest class, 0..1). At the end of the first epoch `half_overlap`: the share of labels that its first and its second
half have in common, 0..1; 1: the same classes as often, 0: none. Soft labels count as their largest.

## Why it matters
A network that sees one class for a while answers with that class; what it knew of the others is overwritten.

## References
Goodfellow, Bengio, Courville 2016, Deep Learning, section 8.1.3, https://www.deeplearningbook.org/contents/optimization.html
"""

from __future__ import annotations

import torch
from torch import Tensor

from netvet.watching import Loop, Observer, observer

FIRST = 50  # batches that are all looked at, then every tenth
EVERY = 10
MOST = 2**19  # counts that are kept of the first epoch: 4 MiB

GIVES = {"batch_images": "images", "batch_top_share": "0..1", "batch_classes": "classes", "half_overlap": "0..1"}


@observer("batch-labels", gives=GIVES)
class BatchLabels(Observer):
    """Keeps the labels' counts of the first epoch's sampled batches: at most 4 MiB."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        self._seen = 0
        self._counts: list[Tensor] | None = []

    def batch(self, loss: Tensor, images: Tensor | None, labels: Tensor | None, logits: Tensor | None) -> None:
        """Count the labels of a sampled batch."""
        del loss, images
        self._seen += 1
        if labels is None or logits is None or logits.ndim != 2 or (self._seen > FIRST and self._seen % EVERY):
            return
        labels = labels.detach().argmax(1) if labels.ndim == 2 else labels.detach()
        if labels.ndim != 1 or labels.is_floating_point() or not len(labels):
            return
        counts = (labels[:, None] == torch.arange(logits.shape[1], device=labels.device)).sum(0)
        self.loop.add("batch_images", float(len(labels)))
        self.loop.add("batch_top_share", counts.max() / len(labels))
        self.loop.add("batch_classes", (counts > 0).sum().float())
        if self._counts is not None and len(self._counts) * len(counts) < MOST:
            self._counts.append(counts)

    def validated(self) -> None:
        """The first epoch is over: its halves are compared."""
        if self._counts is not None and len(self._counts) > 1:
            half = len(self._counts) // 2
            one, two = (torch.stack(part).sum(0).double() for part in (self._counts[:half], self._counts[half:]))
            total = one.sum().clamp(min=1), two.sum().clamp(min=1)
            self.loop.add("half_overlap", torch.minimum(one / total[0], two / total[1]).sum())
        self._counts = None
