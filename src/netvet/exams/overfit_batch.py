"""Overfitting on purpose: can the network memorise one batch, and if not, is the network or the optimiser to blame?

## What it does
Builds the recipe's network again and trains it on one clean batch of at most 32 images, over and over: with the run's
own optimiser at its highest learning rate (everything as in the recipe, dropout and weight decay included), and with
a reference: Adam at 3e-3, 1e-2 or 1e-3, the best of them, without dropout and weight decay. Then with the reference
on a tenth of the training images, at most 128. Training ends when 98 % are right: a network that can, needs 20 to 60
steps; one that cannot is given 80 steps, the reference 240. It changes nothing in the run.

## What it gives
`overfit_batch_loss` (the loss of the batch in the end, nats) and `overfit_batch_accuracy` (0..1, the best of any
step), both at the places `own` and `reference`; `overfit_tenth_accuracy` (0..1, reference). `overfit_batch_guess`:
the accuracy on that batch of always naming its largest class.

## What it decides
Three causes of one plateau. It cannot, with the reference either: the network is too small, or no signal gets through
it. It can with the reference alone: the optimiser, its learning rate, or a regularisation that is too strong is at
fault. It can with both: then look at the data.

## References
Karpathy 2019, A recipe for training neural networks ("overfit one batch"), https://karpathy.github.io/2019/04/25/recipe/
Goodfellow, Bengio, Courville 2016, Deep Learning, chapter 11.5, https://www.deeplearningbook.org/contents/guidelines.html
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from netvet.base.observed import Observed
from netvet.exams import ExamContext, exam
from netvet.exams._scratch import scratch_model
from netvet.locale import _
from netvet.recipe import Optimizer

BATCH = 32
TENTH = 128
RATES = (3e-3, 1e-2, 1e-3)
TRY, LONG = 80, 240  # steps
FITTED = 0.98
ABLE = 0.9  # accuracy at which the sentence says that it can


@exam(
    "overfit-batch",
    gives={
        "overfit_batch_loss": Observed("", "nats", "nats"),
        "overfit_batch_accuracy": Observed(kind="share"),
        "overfit_batch_guess": Observed(kind="share"),
        "overfit_tenth_accuracy": Observed(kind="share"),
    },
    cost="80 to 800 optimiser steps",
)
def run_exam(context: ExamContext) -> str:
    """Overfit a batch and a tenth of the images of a context."""
    record = context.record
    rows = _chosen(context, BATCH)
    counts = np.bincount(context.images.labels[rows])
    record.add(0, "overfit_batch_guess", float(counts.max() / counts.sum()))
    own = _fit(context, rows, None, context.recipe.optimizer.lr, TRY)
    tried = []
    for rate in RATES:
        tried.append((*_fit(context, rows, "adam", rate, TRY), rate))
        if tried[-1][1] >= FITTED:
            break
    loss, accuracy, rate = min(tried)
    if accuracy < FITTED:
        again = _fit(context, rows, "adam", rate, LONG)
        loss, accuracy = min(loss, again[0]), max(accuracy, again[1])
    more = _chosen(context, min(TENTH, max(BATCH, len(context.images.indices("train")) // 10)))
    tenth = _fit(context, more, "adam", rate, LONG)[1] if len(more) > len(rows) else accuracy
    for place, values in (("own", own), ("reference", (loss, accuracy))):
        record.add(0, "overfit_batch_loss", values[0], place)
        record.add(0, "overfit_batch_accuracy", values[1], place)
    record.add(0, "overfit_tenth_accuracy", tenth)
    if accuracy < ABLE:
        text = _("The network cannot memorise {n} images: Adam at its best learning rate gets {reference:.0%} right.")
    elif own[1] < ABLE:
        text = _(
            "The network can memorise {n} images with Adam ({reference:.0%} right), but not with its own optimiser "
            "({own:.0%})."
        )
    else:
        text = _("The network can memorise {n} images, with its own optimiser too ({own:.0%} right).")
    return text.format(n=len(rows), reference=accuracy, own=own[1])


def _chosen(context: ExamContext, count: int) -> NDArray[np.int64]:
    """So many training images, evenly from all over."""
    rows = context.images.indices("train")
    shuffled = np.random.default_rng(context.recipe.seed).permutation(rows)
    return shuffled[:count]


def _fit(
    context: ExamContext, rows: NDArray[np.int64], optimizer: str | None, rate: float, steps: int
) -> tuple[float, float]:
    """Loss in the end and best accuracy of training on these images alone; `optimizer`: None for the run's own."""
    recipe = context.recipe
    if optimizer is not None:
        recipe = recipe.change({"model.dropout": 0.0, "model.spatial_dropout": 0.0, "optimizer.clip": None})
    settings = recipe.optimizer if optimizer is None else Optimizer(name="adam", lr=rate, weight_decay=0.0)
    size, best, loss = min(BATCH, len(rows)), 0.0, math.inf
    with scratch_model(context, recipe=recipe) as net:
        assert net is not None
        logits: list[torch.Tensor] = []
        hook = net.model.register_forward_hook(lambda _module, _args, out: logits.append(out.detach()))
        worker = net.optimizer(settings)
        _plain(net.model, kept=optimizer is None)
        parts = [rows[i : i + size] for i in range(0, len(rows) - len(rows) % size, size)]
        batches = [net.pictures(part) for part in parts]
        for step in range(0, steps, len(batches)):
            logits.clear()
            losses = [net.step(worker, rate * min(1.0, (step + 1) / 5), *batch) for batch in batches]
            if not all(map(math.isfinite, losses)):
                break
            loss = float(np.mean(losses))
            right = sum(int((out.argmax(1) == y).sum()) for out, (_x, y) in zip(logits, batches, strict=True))
            best = max(best, right / (size * len(batches)))
            if best >= FITTED:
                break
        hook.remove()
    return loss, best


def _plain(model: nn.Module, *, kept: bool) -> None:
    """Switch dropout off in the reference, in a timm model too."""
    for module in () if kept else model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.eval()
