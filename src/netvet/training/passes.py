"""Passes over images in which nothing is learnt."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from netvet.images.dataset import ImageSet
from netvet.nets.device import Machine
from netvet.training import batches
from netvet.training.batches import PixelStats


@torch.no_grad()
def predict(
    model: nn.Module,
    statistics: PixelStats,
    machine: Machine,
    images: ImageSet,
    rows: Any,
) -> tuple[Tensor, Tensor]:
    """Logits (n, classes) float32 and labels (n,) of some images, in eval mode; the model's mode is put back."""
    was_training = model.training
    model.eval()
    logits: list[Tensor] = []
    labels: list[Tensor] = []
    with machine.autocast() if machine is not None else nullcontext():
        for batch, truth in batches.evaluation(images, rows, machine.device):
            logits.append(model(statistics.normalise(batch)).float().cpu())
            labels.append(truth)
    model.train(was_training)
    return torch.cat(logits), torch.cat(labels)


def batch_norms(model: nn.Module) -> dict[str, _BatchNorm]:
    """The batch norms with running statistics, by path, in the order in which the model holds them."""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm) and module.running_mean is not None
    }


@torch.no_grad()
def recalibrate(
    model: nn.Module,
    inputs: Iterable[Tensor],
    context: AbstractContextManager[Any] | None = None,
    *,
    only: Collection[str] | None = None,
) -> None:
    """Compute the running statistics of batch norms anew, as the plain means over batches of training inputs.

    `inputs`: batches as the model is given them, (batch, ...); shuffled, of at least 100 images or so, since the
    variance within a batch is what is averaged. About 1,000 images are enough (Wu & Johnson 2021, "Rethinking batch in
    BatchNorm", https://arxiv.org/abs/2105.07576). `context`: entered around the passes, such as autocast. `only`: paths
    of the norms that are meant, by default all.

    As `torch.optim.swa_utils.update_bn`, but with everything else in eval mode: no dropout, which would make the
    statistics those of a noisy model, and no random number drawn. Every layer's mode and momentum is put back.
    """
    modes = {module: module.training for module in model.modules()}
    norms = [norm for name, norm in batch_norms(model).items() if only is None or name in only]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    try:
        model.eval()
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None
            norm.training = True
        with context if context is not None else nullcontext():
            for batch in inputs:
                model(batch)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for module, mode in modes.items():
            module.training = mode


def recalibrate_on(
    model: nn.Module, statistics: PixelStats, machine: Machine, images: ImageSet, rows: NDArray[np.int64]
) -> None:
    """`recalibrate` on clean images, in an order that is mixed and always the same, in batches of about one size."""
    mixed = np.random.default_rng(0).permutation(rows)
    parts = np.array_split(mixed, math.ceil(len(mixed) / batches.EVALUATION_BATCH))
    inputs = (statistics.normalise(batches.pixels(images, part, machine.device)) for part in parts)
    recalibrate(model, inputs, machine.autocast())
