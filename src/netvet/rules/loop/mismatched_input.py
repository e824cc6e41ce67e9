"""Validation images are fed in another way than training images were.

## Symptom
Training accuracy is high, validation accuracy near guessing from the first epoch on.

## Evidence
The network itself is asked, in evaluation mode, about up to 256 validation images in other readings
(`reading_accuracy`): rescaled to the mean and spread of training, channels in reverse, as negatives, with height, width
and channels in another order, upside down, at or cut to the size of training. Fires where one is right surely more
than `gain` (0..1, paired 95 % bound) more often than the images as they are, and half as often as training images.
No augmentation is undone by such a reading; rescaling undoes other light, so it counts only where spreads differ by
`ratio` or more, or means by `far` spreads. Where no reading was tried these decide, if validation falls behind.
The runs behind these numbers: docs/evidence/mismatched-input.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> fed = {"train_input_std": 1.0, "train_input_mean": 0.0, "val_input_mean": 0.45}
    >>> lost = healthy_trace(recipe=None, val_accuracy=0.2)
    >>> assert_fires("mismatched-input", altered(lost, {**fed, "val_input_std": 0.22})).evidence[0].name
    'val_input_std'
    >>> assert_silent("mismatched-input", altered(lost, {**fed, "val_input_std": 0.8}))

## Why it happens
Training and validation have transforms of their own, and one of them lacks the normalisation, has it twice, divides by
255 or not, reads with another library (blue first), or reshapes where it should transpose.

## Not to be confused with
Other cameras, light or fish in validation, and strong augmentation in training: no single reading undoes those.
mismatched-classes: there the predictions are right up to a renumbering.

## Remedies
A line of code: the transforms of validation are those of training, less its random changes.

## References
Ioffe, Szegedy 2015, Batch normalization, https://arxiv.org/abs/1502.03167
Touvron et al. 2019, Fixing the train-test resolution discrepancy, https://arxiv.org/abs/1906.06423
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netvet.locale import _, later
from netvet.rules import Answer, Finding, rule
from netvet.rules._chance import seen, surely_more
from netvet.rules._curve import middle, quantile, training_accuracy
from netvet.trace import Trace

HALF = 0.5  # of the training accuracy: less than that, no reading is the one that the network knows
SAID = {
    "rescaled": later("rescaled to the mean and spread of training"),
    "as negatives": later("taken as negatives"),
    "channels reversed": later("with their channels in reverse order"),
    "channels taken as the last axis": later("with channels taken as their last axis"),
    "channels taken as the first axis": later("with channels taken as their first axis"),
    "height and width exchanged": later("with height and width exchanged"),
    "upside down": later("turned upside down"),
    "at the size of training": later("at the size of training"),
    "sampled at the size of training": later("at the size of training"),
    "cut to the size of training": later("cut to the size of training"),
}


@rule(
    "mismatched-input",
    needs=["val_input_mean", "val_input_std", "train_input_std", "train_accuracy", "val_accuracy"],
    applies_if_recorded="loss",
    explains=[
        "generalisation-gap",
        "accuracy-plateau",
        "stuck-class",
        "batch-norm-mismatch",
        "late-stopping",
        "under-performance",
    ],
    invalidates=True,
)
def check(trace: Trace, *, gain: float = 0.05, ratio: float = 1.8, far: float = 1.0) -> Iterator[Answer]:
    """`gain`: accuracy, 0..1; `ratio`: of spreads; `far`: spreads of training."""
    read = _reading(trace, gain, ratio, far) if trace.places("reading_accuracy") else _apart(trace, gain, ratio, far)
    read = read or _sizes(trace, gain)
    if read is not None:
        yield read


def _sizes(trace: Trace, gain: float) -> Finding | None:
    """Suspected where the sizes differ, validation falls behind, and no other reading undoes it."""
    shapes = trace.meta.get("input_shapes", {})
    train, val = (shapes.get(split, []) for split in ("training", "validation"))
    accuracy, own = training_accuracy(trace), trace.series("val_accuracy")
    behind = surely_more(accuracy.last, seen(trace, "train"), own.last, seen(trace, "val"))
    if len(train) != 3 or len(val) != 3 or train == val or not behind > gain:
        return None
    message = _("Validation images are fed at another size than training images. {numbers}")
    fix = _("give validation the transforms of training, less its random changes")
    return Finding(message.format(numbers=_numbers(trace)), evidence=(own, accuracy), fix=fix, nearness=0.9)


def _reading(trace: Trace, gain: float, ratio: float, far: float) -> Finding | None:
    """By the network's own accuracy on validation images in the best other reading."""
    n, own = trace.last("reading_images"), trace.series("reading_accuracy", "as they are")
    others = [trace.series("reading_accuracy", place) for place in trace.places("reading_accuracy")]
    light = not _differ(trace, ratio, far)
    known = [curve for curve in others if curve.where in SAID and not (light and curve.where == "rescaled")]
    best = max(known, key=lambda curve: curve.last, default=own)
    train = training_accuracy(trace).last
    enough = HALF * train
    if train <= own.last + gain or best is own or trace.last("reading_gain", best.where) <= gain or best.last < enough:
        return None
    text = _(
        "Validation images are fed otherwise than training images: of {n:.0f} of them the network is right on "
        "{own:.0%} as they are, and on {best:.0%} {how}. {numbers}"
    )
    numbers = _numbers(trace)
    message = text.format(n=n, own=own.last, best=best.last, how=_(SAID[best.where]), numbers=numbers).strip()
    fix = _("give validation the transforms of training, less its random changes")
    fed = ("train_input_mean", "train_input_std", "val_input_mean", "val_input_std")
    evidence = (best, own, trace.series("reading_images"), *(middle(trace.series(name)) for name in fed))
    return Finding(message, evidence=evidence, limit=own.last + gain, fix=fix, confidence=0.98)


