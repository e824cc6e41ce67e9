"""Trains a run with the peers' packages in the place of netvet's watcher: the same loop, seed and steps."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.clinic.peers.hooked import Gradsnitch, Peer, Step, Torchmortem, Training, Traintools
from benchmarks.clinic.peers.logged import TrainingDoctor, Trainspotter
from benchmarks.clinic.peers.words import Heard
from netvet.images.dataset import ImageSet
from netvet.recipe import Recipe
from netvet.training import EpochReport, TrainingListener, batches, loop, losses

PACKAGES: dict[str, Callable[[Training], Peer]] = {
    "torchmortem": Torchmortem,
    "gradsnitch": Gradsnitch,
    "traintools": Traintools,
    "training-doctor": TrainingDoctor,
    "trainspotter": Trainspotter,
}
"""The packages from PyPI, by their names there."""


def versions() -> dict[str, str]:
    """Of the packages. Raises PackageNotFoundError outside their environment."""
    return {name: version(name) for name in PACKAGES}


def attend(recipe: Recipe, *, out: Path, images: ImageSet | None = None) -> dict[str, Heard]:
    """Train a recipe in the folder `out` with every package hooked in, and return what each said.

    `images`: loaded already, or None to load them. A package that raises falls silent there and then; its error is
    kept, and the training goes on without it. The last weights are those of `netvet.training.train`.
    """
    images = images if images is not None else loop.load_images(recipe, progress=False)
    company: list[Company] = []

    def watch(model: nn.Module, optimizer: torch.optim.Optimizer, **_: Any) -> Company:
        company.append(Company(recipe, images, model, optimizer))
        return company[0]

    class Tells(TrainingListener):
        def on_epoch(self, report: EpochReport) -> None:
            company[0].epoch(report.val.numbers["loss"])

    with mock.patch.object(loop, "watch", watch), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the packages, about their hooks
        loop.train(recipe, out=out, images=images, listener=Tells())
    return company[0].heard()


class Company:
    """Stands where the loop has its watcher, and passes on what happens to every package."""

    def __init__(self, recipe: Recipe, images: ImageSet, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.at = 0
        self._recipe, self._images, self._model, self._optimizer = recipe, images, model, optimizer
        self._steps = batches.steps_per_epoch(recipe, images)
        self._peers: dict[str, Peer] = {}
        self._errors: dict[str, str] = {}
        self._seen: tuple[Tensor, Tensor] | None = None
        self._hook = model.register_forward_hook(self._look)
        counts = torch.bincount(torch.from_numpy(images.labels[images.indices("train")]), minlength=len(images.classes))
        loss = losses.build(recipe.loss, counts)
        training = Training(model, optimizer, loss, len(images.classes), recipe.data.image_size, self._steps)
        for name, build in PACKAGES.items():
            try:
                self._peers[name] = build(training)
            except Exception as error:  # what another package raises is its answer
                self._errors[name] = _told(error)

    def _look(self, model: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if model.training and torch.is_grad_enabled():
            self._seen = inputs[0].detach(), output.detach().float()

    def step(self, *, loss: Tensor, labels: Tensor) -> None:
        """After an optimiser step, as the loop tells its watcher."""
        assert self._seen is not None
        images, logits = self._seen
        epoch, batch = divmod(self.at, self._steps)
        size = self._recipe.batch_size
        rows = batches.order(self._recipe, self._images, epoch)[batch * size : (batch + 1) * size]
        gradients = [p.grad for p in self._model.parameters() if p.grad is not None]
        norm = float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))) if gradients else math.nan
        rate = float(self._optimizer.param_groups[0]["lr"])
        step = Step(self.at, float(loss.detach()), rate, norm, images, labels, logits, np.asarray(rows).tolist())
        self._each(lambda peer: peer.step(step))
        self.at += 1

    def epoch(self, val_loss: float) -> None:
        """After an epoch."""
        self._each(lambda peer: peer.epoch(self.at - 1, val_loss))

    def _each(self, tell: Callable[[Peer], None]) -> None:
        for name, peer in list(self._peers.items()):
            if name in self._errors:
                continue
            try:
                tell(peer)
            except Exception as error:  # what another package raises is its answer
                self._errors[name] = _told(error)

    def heard(self) -> dict[str, Heard]:
        """What each package says at the end; what it said until then where it raised."""
        said: dict[str, Heard] = {name: Heard(error=self._errors.get(name, "")) for name in PACKAGES}
        for name, peer in self._peers.items():
            try:
                said[name] = Heard(peer.heard().words, self._errors.get(name, ""))
            except Exception as error:  # what another package raises is its answer
                said[name] = Heard(error=self._errors.get(name) or _told(error))
        return said

    def flush(self) -> None:
        """Nothing is written before the end."""

    def close(self) -> None:
        """Take all hooks off."""
        self._hook.remove()
        for peer in self._peers.values():
            peer.close()


def _told(error: Exception) -> str:
    first = (str(error) or "no message").splitlines()[0]
    return f"{type(error).__name__}: {first}"[:300]
