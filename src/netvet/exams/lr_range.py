"""Learning rate range test: which learning rates lower the loss of this network.

## What it does
Trains the run's network with its own optimiser, loss and batch size while the learning rate rises exponentially by
five decades: three times from initial weights, with three seeds, and twice from the run's own last weights. The loss is
smoothed; a ramp stops when it has exploded. Where most ramps are flat, four constant rates are tried for 40 steps
each. Then it proves its answer: two stretches of 40 steps from the run's own initial weights, one at the run's highest
learning rate and one at the best. It changes nothing in the run.

## What it gives
`lr_range_lr` and `lr_range_loss` (the curves from the initial weights, one a seed), and the medians over the seeds of
`lr_range_low` (the loss has made a tenth of its fall), `lr_range_best` (it falls fastest) and `lr_range_high` (it is
lowest; beyond it the loss rises). `lr_range_best_low` and `lr_range_best_high`: the least and the greatest of the
seeds. `lr_range_flat` is 1 when no learning rate lowered the loss by more than its noise in most of the ramps, nor a
stretch at a constant rate did: then there is no answer, and the cause lies elsewhere. A fall from above what guessing
costs does not count: there the outputs settle, and nothing is learnt (weights that are too large used to give odd
ranges so). `lr_range_last_low`, `lr_range_last_best`, `lr_range_last_high`, `lr_range_last_flat`: the same from the
last weights, where these are finite. `lr_range_stretch` (places `own` and `best`): mean batch loss at the end of each
stretch; infinite where it exploded. `lr_range_guess`: what guessing by the class shares costs, by the same loss.

## What it decides
Whether a plateau comes from a learning rate that is too low or too high, which look alike in the loss curve. Where 40
steps at the run's own rate come as far as at the best, the learning rate is not at fault, whatever the ramps say.

## References
L. N. Smith, Cyclical learning rates for training neural networks, WACV 2017, https://arxiv.org/abs/1506.01186
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from netvet.base.observed import Observed
from netvet.base.words import loss_words
from netvet.exams import ExamContext, exam
from netvet.exams._scratch import scratch_model
from netvet.locale import _, later

SEEDS = 3
LAST_SEEDS = 2
STEPS = 60
LAST_STEPS = 36
DECADES = 5
QUIET = 10  # first steps, four fifths of a decade, in which nothing moves yet
SMOOTHING = 0.8  # of the exponential mean, debiased: a window of about 5 steps, four tenths of a decade
FLAT = 0.05  # share of the first loss that must be gained, a rise in accuracy of a few points
NOISE = 2.0  # and so many standard deviations of the quiet losses: 0.7 % of 20,000 flat curves pass
STRETCH = 40
SECOND = (0.001, 0.004, 0.016, 0.064)  # of the highest rate of the ramp


RATES = (
    *("lr_range_lr", "lr_range_low", "lr_range_best", "lr_range_high", "lr_range_flat"),
    *("lr_range_best_low", "lr_range_best_high", "lr_range_stretch"),
    *("lr_range_last_low", "lr_range_last_best", "lr_range_last_high", "lr_range_last_flat"),
)


@exam(
    "lr-range",
    gives={
        "lr_range_loss": Observed(later("Lowest loss in the range test"), "nats", "nats", "lowest"),
        "lr_range_guess": Observed(kind="nats"),
        **dict.fromkeys(RATES, Observed()),
        "lr_range_low": Observed(later("Lowest rate at which the loss falls")),
        "lr_range_best": Observed(later("Rate at which the loss falls fastest")),
        "lr_range_high": Observed(later("Highest rate at which the loss falls")),
        "lr_range_stretch": Observed(later("Loss at the end of a short run"), "nats", "nats"),
    },
    cost="330 to 490 optimiser steps",
)
def run_exam(context: ExamContext) -> str:
    """Run the range test on a context."""
    peak = 1.0 if context.recipe.optimizer.name != "sgd" else 10.0
    rates = peak * 10.0 ** np.linspace(-DECADES, 0, STEPS)
    record = context.record
    answers: list[tuple[float, float, float] | None] = []
    guess = np.inf
    for seed in range(SEEDS):
        with scratch_model(context, seed=seed) as net:
            assert net is not None
            guess, losses = net.guess, net.ramp(rates, spared=QUIET)
        answers.append(read(rates, losses, guess))
        for step, (rate, loss) in enumerate(zip(rates, losses, strict=False)):
            record.add(step, "lr_range_lr", float(rate), f"seed {seed}")
            record.add(step, "lr_range_loss", float(loss), f"seed {seed}")
    record.add(0, "lr_range_guess", guess)
    _last(context, peak * 10.0 ** np.linspace(-DECADES, 0, LAST_STEPS))
    usable = [answer for answer in answers if answer is not None]
    if 2 * len(usable) <= len(answers):
        usable = _second_look(context, peak)
    if not usable:
        record.add(0, "lr_range_flat", 1.0)
        return _("No learning rate lowers the loss, so the learning rate is not the problem.")
    low, best, high = (float(np.median(column)) for column in zip(*usable, strict=True))
    spread = [answer[1] for answer in usable]
    found = {"low": low, "best": best, "high": high, "best_low": min(spread), "best_high": max(spread), "flat": 0.0}
    for name, value in found.items():
        record.add(0, f"lr_range_{name}", value)
    aim, ends = min(best, high / 2), {}
    for place, rate in (("own", context.recipe.optimizer.lr), ("best", aim)):
        with scratch_model(context) as net:
            assert net is not None
            ends[place] = net.stretch(rate, STRETCH)
        record.add(0, "lr_range_stretch", ends[place], place)
    text = _(
        "The loss falls fastest at a learning rate of {best:.2g}; rates from {low:.2g} to {high:.2g} lower it. {steps} "
        "steps at the run's own {own:.2g} end at a loss of {own_loss}, as many at {aim:.2g} at {aim_loss}."
    )
    return text.format(
        best=best,
        low=low,
        high=high,
        steps=STRETCH,
        own=context.recipe.optimizer.lr,
        own_loss=loss_words(ends["own"]),
        aim=aim,
        aim_loss=loss_words(ends["best"]),
    )


def read(
    rates: NDArray[np.float64], losses: NDArray[np.float64], guess: float = np.inf
) -> tuple[float, float, float] | None:
    """Low, best and high learning rate of one curve (`losses` may be shorter than `rates`); None where it is flat.

    `guess`: what guessing costs; what the loss falls from above that is not counted.
    """
    if len(losses) < QUIET + 3:
        return None
    quiet = losses[:QUIET]
    start = min(float(np.mean(quiet)), guess)
    noise = float(np.std(np.diff(quiet))) / math.sqrt(2)  # of differences: a slow drift is no noise
    smooth = np.minimum(_smooth(losses), start + noise)
    bottom = QUIET + int(np.argmin(smooth[QUIET:]))
    gain = start - float(smooth[bottom])
    if gain < max(FLAT * start, NOISE * min(noise, start)):
        return None
    still = np.flatnonzero(start - smooth[: bottom + 1] < 0.1 * gain)
    low = int(still.max(initial=-1)) + 1
    slope = np.gradient(smooth[: bottom + 1]) if bottom > 1 else np.zeros(bottom + 1)
    best = int(np.clip(np.argmin(slope), low, bottom))
    return float(rates[low]), float(rates[best]), float(rates[bottom])


def _second_look(context: ExamContext, peak: float) -> list[tuple[float, float, float]]:
    """Where the ramps are flat: which of four constant rates lower the loss in a stretch, and the best of them.

    A network that learns slowly (deep, without norm or momentum) makes too few steps in a ramp at the rates that suit
    it.
    """
    ends: dict[float, float] = {}
    for share in SECOND:
        with scratch_model(context) as net:
            assert net is not None
            end = net.stretch(share * peak, STRETCH)
            if end < (1 - FLAT) * net.guess:
                ends[share * peak] = end
    return [(min(ends) / 2, min(ends, key=lambda rate: ends[rate]), max(ends) * 2)] if ends else []  # half a step on


def _last(context: ExamContext, rates: NDArray[np.float64]) -> None:
    """The same from the run's last weights; nothing where they are not finite."""
    answers = []
    for seed in range(1, LAST_SEEDS + 1):
        with scratch_model(context, weights="last", seed=seed) as net:
            if net is None:
                return
            answers.append(read(rates, net.ramp(rates, spared=QUIET), net.guess))
    known = [answer for answer in answers if answer is not None]
    context.record.add(0, "lr_range_last_flat", float(2 * len(known) <= len(answers)))
    if 2 * len(known) > len(answers):
        for name, column in zip(("low", "best", "high"), zip(*known, strict=True), strict=True):
            context.record.add(0, f"lr_range_last_{name}", float(np.median(column)))


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    mean, out = 0.0, np.empty(len(values))
    for i, value in enumerate(values):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * value
        out[i] = mean / (1 - SMOOTHING ** (i + 1))
    return out
