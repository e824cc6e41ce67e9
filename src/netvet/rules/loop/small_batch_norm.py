"""A batch norm takes its statistics from so few values that they say nothing.

## Symptom
Training accuracy is low and noisy with a small batch, much lower than with another norm or a larger batch; classes
come and go.

## Evidence
`norm_values`, the values that a batch norm has of each channel: images of the batch times positions of its map. Fires
when a batch norm had at most `limit` in half of the measurements, or when batches have at most `images`, the positions
of one image being alike. Why 3: a cnn whose last norms see single positions reached 45 % with two values, where group
norm reached 77 %; 61 and 85 % with three; 82 and 84 % with four. Why 2: netvet's own cnn, 32 values in its last norm,
reached 38 and 58 % at two rates with batches of two, where group norm reached 62 and 78 %.
The runs behind these numbers: docs/evidence/small-batch-norm.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> few = altered(healthy_trace(), {"norm_values@features.3.norm": 2})
    >>> assert_fires("small-batch-norm", few).where
    'features.3.norm'
    >>> assert_silent("small-batch-norm", altered(few, {"norm_values@features.3.norm": 32}))

## Why it happens
Two values, less their mean and over their standard deviation, are -1 and 1, whatever they were: the channel says no
more than which is larger, and depends on what else is in the batch. The last layers of a deep net have small maps, and
memory keeps the batch small.

## Not to be confused with
A batch-norm-mismatch: statistics that are good and lag behind. Accumulated gradients help the optimiser and not
the norms. A class-imbalance or label-noise of the class that comes off worst.

## Remedies
group-norm (takes its statistics from one image), larger-batch, layer-norm. In a loop of one's own, the line of code.

## References
Wu, He 2018, Group normalization, https://arxiv.org/abs/1803.08494
Ioffe 2017, Batch renormalization, https://arxiv.org/abs/1702.03275
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netvet.locale import _, ngettext
from netvet.rules import Answer, Finding, rule
from netvet.rules._curve import middle
from netvet.trace import Series, Trace

CURES = ("group-norm", "larger-batch", "layer-norm")


@rule(
    "small-batch-norm",
    needs=["norm_values"],
    applies_if_recorded="activation_std",
    explains=[
        "loss-plateau",
        "accuracy-plateau",
        "stuck-class",
        "generalisation-gap",
        "divergence",
        "batch-norm-mismatch",
        "under-capacity",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "weak-features",
        "look-alike-classes",
        "label-noise",
        "class-imbalance",
        "under-performance",
    ],
    remedies=CURES,
)
def check(trace: Trace, *, limit: float = 3.0, images: float = 2.0) -> Iterator[Answer]:
    """`limit`: values of a channel; `images`: of a batch."""
    curves = [trace.series("norm_values", layer) for layer in trace.places("norm_values")]
    small = [curve for curve in curves if np.median(curve.values) <= limit]
    if not small and curves and _images(trace) <= images:
        yield _few_images(trace, min(curves, key=lambda curve: float(np.median(curve.values))), images)
    if not small:
        return
    worst = min(small, key=lambda curve: float(np.median(curve.values)))
    more = ngettext("; {n} more layer is like it.", "; {n} more layers are like it.", len(small) - 1)
    text = _("The batch norm {layer} takes mean and variance of each channel from {values:.0f} values")
    message = text.format(layer=worst.where, values=float(np.median(worst.values)))
    yield Finding(
        message + (more.format(n=len(small) - 1) if small[1:] else "."),
        where=worst.where,
        evidence=(middle(worst),),
        limit=limit,
        confidence=0.94,
        fix=_fix(trace),
        remedies=CURES,
    )


def _few_images(trace: Trace, worst: Series, limit: float) -> Finding:
    """Values enough, of one or two images alone."""
    text = _(
        "Batches have {images:.0f} images: the batch norm {layer} takes mean and variance of each channel from "
        "{values:.0f} values of as few pictures, and they change with every batch."
    )
    values, counted = float(np.median(worst.values)), trace.recipe is None
    return Finding(
        text.format(images=_images(trace), layer=worst.where, values=values),
        where=worst.where,
        evidence=(middle(trace.series("batch_images")), middle(worst)) if counted else (middle(worst),),
        limit=limit if counted else None,
        confidence=0.88,
        fix=_fix(trace),
        remedies=CURES,
    )


def _images(trace: Trace) -> float:
    """Images of a batch; infinite where that is not known."""
    if trace.recipe is not None:
        return trace.recipe.batch_size
    counts = trace.series("batch_images").values
    return float(np.median(counts)) if len(counts) else np.inf


def _fix(trace: Trace) -> str:
    if trace.recipe is not None:
        return ""
    return "nn.GroupNorm(8, channels)  # " + _("in place of each batch norm")
