"""The images are fed in a range that the first weights are not made for.

## Symptom
The first loss is ten times that of guessing or more, the first steps kill units or fill bounded activations, and after
that the loss does not fall; or training goes, but only at a learning rate a hundred times lower than usual.

## Evidence
`input_std` (spread of the images as the model takes them in) above 10, and the spread is felt: at the first step
the outputs of the first activation spread by more than 5 (below 1 in healthy nets), or more than half of them lie at a
bound. Behind a norm that follows the first convolution neither is so, and the range does no harm: silent. 10: painted
fish have 1.3 when standardised, 0.16 in 0..1 and 41 in bytes; behind the first activation bytes leave a spread of 92,
or 99 % of tanh's outputs at a bound. At lower confidence: a mean further from 0 than `far` spreads where no norm
follows the first convolution (painted fish have 1.9 in 0..1, which does no harm; 6 was not met in any run). With the
`initial-signal` exam: the signal does not get through, and with standardised images it does. Trained at 32 px without
norms, bytes end at guessing with SGD; Adam learns all the same (58 % right, 38 % with standardised images and SGD): a
note.

## Why it happens
Pixels were left in 0..255, or divided where they should not be, or the mean of another data set was subtracted. First
weights are drawn for inputs of mean 0 and spread 1; the gradient of the first layer grows with the input, and the
first step with it.

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

from netvet.locale import _
from netvet.rules import Answer, Finding, RuledOut, rule
from netvet.rules.signal._birth import WIDE, birth
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
    ],
    remedies=["normalise-input", "early-batch-norm", "lower-learning-rate"],
)
def check(trace: Trace, *, far: float = 6.0) -> Iterator[Answer]:
    """`far`: mean over spread of the input."""
    mean, std = trace.series("input_mean"), trace.series("input_std")
    found = birth(trace)
    if found.fault == "input":
        text = _(
            "The images are fed with a mean of {mean:.3g} and a spread of {std:.3g}; the first weights expect 0 and 1."
        )
        message = text.format(mean=mean.first, std=std.first)
        if found.cure == "normalised":
            message += " " + _("With standardised images the signal gets through.")
        elif found.loss > 1.5:
            message += " " + _("The first loss is {loss:.2g} times that of guessing.").format(loss=found.loss)
        confidence = 0.97 if found.cure == "normalised" else 0.9
        yield Finding(message, evidence=(std, mean), limit=WIDE, confidence=confidence)
    elif abs(mean.first) > far * std.first > 0 and not _normed_early(trace):
        text = _(
            "The images are fed with a mean of {mean:.3g}, which is {far:.1f} times their spread; no norm centres them."
        )
        message = text.format(mean=mean.first, far=abs(mean.first) / std.first)
        yield Finding(message, evidence=(mean, std), limit=far * std.first, confidence=0.6)
    elif abs(mean.first) < 2 * std.first < 8:
        text = _("The input is sane: the images have a mean of {mean:.2g} and a spread of {std:.2g}.")
        yield RuledOut(text.format(mean=mean.first, std=std.first), (mean, std))


def _normed_early(trace: Trace) -> bool:
    """Whether a norm follows the first convolution; of a net that is not netvet's own, whether it has batch norms."""
    if trace.recipe is None or trace.recipe.model.name not in ("cnn", "resnet", "preact-resnet"):
        return bool(trace.places("norm_mean_gap"))
    after = trace.recipe.model.norm_after
    return after in ("all", "early") or (isinstance(after, tuple) and 1 in after)
