"""Learning rate range test: which learning rates lower this network's loss at all.

## What it does
Trains the run's network from its own initialisation, with its own optimiser, loss and batch size, while the learning
rate rises exponentially by seven decades; three times, with three seeds. The loss is smoothed; the test stops when it
has exploded. It changes nothing in the run.

## What it gives
`lr_range_lr` and `lr_range_loss` (the curves, one a seed), and from the median curve `lr_range_low` (the loss has
made a tenth of its fall), `lr_range_best` (it falls fastest) and `lr_range_high` (it is lowest; beyond it the loss
rises). `lr_range_flat` is 1 when no learning rate lowered the loss by more than its noise: then there is no answer,
and the cause lies elsewhere.

## What it decides
Whether a plateau comes from a learning rate that is too low or too high, which look alike in the loss curve.

## References
L. N. Smith, Cyclical learning rates for training neural networks, WACV 2017, https://arxiv.org/abs/1506.01186
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from netvet.exam import Patient, exam
from netvet.locale import _

SEEDS = 3
STEPS = 90
DECADES = 7
SMOOTHING = 0.85  # of the exponential mean, debiased: a window of about 7 steps, half a decade
EXPLODED = 3.0  # times the first loss: nothing is learned beyond
FLAT = 0.05  # share of the first loss that must be gained, a rise in accuracy of a few points
NOISE = 2.0  # and so many standard deviations of the first losses: 0.2 % of 20,000 flat curves pass


@exam(
    "lr-range",
    gives=["lr_range_lr", "lr_range_loss", "lr_range_low", "lr_range_best", "lr_range_high", "lr_range_flat"],
    cost="270 optimiser steps",
)
def take(patient: Patient) -> str:
    """Run the range test on a patient."""
    peak = 1.0 if patient.recipe.optimizer.name != "sgd" else 10.0
    rates = peak * 10.0 ** np.linspace(-DECADES, 0, STEPS)
    curves = []
    record = patient.record
    for seed in range(SEEDS):
        losses = _ramp(patient, rates, seed)
        curves.append(losses)
        for step, (rate, loss) in enumerate(zip(rates, losses, strict=False)):
            record.add(step, "lr_range_lr", float(rate), f"seed {seed}")
            record.add(step, "lr_range_loss", float(loss), f"seed {seed}")
    answers = [read(rates, curve) for curve in curves]
    told = [answer for answer in answers if answer is not None]
    flat = len(told) * 2 <= len(answers)
    record.unit("lr_range_loss", "nats")
    record.add(0, "lr_range_flat", float(flat))
    if flat:
        return _("No learning rate lowers the loss, so the learning rate is not what ails this run.")
    low, best, high = (float(np.median(column)) for column in zip(*told, strict=True))
    for name, value in (("lr_range_low", low), ("lr_range_best", best), ("lr_range_high", high)):
        record.add(0, name, value)
    return _("The loss falls fastest at a learning rate of {best:.2g}; {low:.2g} to {high:.2g} lower it.").format(
        low=low, best=best, high=high
    )


def read(rates: NDArray[np.float64], losses: NDArray[np.float64]) -> tuple[float, float, float] | None:
    """Low, best and high learning rate of one curve (`losses` may be shorter than `rates`); None where it is flat."""
    if len(losses) < 12:
        return None
    smooth = _smooth(losses)
    quiet = losses[: len(losses) // 6]  # more than five decades below the peak: nothing moves yet
    start, noise = float(np.mean(quiet)), float(np.std(quiet))
    bottom = len(quiet) + int(np.argmin(smooth[len(quiet) :]))
    gain = start - float(smooth[bottom])
    if gain < max(FLAT * start, NOISE * noise):
        return None
    fall = np.maximum.accumulate(start - smooth[: bottom + 1])
    low = int(np.argmax(fall >= 0.1 * gain))
    slope = np.gradient(smooth[: bottom + 1]) if bottom > 1 else np.zeros(bottom + 1)
    best = int(np.clip(np.argmin(slope), low, bottom))
    return float(rates[low]), float(rates[best]), float(rates[bottom])


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    mean, out = 0.0, np.empty(len(values))
    for i, value in enumerate(values):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * value
        out[i] = mean / (1 - SMOOTHING ** (i + 1))
    return out


def _ramp(patient: Patient, rates: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """The batch losses while the learning rate rises, until they explode."""
    from netvet.training import batches, losses, optimizers
    from netvet.training.device import choose
    from netvet.training.loop import build

    recipe = patient.recipe.change({"seed": patient.recipe.seed + 1000 + seed})
    machine = choose(recipe)
    found: list[float] = []
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        model, statistics = build(recipe, patient.images, machine)
        optimizer = optimizers.build(recipe.optimizer, model)
        images = patient.images
        counts = torch.bincount(torch.from_numpy(images.labels[images.indices("train")]), minlength=len(images.classes))
        criterion = losses.build(recipe.loss, counts.to(machine.device))
        per_epoch = batches.steps_per_epoch(recipe, images)
        rows = batches.order(recipe, images, 0)
        for step, rate in enumerate(rates):
            epoch, batch = divmod(step, per_epoch)
            if batch == 0 and epoch:
                rows = batches.order(recipe, images, epoch)
            chosen = rows[batch * recipe.batch_size : (batch + 1) * recipe.batch_size]
            for group in optimizer.param_groups:
                group["lr"] = float(rate)
            pixels = statistics.normalise(batches.pixels(images, chosen, machine.device))
            labels = torch.from_numpy(images.labels[chosen]).to(machine.device)
            torch.manual_seed(batches.stream(recipe.seed, batches.DROPOUT, epoch, batch))
            with machine.autocast():
                logits = model(pixels)
            loss = criterion(logits.float(), labels)
            value = float(loss.detach())
            if not math.isfinite(value) or (found and value > EXPLODED * found[0] and step > STEPS // 6):
                break
            found.append(value)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return np.array(found)
