"""Momentum: what plain gradient descent would gain from it, at the best learning rate of each.

## What it does
From the run's initial weights it trains stretches of 40 steps with the run's own momentum and with 0.9, each at several
learning rates: by factors of three up from the run's own as long as the loss at the end gets lower, else down. Where
none comes away from guessing (below 0.9 of its loss), all is repeated with 240 steps: in plain nets of 3 and 4
convolutions the best of both ended at 0.97 of guessing after 40, and after 120 at 0.90 without momentum and at 0.75
with 0.9. Rates
are compared as lr / (1 - momentum), the step that a steady gradient makes in the end. The best of both are repeated
with another seed. Then, from the run's last weights, 12 steps on one fixed batch at the run's own rate show whether
successive gradients point the same way. It changes nothing in the run. Adam, and SGD with a momentum of 0.85 or more,
have what is asked about: then nothing is done.

## What it gives
`momentum_loss` (the mean batch loss of the last 8 steps; places `run`: own momentum and rate, `own`: own momentum at
its best rate, `0.9`: at its best), `momentum_rate` (the rates of the same places), `momentum_gain`: the loss at `own`
over that at `0.9`; above 1, momentum gains. `grad_cosine` (-1..1): mean cosine of successive gradients on the fixed
batch: near -1 they alternate across a ravine, near 1 the descent creeps on along it.

## What it decides
Whether a plateau of SGD without momentum needs momentum, or merely a higher learning rate.

## References
Sutskever, Martens, Dahl, Hinton 2013, On the importance of initialization and momentum in deep learning,
https://proceedings.mlr.press/v28/sutskever13.html
Goh 2017, Why momentum really works, https://distill.pub/2017/momentum/
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from netvet.base.observed import Observed
from netvet.base.words import loss_words
from netvet.exams import ExamContext, exam
from netvet.exams._scratch import scratch_model
from netvet.locale import _

SHORT, LONG = 40, 240  # steps
AWAY = 0.9  # of the loss of guessing
FACTOR = 3.0
TRIES = 5  # stretches at most for each momentum
BETTER = 0.99  # a rate is better that ends below so much of the loss
MOMENTUM = 0.9
HAS_IT = 0.85
WALK = 12


@exam(
    "momentum-gain",
    gives={
        "momentum_loss": Observed("", "nats", "nats"),
        "momentum_rate": Observed(),
        "momentum_gain": Observed(),
        "grad_cosine": Observed(),
    },
    cost="200 to 500 optimiser steps, or six times as many where they do not suffice",
)
def run_exam(context: ExamContext) -> str:
    """Compare the run's own momentum with 0.9."""
    settings, record = context.recipe.optimizer, context.record
    if settings.name != "sgd" or settings.momentum >= HAS_IT:
        return _("The optimiser already has momentum.")

    guess = math.inf

    def loss(effective: float, momentum: float, steps: int, seed: int = 0) -> float:
        nonlocal guess
        changed = settings.model_copy(update={"momentum": momentum, "nesterov": False})
        with scratch_model(context, seed=seed) as net:
            assert net is not None
            guess = net.guess
            return net.stretch(effective * (1 - momentum), steps, changed)

    def compare(steps: int) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        mine = _climb(lambda rate: loss(rate, settings.momentum, steps), settings.lr / (1 - settings.momentum))
        return mine, _climb(lambda rate: loss(rate, MOMENTUM, steps), mine[0])

    steps = SHORT
    (own_at, own, at_run), (with_at, with_it, _first) = compare(steps)
    if not min(own, with_it) < AWAY * guess:
        steps = LONG
        (own_at, own, at_run), (with_at, with_it, _first) = compare(steps)
    if math.isfinite(own) and math.isfinite(with_it) and with_it < own:
        own = (own + loss(own_at, settings.momentum, steps, 1)) / 2
        with_it = (with_it + loss(with_at, MOMENTUM, steps, 1)) / 2
    gain = own / with_it if with_it > 0 and math.isfinite(own) else math.nan
    for place, value, rate in (
        ("run", at_run, settings.lr),
        ("own", own, own_at * (1 - settings.momentum)),
        ("0.9", with_it, with_at * (1 - MOMENTUM)),
    ):
        record.add(0, "momentum_loss", value, place)
        record.add(0, "momentum_rate", rate, place)
    record.add(0, "momentum_gain", gain)
    cosine = _cosine(context)
    if math.isfinite(cosine):
        record.add(0, "grad_cosine", cosine)
    text = _(
        "After {steps} steps at the best learning rate, the loss is {own} with the run's own momentum (at "
        "{own_rate:.2g}) and {with_it} with a momentum of 0.9 (at {rate:.2g})."
    )
    rates = {"own_rate": own_at * (1 - settings.momentum), "rate": with_at * (1 - MOMENTUM)}
    return text.format(steps=steps, own=loss_words(own), with_it=loss_words(with_it), **rates)


def _climb(loss: Callable[[float], float], start: float) -> tuple[float, float, float]:
    """The best rate, by factors of three from `start` up, else down; its loss, and the loss at `start`."""
    first = loss(start)
    at, best, tries = start, first, 1
    for factor in (FACTOR, 1 / FACTOR):
        while tries < TRIES and (value := loss(at * factor)) < BETTER * best:
            at, best, tries = at * factor, value, tries + 1
        tries += 1
        if at != start:
            break
    return at, best, first


def _cosine(context: ExamContext) -> float:
    """Mean cosine of successive gradients on one batch, at the run's own rate; nan where it cannot be taken."""
    from torch import Tensor

    with scratch_model(context, weights="last") as net:
        if net is None:
            return math.nan
        optimizer, (images, labels) = net.optimizer(), net.batch(0)
        before: Tensor | None = None
        found: list[float] = []
        for _step in range(WALK):
            if not math.isfinite(net.step(optimizer, context.recipe.optimizer.lr, images, labels)):
                break
            now = torch.cat([p.grad.flatten() for p in net.model.parameters() if p.grad is not None])
            if before is not None:
                found.append(float(torch.nn.functional.cosine_similarity(before, now, dim=0)))
            before = now
    return sum(found) / len(found) if found else math.nan
