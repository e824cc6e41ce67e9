"""An image that the network is fed holds values that are no numbers: NaN or infinity.

## Symptom
The loss becomes NaN all of a sudden, at another step in each run where images are shuffled; a lower rate does not
help.

## Evidence
`broken_images`: how many images with a value that is not finite were fed so far, and of the first its step, its place
in the batch and how many of its values are so. It fires on the first one: there is no limit. Where the loss was already
no number before that step the image is not what broke it, and it is not named.
The runs behind these numbers: docs/evidence/broken-input.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> seen = {"broken_images@training": 3.0, "broken_step": 14.0, "broken_at": 22.0, "broken_values": 9.0}
    >>> loop = altered(healthy_trace(recipe=None), seen)
    >>> assert_fires("broken-input", loop).evidence[0].last
    3.0
    >>> assert_silent("broken-input", altered(loop, {"broken_images@training": 0.0}))

## Why it happens
An image of one colour was divided by its own spread, 0; a logarithm of 0 or a power of a negative number in a
preprocessing of one's own; an overflow in float16; a broken file that a reader returns as it is; augmentation that
divides by what it cut away.

## Not to be confused with
learning-rate-too-high: there the pixels are finite, and the loss rises before it is no number. unsuited-loss: the
images are sound, and the loss takes the logarithm of 0.

## Remedies
A line of code that finds these images; then leave them out, or mend what makes them. Replacing NaN by 0 hides them.

## References
torch.isfinite, https://docs.pytorch.org/docs/stable/generated/torch.isfinite.html
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netvet.locale import _
from netvet.rules import Finding, rule
from netvet.trace import Trace

FIX = "bad = [i for i, (image, _) in enumerate(train_set) if not image.isfinite().all()]  # leave out, or mend"
FIX_VAL = "bad = [i for i, (image, _) in enumerate(val_set) if not image.isfinite().all()]  # leave out, or mend"


@rule(
    "broken-input",
    needs=["broken_images"],
    applies_if_recorded="loss",
    explains=[
        "divergence",
        "loss-plateau",
        "accuracy-plateau",
        "generalisation-gap",
        "under-performance",
        "learning-rate-too-high",
        "exploding-gradient",
        "unsuited-loss",
    ],
)
def check(trace: Trace) -> Iterator[Finding]:
    """No limits: one such value is one too many."""
    train, val = (trace.series("broken_images", place) for place in ("training", "validation"))
    if train.last > 0 and not _lost_before(trace):
        text = _(
            "images[{at:.0f}] of the batch at step {step:.0f} has {values:.0f} values that are not finite (NaN or "
            "infinity); {images:.0f} such images were fed in training."
        )
        message = text.format(
            at=trace.last("broken_at"),
            step=trace.last("broken_step"),
            values=trace.last("broken_values"),
            images=train.last,
        )
        curves = (train, *(trace.series(name) for name in ("broken_at", "broken_step", "broken_values")))
        yield Finding(message, "training", curves, 0.0, 0.99, fix=FIX, certain=True)
    elif val.last > 0:
        text = _("{images:.0f} validation images have values that are not finite (NaN or infinity).")
        yield Finding(text.format(images=val.last), "validation", (val,), 0.0, 0.99, fix=FIX_VAL, certain=True)


def _lost_before(trace: Trace) -> bool:
    """Whether the loss was no number before the first such image was fed."""
    loss = trace.series("loss")
    lost = loss.steps[~np.isfinite(loss.values)]
    return bool(len(lost)) and int(lost[0]) < trace.last("broken_step")
