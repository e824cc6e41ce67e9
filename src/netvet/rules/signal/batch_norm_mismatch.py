"""A batch norm's running statistics are not those that the network was trained with.

## Symptom
The loss of the training batches falls as it should, but in evaluation the network is far worse, even on its own
training images.

## Evidence
With the `batch-norm-agreement` exam: fires when, with 95 % confidence, recomputing the running statistics over the
training images raises validation accuracy by more than `gain`; less than `hint` rules it out. Without the exam it takes
two signs: the batches are learnt (`loss` below `learnt` times that of guessing) while the clean training images have
`ratio` times that loss in evaluation; and a running mean lies more than `lag` standard deviations from its batches
(`norm_mean_gap`), further than chance explains. Recomputing gains 0 to 4 points in healthy runs of small nets, 28 to 49
in sick ones; the loss in evaluation is 0.7 to 1.0 times the batch loss in healthy runs, 2.0 to 14 in sick ones.
The runs behind these numbers: docs/evidence/batch-norm-mismatch.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> lagging = altered(healthy_trace(), {"norm_mean_gap@features.1.norm": 0.6})
    >>> assert_fires("batch-norm-mismatch", altered(lagging, {"train_loss": 3.0})).where
    'features.1.norm'
    >>> assert_silent("batch-norm-mismatch", lagging)

## Why it happens
In training each layer is normalised by the batch that it sees, in evaluation by running averages. These go wrong when
they take in too little of each batch (a small momentum, too few steps) and lag behind the weights, or too much (a
momentum near 1) and hold one small batch. In a deep network, every layer that is wrong feeds the next.

## Not to be confused with
Overfitting: the training images are right in evaluation too. Validation images that differ from the training images:
the batch's own statistics help, recomputed ones do not. A learning rate that is far too high: the statistics lag, but
the batch loss is high as well. Batches of two: the statistics scatter about their mean, which by itself cost no
accuracy where it was measured.

## Remedies
recalibrate-batch-norm (recomputes the statistics over the training images; the weights stay), group-norm (needs no
batch, and is the same in training and in use), larger-batch (steadier statistics), layer-norm, drop-deep-batch-norm
(where a deep layer does the harm).

## References
Ioffe, Szegedy 2015, Batch normalization, https://arxiv.org/abs/1502.03167
Wu, Johnson 2021, Rethinking "Batch" in BatchNorm, https://arxiv.org/abs/2105.07576
Wu, He 2018, Group normalization, https://arxiv.org/abs/1803.08494
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netvet.locale import _
from netvet.rules import Answer, Finding, RuledOut, rule
from netvet.rules._chance import chance_loss
from netvet.rules._curve import current, last_third, quantile, read
from netvet.rules._loss import batch_loss
from netvet.rules.signal._norms import by_chance, evaluated_loss, losses
from netvet.trace import Trace


@rule(
    "batch-norm-mismatch",
    needs=["norm_mean_gap"],
    applies_if_recorded="activation_std",
    exams=["batch-norm-agreement"],
    explains=["loss-plateau", "accuracy-plateau", "generalisation-gap", "stuck-class", "under-performance"],
    remedies=["recalibrate-batch-norm", "group-norm", "larger-batch", "layer-norm", "drop-deep-batch-norm"],
)
def check(
    trace: Trace, *, gain: float = 0.1, hint: float = 0.02, lag: float = 0.2, ratio: float = 1.5, learnt: float = 0.9
) -> Iterator[Answer]:
    """`gain`, `hint`: accuracy, 0..1; `lag`: standard deviations; `ratio`: of losses; `learnt`: share of guessing's."""
    if trace.places("norm_recalibrated_accuracy"):
        yield from _by_exam(trace, gain, hint)
        return
    gaps = current(trace, "norm_mean_gap")
    if not gaps:
        return
    sizes = [quantile(last_third(curve), 0.5) for curve in gaps]
    worst = int(np.argmax(np.nan_to_num(sizes)))
    batch, evaluated = losses(trace)
    wide = sizes[worst] > max(lag, by_chance(trace))
    if not (wide and evaluated > ratio * batch and batch < learnt * chance_loss(trace)):
        return
    text = _(
        "In evaluation the loss on the training images is {evaluated:.2f}, in the training batches {batch:.2f}: the "
        "running mean of {layer} lies {gap:.2f} standard deviations from the batches that it normalises."
    )
    after = evaluated_loss(trace)
    if after.name == "val_loss":  # in a loop of one's own the training loss is that of the batches
        text = _(
            "In evaluation the loss on the validation images is {evaluated:.2f}, in the training batches {batch:.2f}: "
            "the running mean of {layer} lies {gap:.2f} standard deviations from the batches that it normalises."
        )
    yield Finding(
        text.format(evaluated=evaluated, batch=batch, layer=gaps[worst].where, gap=sizes[worst]),
        where=gaps[worst].where,
        evidence=(
            read(gaps[worst], sizes[worst], _("median of the last third")),
            trace.series("norm_std_gap", gaps[worst].where),
            read(after, evaluated),
            read(batch_loss(trace)[0], batch, _("median of the epoch")),
        ),
        limit=max(lag, by_chance(trace)),
        confidence=float(np.clip(0.8 + 0.05 * np.log2(evaluated / max(batch, 1e-9)), 0.8, 0.95)),
    )


def _by_exam(trace: Trace, gain: float, hint: float) -> Iterator[Answer]:
    """By the accuracy that recomputing the running statistics gains, layer by layer."""
    running, mended = trace.series("norm_running_accuracy"), trace.series("norm_recalibrated_accuracy")
    numbers = {"running": running.last, "mended": mended.last}
    if mended.last - running.last < hint:
        text = _(
            "The batch norms agree: validation accuracy is {running:.1%} with the running statistics, and {mended:.1%} "
            "with recomputed ones."
        )
        yield RuledOut(text.format(**numbers), (running, mended))
    elif trace.last("norm_gain_low") > gain:
        layers = trace.places("norm_swap_gain")
        where = max(
            layers, key=lambda x: (trace.last("norm_swap_fall", x), trace.last("norm_swap_gain", x)), default=""
        )
        text = _(
            "Validation accuracy is {running:.1%} with the running statistics, and {mended:.1%} with recomputed ones."
        )
        if where:
            text += " " + _("{layer} does most of the harm.")
        others = (trace.series(name, where) for name in ("norm_swap_fall", "norm_swap_gain", "norm_mean_gap"))
        yield Finding(
            text.format(layer=where, **numbers),
            where=where,
            evidence=(running, mended, *(curve for curve in others if len(curve))),
            limit=mended.last - gain,
            confidence=float(np.clip(0.6 + 1.85 * (mended.last - running.last), 0.65, 0.97)),
        )
