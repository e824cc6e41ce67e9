"""What simple features of the images tell of their labels: a reference for the network, and a test of the labels.

## What it measures
Thumbnails of 16 x 16 pixels of up to 1,500 training images of the first epoch and of up to 700 validation images. Their
colours and edges, by kernel ridge regression: `reference_accuracy` and `reference_balanced_accuracy` (0..1), trained on
the training images, on those of validation; `label_information` (`training`, `validation`): balanced accuracy on one
split, each image left out in turn, or (`across`) of validation by what training says; `label_chance` and
`label_chance_spread`: the same with the labels shuffled; `label_recall` (0..1) of each class within validation alone.
`leaked_share` and `leaked_by_look` (`val`): the share (0..1) of validation images whose thumbnail is that of a training
image, number by number; `repeated_images`: the share of images of the second epoch that came in the first one too.
Measured once, when a diagnosis is asked for; takes about a second.

## Why it matters
What colours and edges reach, a network should; and labels of which no feature knows anything, while those of the other
split can be told, belong to other images. Images that come again as they were are not augmented.

## References
Dalal, Triggs 2005, Histograms of oriented gradients for human detection, https://doi.org/10.1109/CVPR.2005.177
Ojala, Garriga 2010, Permutation tests for studying classifier performance, https://jmlr.org/papers/v11/ojala10a.html
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from netvet.base.observed import Observed
from netvet.metrics import RECORDED
from netvet.watching import Loop, Observer, observer
from netvet.watching.likeness import Told, answers, balanced, by_chance, features, told
from netvet.watching.outputs import class_labels, two_columns
from netvet.watching.pictures import pictures

SIDE, TRAIN, VAL, AGAIN = 16, 1500, 700, 300
CHANNELS = 4  # at most: pictures, with or without a mask
FEWEST = 40  # images of a split, below which nothing is said
EXPECTED = 8.0  # images that would be found among those kept of training, were all of them there: below, nothing
OF_A_CLASS = 10  # validation images of a class, below which nothing is said of it
LEAKED = 60.0  # the same, of validation: from there on leakage is told

GIVES: dict[str, Observed | str] = {
    **dict.fromkeys(("reference_accuracy", "reference_balanced_accuracy"), "0..1"),
    **{name: RECORDED[name] for name in ("leaked_share", "leaked_by_look")},
    **dict.fromkeys(
        ("label_information", "label_chance", "label_chance_spread", "repeated_images", "label_recall"), "0..1"
    ),
}


class Sample:
    """Thumbnails and labels of at most `most` images, spread evenly over all that were given."""

    def __init__(self, most: int) -> None:
        self._most, self._stride, self._seen = most, 1, 0
        self._parts: list[tuple[Tensor, Tensor]] = []

    def add(self, images: Tensor, labels: Tensor) -> None:
        """Take some of a batch: every so many-th image, and of those that are there every other one when too many."""
        first = -self._seen % self._stride
        self._seen += len(images)
        if first >= len(images):
            return
        small = F.adaptive_avg_pool2d(images[first :: self._stride].float(), SIDE).half()
        self._parts.append((small, labels[first :: self._stride].to(small.device)))
        while sum(len(part) for part, _labels in self._parts) > self._most:
            whole = [torch.cat([pair[i] for pair in self._parts])[::2].clone() for i in (0, 1)]
            self._parts, self._stride = [(whole[0], whole[1])], 2 * self._stride

    @property
    def kept(self) -> float:
        """Which share of all images that were given it keeps, 0..1."""
        return sum(len(part) for part, _labels in self._parts) / max(1, self._seen)

    def taken(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Thumbnails (n, channels, 16, 16) and classes (n,), of the images that have one."""
        if not self._parts:
            return np.empty((0, 1, SIDE, SIDE)), np.empty(0, np.int64)
        images = torch.cat([part for part, _labels in self._parts]).cpu().double().numpy()
        labels = torch.cat([part for _images, part in self._parts]).cpu().numpy()
        good = (labels >= 0) & np.isfinite(images).all((1, 2, 3))
        return images[good], labels[good]