def _apart(trace: Trace, gain: float, ratio: float, far: float) -> Finding | None:
    """By mean and spread alone, where validation falls behind."""
    mean, spread, own_mean, own_spread = _fed(trace)
    train, val = training_accuracy(trace), trace.series("val_accuracy")
    behind = surely_more(train.last, seen(trace, "train"), val.last, seen(trace, "val"))
    if not (_differ(trace, ratio, far) and behind > gain):
        return None
    message = _("Validation images are fed otherwise than training images. {numbers}")
    message = message.format(numbers=_numbers(trace)).strip()
    limit = own_spread * ratio if spread > own_spread else own_spread / ratio
    names = ("val_input_std", "train_input_std", "val_input_mean", "train_input_mean")
    evidence = tuple(middle(trace.series(name)) for name in names)
    if 1 / ratio <= spread / own_spread <= ratio:  # then it is the mean that differs
        limit = own_mean + far * own_spread * (1 if mean > own_mean else -1)
        evidence = (*evidence[2:], *evidence[:2])
    fix = _("give validation the transforms of training, less its random changes")
    return Finding(message, evidence=(*evidence, val), limit=limit, fix=fix, confidence=0.9)


def _differ(trace: Trace, ratio: float, far: float) -> bool:
    """Whether mean and spread lie further apart than other light explains."""
    mean, spread, own_mean, own_spread = _fed(trace)
    if not own_spread > 0:
        return False
    return not 1 / ratio <= spread / own_spread <= ratio or abs(mean - own_mean) > far * own_spread


def _fed(trace: Trace) -> tuple[float, float, float, float]:
    """Mean and spread of validation, and of training."""
    names = ("val_input_mean", "val_input_std", "train_input_mean", "train_input_std")
    mean, spread, own_mean, own_spread = (quantile(trace.series(name).values, 0.5) for name in names)
    return mean, spread, own_mean, own_spread


def _numbers(trace: Trace) -> str:
    """Mean, spread and size of both."""
    shapes = trace.meta.get("input_shapes", {})
    train, val = (shapes.get(split, []) for split in ("training", "validation"))
    if train != val and train and val:
        text = _("Training images have the shape {train}, validation images {val}.")
        return text.format(train=" × ".join(map(str, train)), val=" × ".join(map(str, val)))
    mean, spread, own_mean, own_spread = _fed(trace)
    if not np.isfinite([mean, spread, own_mean, own_spread]).all():
        return ""
    text = _("Training has a mean of {own_mean:.3g} and a spread of {own:.3g}, validation {mean:.3g} and {spread:.3g}.")
    return text.format(own_mean=own_mean, own=own_spread, mean=mean, spread=spread)
