"""A batch norm's running statistics are not those that the network was trained with.

## Symptom
The loss of the training batches falls as it should, but the network that is evaluated is far worse, on its own training
images too.

## Evidence
With the `batch-norm-agreement` exam: the accuracy on validation images that recomputing the running statistics over
the training images gains. It fires when the gain is surely (95 %) above `gain`, and names the layer whose own
statistics cost most in the mended network; a gain below `hint` rules it out. Without the exam two signs together: the
batches are learnt (`loss` of an epoch's batches below `learnt` of guessing) while the clean training images cost
`ratio` times as much in evaluation; and a running mean lies more than `lag` standard deviations from the batches
(`norm_mean_gap`, median of the last third), and further than chance can put the mean of a batch of that size. In a
user's own loop validation takes the place of the training images.
0.2: healthy runs with batches of 32 and 64 have 0.03 to 0.07, one of batches of 2 has 0.30 (by chance at most 0.56),
runs whose statistics take in 0.3 % of a batch or less 0.4 to 0.96. 1.5: healthy runs have 0.7 to 1.0, these 2.0 to 11;
too high a learning rate 0.9 and 1.0. 0.05 and 0.02: recomputing gains 0 to 4 points in healthy runs and 33 to 42 in
these. 0.8: a wrecked run's batches cost 1.00 of guessing, these 0.21 to 0.54.

## Why it happens
In training each layer is normalised by the batch that it sees, in evaluation by running averages. These go wrong when
they take in too little of each batch (a small momentum, too few steps) and so lag behind the weights, or too much (a
momentum near 1) and so hold one small batch. In a deep network each wrong layer feeds the next.

## Not to be confused with
Overfitting: there the training images are right in evaluation as well. Validation images that differ from the training
images: there the batch's statistics help and recomputed ones do not. A learning rate that is far too high: the
statistics lag there too, but the batch loss is high as well. Batches of two: they jump about their mean, and that alone
cost no accuracy where it was measured.

## Remedies
recalibrate-batch-norm (recomputes the statistics over the training images, the weights stay), group-norm (needs no
batch, and is the same in training and in use), larger-batch (steadier statistics), layer-norm, drop-deep-batch-norm
(where a deep layer does the harm).

## References
Ioffe, Szegedy 2015, Batch normalization, https://arxiv.org/abs/1502.03167
Wu, Johnson 2021, Rethinking "Batch" in BatchNorm, https://arxiv.org/abs/2105.07576
Wu, He 2018, Group normalization, https://arxiv.org/abs/1803.08494
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from netvet.locale import _
from netvet.rule import Answer, Finding, RuledOut, rule
from netvet.rules._chance import chance_loss
from netvet.rules._curve import kept, last_third, quantile
from netvet.trace import Trace


@rule(
    "batch-norm-mismatch",
    needs=["norm_mean_gap"],
    exams=["batch-norm-agreement"],
    explains=["loss-plateau", "accuracy-plateau", "generalisation-gap", "stuck-class", "late-stopping"],
    remedies=["recalibrate-batch-norm", "group-norm", "larger-batch", "layer-norm", "drop-deep-batch-norm"],
)
def check(
    trace: Trace, *, gain: float = 0.05, hint: float = 0.02, lag: float = 0.2, ratio: float = 1.5, learnt: float = 0.8
) -> Iterator[Answer]:
    """`gain`, `hint`: accuracy, 0..1; `lag`: standard deviations; `ratio`: of losses; `learnt`: share of guessing's."""
    if trace.places("norm_recalibrated_accuracy"):
        yield from _by_exam(trace, gain, hint)
        return
    gaps = [trace.series("norm_mean_gap", layer) for layer in trace.places("norm_mean_gap")]
    sizes = [quantile(last_third(curve), 0.5) for curve in gaps]
    worst = int(np.argmax(np.nan_to_num(sizes)))
    batch, evaluated = _losses(trace)
    wide = sizes[worst] > max(lag, _by_chance(trace))
    if not (wide and evaluated > ratio * batch and batch < learnt * chance_loss(trace)):
        return
    text = _(
        "The training images cost {evaluated:.2f} in evaluation but {batch:.2f} in the training batches: the running "
        "mean of {layer} lies {gap:.2f} standard deviations from the batches that it normalises."
    )
    yield Finding(
        text.format(evaluated=evaluated, batch=batch, layer=gaps[worst].where, gap=sizes[worst]),
        where=gaps[worst].where,
        evidence=(gaps[worst], trace.series("norm_std_gap", gaps[worst].where), trace.series("train_loss")),
        limit=max(lag, _by_chance(trace)),
        confidence=float(np.clip(0.8 + 0.05 * np.log2(evaluated / batch), 0.8, 0.95)),
    )