@observer("thumbnails", gives=GIVES)
class Thumbnails(Observer):
    """Keeps 2,500 thumbnails, 1.5 kB each in three channels: 3.8 MB."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        self._train, self._val, self._again = Sample(TRAIN), Sample(VAL), Sample(AGAIN)
        self._epochs, self._told, self._compared, self._last = 0, False, False, -1

    def batch(self, loss: Tensor, images: Tensor | None, labels: Tensor | None, logits: Tensor | None) -> None:
        """In the first two epochs: thumbnails of the batch."""
        del loss
        at = self.loop.at()
        if self._epochs > 1 or at == self._last or images is None or labels is None or logits is None:
            return
        self._last = at
        self._add(self._again if self._epochs else self._train, images, labels, logits)

    def validation_batch(self, images: Tensor, labels: Tensor, logits: Tensor) -> None:
        """In the first validation: thumbnails of the batch."""
        if self._epochs == 0:
            self._add(self._val, images, labels, logits)

    def validated(self) -> None:
        """An epoch ends."""
        self._epochs += 1

    def finish(self) -> None:
        """Measure, once."""
        if self._epochs > 1 and not self._compared:
            self._compared = True
            self._compare()
        if self._told or self._epochs == 0:
            return
        self._told = True
        (train, train_labels), (val, val_labels) = self._train.taken(), self._val.taken()
        shared = self._shared(train, val, LEAKED)
        if shared is not None:
            self.loop.add("leaked_share", shared, "val")
            self.loop.add("leaked_by_look", shared, "val")
        for name, images, labels in (("training", train, train_labels), ("validation", val, val_labels)):
            if len(labels) >= FEWEST and len(np.unique(labels)) > 1:
                found = told(features(images), labels)
                self._write(name, found)
                if name == "validation":
                    self._by_class(found, labels)
        if min(len(train), len(val)) >= FEWEST and len(np.unique(train_labels)) > 1 and train.shape[1] == val.shape[1]:
            both = features(np.concatenate([train, val]))
            named = answers(both[: len(train)], train_labels, both[len(train) :])
            self.loop.add("reference_accuracy", float((named == val_labels).mean()))
            self.loop.add("reference_balanced_accuracy", balanced(named, val_labels))
            self._write("across", by_chance(named, val_labels))

    def _compare(self) -> None:
        """How many images of the second epoch came in the first, of as many as would where all of them come again."""
        (train, _train), (again, _again) = self._train.taken(), self._again.taken()
        shared = self._shared(train, again, EXPECTED)
        if shared is not None:
            self.loop.add("repeated_images", shared)

    def _shared(self, train: NDArray[np.float64], others: NDArray[np.float64], least: float) -> float | None:
        """Which share of others are among all training images, by those that are kept of these; None where fewer than
        `least` would be found, were all of them there.
        """
        expected = len(others) * self._train.kept
        if expected < least or train.shape[1:] != others.shape[1:]:
            return None
        known = {each.tobytes() for each in train}
        return min(1.0, sum(each.tobytes() in known for each in others) / expected)

    def _write(self, name: str, found: Told) -> None:
        self.loop.add("label_information", found.accuracy, name)
        self.loop.add("label_chance", found.chance, name)
        self.loop.add("label_chance_spread", found.spread, name)

    def _by_class(self, found: Told, labels: NDArray[np.int64]) -> None:
        """How well each class is told from the others in validation alone."""
        names = self.loop.writer.get_meta("classes") or ()
        for k, recall in found.recalls.items():
            if k < len(names) and (labels == k).sum() >= OF_A_CLASS:
                self.loop.add("label_recall", recall, names[k])

    def _add(self, sample: Sample, images: Tensor, labels: Tensor, logits: Tensor) -> None:
        seen = pictures(images)
        if seen is not None and seen.shape[1] <= CHANNELS and len(labels) == len(images) and logits.ndim <= 2:
            sample.add(seen, class_labels(labels, two_columns(logits[:1]).shape[1]))
