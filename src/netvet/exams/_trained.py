"""A run's network before its first step and after its last one, put to use as an experiment: shared by the exams.

Everything works on copies: the run's files and torch's random numbers stay as they are.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netvet.exams import ExamContext
from netvet.nets.device import choose
from netvet.training import batches, checkpoint
from netvet.training.loop import build
from netvet.training.passes import batch_norms, predict, recalibrate

if TYPE_CHECKING:
    from netvet.images.dataset import ImageSet
    from netvet.nets.device import Machine
    from netvet.training.batches import PixelStats

SURE = 1.96  # standard errors of a 95 % interval
BATCH = 64  # images behind one batch's statistics when they are recomputed


@dataclass(frozen=True)
class Score:
    """`right`: which images, (n,) bool. `loss`: mean cross-entropy, nats; nan where a logit is not finite."""

    right: NDArray[np.bool_]
    loss: float

    @property
    def accuracy(self) -> float:
        """Share of the images that are right, 0..1."""
        return float(self.right.mean())

    @property
    def finite(self) -> bool:
        """Whether the network gives numbers at all."""
        return math.isfinite(self.loss)


@dataclass(frozen=True)
class Trained:
    """`first`, `last`: the network with its first and its final weights, both in eval mode."""

    first: nn.Module
    last: nn.Module
    statistics: PixelStats
    machine: Machine
    images: ImageSet

    def rows(self, split: Literal["train", "val"], limit: int) -> NDArray[np.int64]:
        """At most `limit` rows of a split in an order that mixes the classes, always the same."""
        found = self.images.indices(split)
        return np.random.default_rng(0).permutation(found)[:limit]

    def pixels(self, rows: NDArray[np.int64]) -> Tensor:
        """Normalised images (rows, 3, h, w) on the run's device."""
        return self.statistics.normalise(batches.pixels(self.images, rows, self.machine.device))

    def score(self, model: nn.Module, rows: NDArray[np.int64]) -> Score:
        """Accuracy and loss in eval mode."""
        return judged(*predict(model, self.statistics, self.machine, self.images, rows))

    @torch.no_grad()
    def score_by_batches(
        self, model: nn.Module, rows: NDArray[np.int64], size: int, only: Collection[str] | None = None
    ) -> Score:
        """Accuracy and loss where batch norms (`only` those, or all) use each batch's own statistics, the rest eval.

        The rows go in near even batches of about `size`, so that none is too small to have statistics.
        """
        logits: list[Tensor] = []
        chosen = [norm for name, norm in batch_norms(model).items() if only is None or name in only]
        kept = [norm.momentum for norm in chosen]
        for norm in chosen:
            norm.momentum = 0.0  # so that the running statistics stay as they are
            norm.train()
        for part in even(rows, size):
            with self.machine.autocast():
                logits.append(model(self.pixels(part)).float().cpu())
        for norm, momentum in zip(chosen, kept, strict=True):
            norm.momentum = momentum
            norm.eval()
        return judged(torch.cat(logits), torch.from_numpy(self.images.labels[rows]))

    def recalibrated(self, model: nn.Module, rows: NDArray[np.int64], only: Collection[str] | None = None) -> nn.Module:
        """A copy whose batch norms (`only` those, or all) have statistics recomputed over these clean images."""
        mended = copy.deepcopy(model)
        recalibrate(mended, map(self.pixels, even(rows, BATCH)), self.machine.autocast(), only=only)
        return mended


def load(context: ExamContext) -> Trained:
    """The context's network. Raises BadInput where the run has no checkpoint, or one that does not fit its recipe."""
    machine = choose(context.recipe)
    state = checkpoint.load(context.run / checkpoint.LAST)
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        first, _measured = build(context.recipe, context.images, machine)
    last = copy.deepcopy(first)
    checkpoint.put_weights(last, state, context.run)
    statistics = batches.PixelStats(tuple(state["mean"]), tuple(state["std"]))
    return Trained(first.eval(), last.eval(), statistics, machine, context.images)


def even(rows: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """The rows in parts of nearly equal length, about `size` each and never a single one beside others."""
    return np.array_split(rows, max(1, min(round(len(rows) / size), len(rows) // 2)))


def judged(logits: Tensor, labels: Tensor) -> Score:
    """Score of logits (n, classes) against labels (n,)."""
    finite = bool(torch.isfinite(logits).all())
    right: NDArray[np.bool_] = (logits.nan_to_num().argmax(1) == labels).numpy()
    return Score(right, float(nn.functional.cross_entropy(logits, labels)) if finite else math.nan)


def gained(mine: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """How much more accurate `mine` surely is than `other` on the same images: the lower 95 % bound, -1..1.

    Wald's interval for paired shares with Bonett and Price's correction (2012,
    https://doi.org/10.3102/1076998611411915): a pair more for either side.
    """
    n = len(mine) + 2
    won, lost = int((mine & ~other).sum()) + 1, int((other & ~mine).sum()) + 1
    gain = (won - lost) / n
    return gain - SURE * math.sqrt(max(0.0, (won + lost) / n - gain * gain) / n)