def _by_exam(trace: Trace, gain: float, hint: float) -> Iterator[Answer]:
    """By the accuracy that recomputing the running statistics gains, layer by layer."""
    running, mended = trace.series("norm_running_accuracy"), trace.series("norm_recalibrated_accuracy")
    numbers = {"running": running.last, "mended": mended.last}
    if mended.last - running.last < hint:
        text = _(
            "The batch norms agree: {running:.1%} of the validation images are right with the running statistics, and "
            "{mended:.1%} with recomputed ones."
        )
        yield RuledOut(text.format(**numbers), (running, mended))
    elif trace.last("norm_gain_low") > gain:
        layers = trace.places("norm_swap_gain")
        where = max(
            layers, key=lambda x: (trace.last("norm_swap_fall", x), trace.last("norm_swap_gain", x)), default=""
        )
        text = _(
            "With its running statistics the network is right on {running:.1%} of the validation images, with "
            "recomputed ones on {mended:.1%}; {layer} does most of the harm."
        )
        curves = (trace.series("norm_swap_gain", where), trace.series("norm_swap_fall", where))
        yield Finding(
            text.format(layer=where, **numbers),
            where=where,
            evidence=(running, mended, *curves, trace.series("norm_mean_gap", where)),
            limit=mended.last - gain,
            confidence=float(np.clip(0.6 + 1.85 * (mended.last - running.last), 0.65, 0.97)),
        )


def _losses(trace: Trace) -> tuple[float, float]:
    """Mean loss of the training batches in the epoch that the run yields, and what is evaluated after it; or nan.

    In a user's own loop the training metrics come from the batches themselves, so validation takes the other part.
    """
    after = trace.series("train_loss" if trace.recipe is not None else "val_loss")
    at = min(kept(trace), len(after) - 1)
    if at < 0 or not _comparable(trace):
        return math.nan, math.nan
    loss = trace.series("loss")
    inside = (loss.steps <= after.steps[at]) & (loss.steps > (after.steps[at - 1] if at else -1))
    return quantile(loss.values[inside], 0.5), float(after.values[at])


def _comparable(trace: Trace) -> bool:
    """Whether the batch loss is a plain cross-entropy, or one that can only be higher (smoothing, mixing, dropout)."""
    loss = trace.recipe.loss if trace.recipe is not None else None
    return loss is None or (loss.name == "cross-entropy" and loss.class_weights == "none")


def _by_chance(trace: Trace) -> float:
    """How far a batch's mean lies from the true one by chance at most, in standard deviations of a value.

    sqrt(2 / pi) / sqrt(batch): the mean absolute deviation where every position of an image has the same value.
    """
    size = trace.recipe.batch_size if trace.recipe is not None else _batch(trace)
    return math.sqrt(2 / math.pi / max(size, 1.0))


def _batch(trace: Trace) -> float:
    """Images a step; 1 where that was not recorded."""
    steps = trace.meta.get("steps_per_epoch") or math.nan
    images = trace.last("train_images") / steps
    return images if math.isfinite(images) else 1.0
