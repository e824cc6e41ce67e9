"""Which way the loss pushes the class of the label, and the class that the network names instead.

## What it measures
By epoch `label_pushed` (0..1): of the images that the network gets wrong, at sampled steps, the share on which the
gradient at the output pushes the class of the label down; `answer_pushed`: the share on which it pushes the class that
the network names down; `pushed_images`: how many were wrong. Not recorded for one column, nor where no image was wrong.

## Why it matters
Whatever the loss, where the network is wrong the class of the label has to rise. A loss that pushes it down trains away
from the labels: its sign is turned, or a factor of it is. One that pushes the class down that is named instead on none
of them lets all outputs rise together, and tells the classes apart by accident only.

## References
Lin et al. 2017, Focal loss for dense object detection, https://arxiv.org/abs/1708.02002
"""

from __future__ import annotations

import torch
from torch import Tensor

from netvet.watching import Loop, Observer, observer
from netvet.watching.outputs import class_labels

EARLY, OFTEN = (0, 1, 2, 5, 10, 15, 20, 30), 50  # steps that are looked at

GIVES = {
    **dict.fromkeys(("label_pushed", "answer_pushed"), "share of the images that are wrong"),
    "pushed_images": "images",
}


@observer("label-pull", gives=GIVES)
class LabelPull(Observer):
    """Holds the gradient of one output until the batch's labels are known, and three numbers a look."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        self._gradient: Tensor | None = None
        self._counts: list[Tensor] = []

    def backward(self, gradient: Tensor) -> None:
        """Keep the gradient of the output until `vet.step`."""
        due = self.loop.at() in EARLY or self.loop.at() % OFTEN == 0
        self._gradient = gradient.detach() if due else None

    def batch(self, loss: Tensor, images: Tensor | None, labels: Tensor | None, logits: Tensor | None) -> None:
        """Count the images that are wrong, and those of them whose class, or whose answer, is pushed down."""
        del loss, images
        gradient, self._gradient = self._gradient, None
        if gradient is None or labels is None or logits is None or logits.ndim != 2 or logits.shape[1] < 2:
            return
        if gradient.shape == logits.shape and len(labels) == len(logits):
            classes = class_labels(labels, logits.shape[1]).to(logits.device)
            own = classes.clamp(0, logits.shape[1] - 1)
            answer = logits.argmax(1)
            wrong = (classes == own) & (answer != own)
            pushed, answered = (wrong & (gradient.gather(1, of[:, None])[:, 0] > 0) for of in (own, answer))
            self._counts.append(torch.stack([pushed.sum(), answered.sum(), wrong.sum()]))

    def validated(self) -> None:
        """An epoch ends."""
        self._tell()

    def finish(self) -> None:
        """The same, where no validation ended the epoch."""
        self._tell()

    def _tell(self) -> None:
        counts, self._counts = self._counts, []
        if counts:
            pushed, answered, wrong = torch.stack(counts).sum(0).float()
            self.loop.add("label_pushed", pushed / wrong)
            self.loop.add("answer_pushed", answered / wrong)
            self.loop.add("pushed_images", wrong)
