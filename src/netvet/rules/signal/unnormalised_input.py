"""The input images are in a range that the initial weights are not made for.

## Symptom
The first loss is ten times that of guessing or more, the first steps kill units or saturate bounded activations, and
then the loss does not fall; or the network does train, but only at a hundredth of the usual learning rate.

## Evidence
Fires when `input_std`, the spread of the images as the model receives them, exceeds 10 and is felt: at the first step
the outputs of the first activation spread by more than 5, or more than half of them lie at a bound. Behind a norm after
the first convolution neither is so. Why 10: rendered fish have 1.3 when standardised, 0.16 in 0..1 and 41 in bytes. Why
5: healthy nets stay below 1, bytes leave 92. At lower confidence, fires on a mean more than `far` spreads from 0 where
no norm follows the first convolution; 1.9 does no harm. The `initial-signal` exam, if taken, decides.
The runs behind these numbers: docs/evidence/unnormalised-input.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> fed = altered(healthy_trace(), {"input_mean": 100.0, "input_std": 60.0})
    >>> assert_fires("unnormalised-input", altered(fed, {"activation_std@features.0.act": 90.0})).limit
    10.0
    >>> assert_silent("unnormalised-input", altered(fed, {"activation_std@features.0.act": 0.7}))

## Why it happens
Pixels were left in 0..255, or divided when they should not have been, or the mean of another data set was subtracted.
First weights are drawn for inputs of mean 0 and spread 1; the gradient of the first layer grows with the input, and so
does the first step.

## Not to be confused with
Weights that are too large (bad-initialisation): the same first loss, from a sane input. A learning rate that is too
high: there the first loss is that of guessing.

## Remedies
normalise-input (subtract the mean, divide by the spread), early-batch-norm (does it within the net),
lower-learning-rate.

## References
LeCun, Bottou, Orr, Müller 1998, Efficient BackProp, https://doi.org/10.1007/978-3-642-35289-8_3
Ioffe, Szegedy 2015, Batch normalization, https://arxiv.org/abs/1502.03167
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netvet.locale import _
from netvet.rules import Answer, Finding, RuledOut, rule
from netvet.rules._curve import at_first
from netvet.rules.signal._birth import NARROW, WIDE, birth
from netvet.trace import Trace


@rule(
    "unnormalised-input",
    needs=["input_mean", "input_std"],
    exams=["initial-signal"],
    explains=[
        "loss-plateau",
        "accuracy-plateau",
        "stuck-class",
        "divergence",
        "dead-relu",
        "saturated-activation",
        "vanishing-gradient",
        "exploding-gradient",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "under-performance",
    ],
    remedies=["normalise-input", "early-batch-norm", "lower-learning-rate"],
    yields_to=["bad-initialisation"],
)
def check(trace: Trace, *, far: float = 6.0) -> Iterator[Answer]:
    """`far`: mean over spread of the input."""
    mean, std = trace.series("input_mean"), trace.series("input_std")
    found = birth(trace)
    if found.wide:
        text = _(
            "The input images have a mean of {mean:.3g} and a standard deviation of {std:.3g}; the initial weights "
            "expect 0 and 1."
        )
        message = text.format(mean=mean.first, std=std.first)
        if found.cure == "normalised":
            message += " " + _("With standardised images the signal gets through.")
        elif 1.5 < found.loss < np.inf:
            message += " " + _("The initial loss is {loss:.2g} times that of guessing.").format(loss=found.loss)
        confidence = 0.97 if found.cure == "normalised" else 0.9
        spread, centre = at_first(std), at_first(mean)
        limit = WIDE if std.first > WIDE else NARROW if max(std.first, abs(mean.first)) < NARROW else None
        yield Finding(message, evidence=(spread, centre), limit=limit, confidence=confidence)
    elif abs(mean.first) > far * std.first > 0 and not _normed_early(trace):
        text = _(
            "The input images have a mean of {mean:.3g}, which is {far:.1f} times their standard deviation; no norm "
            "centres them."
        )
        message = text.format(mean=mean.first, far=abs(mean.first) / std.first)
        limit = far * std.first * np.sign(mean.first)
        yield Finding(message, evidence=(at_first(mean), at_first(std)), limit=limit, confidence=0.6)
    elif abs(mean.first) < 2 * std.first < 8 and max(abs(mean.first), std.first) >= NARROW:
        text = _(
            "The input is well scaled: the images have a mean of {mean:.2g} and a standard deviation of {std:.2g}."
        )
        yield RuledOut(
            text.format(mean=mean.first, std=std.first), (at_first(mean), at_first(std)), beside=("bad-initialisation",)
        )


def _normed_early(trace: Trace) -> bool:
    """Whether a norm follows the first convolution; of a net that is not netvet's own, whether it has batch norms."""
    if trace.recipe is None or trace.recipe.model.name not in ("cnn", "resnet", "preact-resnet"):
        return bool(trace.places("norm_mean_gap"))
    after = trace.recipe.model.norm_after
    return after in ("all", "early") or (isinstance(after, tuple) and 1 in after)
