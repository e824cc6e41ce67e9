"""A run's network and images, to be trained a few steps as an experiment: shared by the exams.

Nothing here touches the run's own files, and random numbers come from a fork of torch's generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netvet.base.errors import BadInput
from netvet.exams import ExamContext
from netvet.images.dataset import ImageSet
from netvet.nets.device import Machine, choose
from netvet.recipe import Optimizer, Recipe
from netvet.training import batches, checkpoint, losses, optimizers
from netvet.training.loop import build

EXPLODED = 3.0  # times the first loss or that of guessing, whichever is more: nothing is learned beyond
WARMUP = 5  # steps over which a stretch's learning rate rises: without it the first step alone decides


@dataclass
class ScratchModel:
    """A network in training mode, with what its loop needs.

    `guess`: what the recipe's loss is for answering with the class shares, in the loss' own unit. `criterion`: that
    loss, of logits (batch, classes) and labels (batch,).
    """

    recipe: Recipe
    model: nn.Module
    guess: float
    images: ImageSet
    statistics: batches.PixelStats
    machine: Machine
    criterion: Callable[[Tensor, Tensor], Tensor]

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Normalised images (batch, 3, h, w) and labels (batch,) of a step, in the run's order; not augmented."""
        epoch, index = divmod(step, batches.steps_per_epoch(self.recipe, self.images))
        rows = batches.order(self.recipe, self.images, epoch)
        return self.pictures(rows[index * self.recipe.batch_size : (index + 1) * self.recipe.batch_size])

    def pictures(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Normalised images and labels of some rows of the image set."""
        device = self.machine.device
        pixels = self.statistics.normalise(batches.pixels(self.images, rows, device))
        return pixels, torch.from_numpy(self.images.labels[rows]).to(device)

    def loss(self, images: Tensor, labels: Tensor, *, exact: bool = False) -> Tensor:
        """The recipe's loss of a batch, 0-dim; `exact`: in float32 whatever the recipe's precision."""
        if exact:
            return self.criterion(self.model(images).float(), labels)
        with self.machine.autocast():
            logits = self.model(images)
        return self.criterion(logits.float(), labels)

    def optimizer(self, settings: Optimizer | None = None) -> torch.optim.Optimizer:
        """A fresh optimiser over the network: the recipe's own, or another."""
        return optimizers.build(settings or self.recipe.optimizer, self.model)

    def step(self, optimizer: torch.optim.Optimizer, rate: float, images: Tensor, labels: Tensor) -> float:
        """One optimiser step; the loss before it. A loss that is not finite is not stepped on."""
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = self.loss(images, labels)
        value = float(loss.detach())
        if math.isfinite(value):
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            if self.recipe.optimizer.clip is not None:
                nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.optimizer.clip)
            optimizer.step()
        return value

    def ramp(self, rates: NDArray[np.float64], *, spared: int) -> NDArray[np.float64]:
        """The batch losses at these learning rates, one step each, until they explode (not in the first `spared`)."""
        optimizer, found = self.optimizer(), list[float]()
        for step, rate in enumerate(rates):
            value = self.step(optimizer, float(rate), *self.batch(step))
            if not math.isfinite(value) or (step >= spared and value > EXPLODED * max(found[0], self.guess)):
                break
            found.append(value)
        return np.array(found)

    def stretch(self, rate: float, steps: int, settings: Optimizer | None = None) -> float:
        """The mean batch loss of the last fifth of a stretch at a constant learning rate; inf where it explodes."""
        optimizer, found = self.optimizer(settings), list[float]()
        for step in range(steps):
            value = self.step(optimizer, rate * min(1.0, (step + 1) / WARMUP), *self.batch(step))
            if not math.isfinite(value) or (found and value > 10 * EXPLODED * max(found[0], self.guess)):
                return math.inf
            found.append(value)
        return float(np.mean(found[-max(1, steps // 5) :]))


@contextmanager
def scratch_model(
    context: ExamContext, *, weights: Literal["first", "last"] = "first", seed: int = 0, recipe: Recipe | None = None
) -> Iterator[ScratchModel | None]:
    """The run's network from its initial weights (of another seed where `seed` is not 0), or from its last.

    `recipe`: a changed one to build it from. None where the last weights are not there or not finite.
    """
    chosen = recipe or context.recipe
    chosen = chosen.change({"seed": chosen.seed + 1000 * seed})
    images, machine = context.images, choose(chosen)
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        model, statistics = build(chosen, images, machine)
        made: ScratchModel | None = None
        counts = torch.bincount(torch.from_numpy(images.labels[images.indices("train")]), minlength=len(images.classes))
        criterion = losses.build(chosen.loss, counts.to(machine.device))
        labels = torch.from_numpy(images.labels[images.indices("train")]).to(machine.device)
        log_share = (counts.clamp(min=1) / counts.sum()).log().to(machine.device)
        guess = float(criterion(log_share.expand(len(labels), -1), labels))
        if weights == "first" or _put(model, context, checkpoint.LAST):
            batches.seed_noise(batches.stream(chosen.seed, batches.DROPOUT, 0))
            made = ScratchModel(chosen, model.train(), guess, images, statistics, machine, criterion)
        yield made


def _put(model: nn.Module, context: ExamContext, name: str) -> bool:
    """Load the run's weights into a model; False where there are none, they do not fit or are not finite."""
    try:
        state = checkpoint.load(context.run / name)["model"]
        model.load_state_dict(state)
    except (BadInput, RuntimeError, KeyError):
        return False
    return all(bool(torch.isfinite(p).all()) for p in model.parameters())
