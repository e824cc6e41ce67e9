"""Batch norm agreement: is the network that is used the one that was trained?

## What it does
In training a batch norm divides by the statistics of the batch, in use by the running ones. The run's final network
sees the validation images with its running statistics, with those of batches of several sizes, and with running
statistics recomputed over the training images (clean, dropout off). Where these differ by more than chance, each batch
norm is mended alone, by the batch's and by recomputed statistics, and each keeps its own while all others are mended.
Nothing in the run is changed. Whether the network would do better without the norm after a layer is not measured here:
taking one away means other weights, and that is for the trial of the remedy drop-deep-batch-norm.

## What it gives
`norm_running_accuracy`, `norm_running_loss`; `norm_batch_accuracy`, `norm_batch_loss` at "batch 8" and so on;
`norm_recalibrated_accuracy`, `norm_recalibrated_loss`, and `norm_gain_low`: how much more accurate the recomputed
statistics are at least (95 %, paired). By layer, in accuracy (-1..1): `norm_swap_gain`, gained by
recomputing that layer's statistics alone; `norm_swap_batch_gain`, by giving it alone the batch's; `norm_swap_fall`,
lost when it alone keeps its own while the others are recomputed. The fall names the layer: mending a sound layer gains
too where it makes good what one before it does wrong.

## What it decides
Whether a network is poor because its running statistics are wrong, and at which layer. Recomputed statistics that
help: the statistics are ill. Those of validation batches help and recomputed ones do not: the validation images
differ from the training images, and the norms are not at fault. Neither helps: look elsewhere.

## References
S. Ioffe, C. Szegedy: Batch Normalization, ICML 2015, https://arxiv.org/abs/1502.03167
Y. Wu, J. Johnson: Rethinking "Batch" in BatchNorm, 2021, https://arxiv.org/abs/2105.07576
P. Izmailov et al.: Averaging weights leads to wider optima, UAI 2018 (statistics recomputed), https://arxiv.org/abs/1803.05407
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netvet.base.observed import Observed
from netvet.exams import ExamContext, exam
from netvet.locale import _
from netvet.trace import TraceWriter

if TYPE_CHECKING:
    from torch import nn

    from netvet.exams._trained import Score, Trained

SIZES = (8, 64)  # images a batch, beside the run's own
IMAGES = 1024  # of each split at most: accuracy to within about 3 points
WORK = 10_000  # images that the search for the layer may cost in all
FEWEST = 96  # of each split, however many layers there are


KINDS = ("running", "batch", "recalibrated")
DIFFERENCES = ("norm_gain_low", "norm_swap_gain", "norm_swap_batch_gain", "norm_swap_fall")


@exam(
    "batch-norm-agreement",
    gives={
        **{f"norm_{kind}_accuracy": Observed("", "0..1", "share") for kind in KINDS},
        **{f"norm_{kind}_loss": Observed("", "nats", "nats") for kind in KINDS},
        **dict.fromkeys(DIFFERENCES, Observed("", "accuracy, -1..1")),
    },
    cost="5 forward passes over at most 1,024 validation images and 1 over as many training images; where they "
    "disagree, 3 and 1 more for each batch norm, over fewer images",
)
def run_exam(context: ExamContext) -> str:
    """Compare running with batch and recomputed statistics on a context."""
    from netvet.exams import _trained
    from netvet.training.passes import batch_norms

    subject = _trained.load(context)
    if not batch_norms(subject.last):
        return _("This network has no batch norm with running statistics, so there is nothing to check.")
    val, train = subject.rows("val", IMAGES), subject.rows("train", IMAGES)
    running = subject.score(subject.last, val)
    if not running.finite:
        return _("The network's output is not finite, so its batch norms cannot be compared.")
    sizes = sorted({min(size, len(val)) for size in (*SIZES, context.recipe.batch_size)})
    by_batch = {size: subject.score_by_batches(subject.last, val, size) for size in sizes}
    mended = subject.recalibrated(subject.last, train)
    recomputed = subject.score(mended, val)
    record = context.record
    _write(record, "running", running)
    _write(record, "recalibrated", recomputed)
    for size, score in by_batch.items():
        _write(record, "batch", score, f"batch {size}")
    best = max(by_batch, key=lambda size: by_batch[size].accuracy)
    surely = _trained.gained(recomputed.right, running.right)
    record.add(0, "norm_gain_low", surely)
    numbers = {
        "running": running.accuracy,
        "recomputed": recomputed.accuracy,
        "batch": by_batch[best].accuracy,
        "size": best,
    }
    if max(surely, _trained.gained(by_batch[best].right, running.right)) <= 0:
        text = _(
            "The batch norms agree: validation accuracy is {running:.1%} with the running statistics, {recomputed:.1%} "
            "with recomputed ones and {batch:.1%} with those of batches of {size}."
        )
        return text.format(**numbers)
    layer = _search(subject, mended, record)
    if surely <= 0:
        text = _(
            "The running statistics fit the training images: recomputing them changes validation accuracy from "
            "{running:.1%} to {recomputed:.1%}. With those of validation batches of {size} it is {batch:.1%}: the "
            "validation images differ from the training images."
        )
        return text.format(**numbers)
    text = _(
        "The running statistics are wrong: validation accuracy is {running:.1%} with them and {recomputed:.1%} once "
        "they are recomputed over the training images; {layer} does most of the harm."
    )
    return text.format(layer=layer, **numbers)


def _write(record: TraceWriter, kind: str, score: Score, where: str = "") -> None:
    record.add(0, f"norm_{kind}_accuracy", score.accuracy, where)
    record.add(0, f"norm_{kind}_loss", score.loss, where)


def _search(subject: Trained, mended: nn.Module, record: TraceWriter) -> str:
    """Swap one layer's statistics at a time; the layer whose own cost most in a mended net."""
    from netvet.training.passes import batch_norms

    names = list(batch_norms(subject.last))
    count = int(np.clip(WORK // (4 * len(names)), FEWEST, IMAGES))
    val, train = subject.rows("val", count), subject.rows("train", count)
    base, best = subject.score(subject.last, val), subject.score(mended, val)
    harm: dict[str, tuple[float, float]] = {}
    for name in names:
        alone = subject.score(subject.recalibrated(subject.last, train, only=[name]), val)
        swapped = subject.score_by_batches(subject.last, val, min(64, len(val)), only=[name])
        kept = subject.score(_with_own(mended, subject.last, name), val)
        gain, fall = alone.accuracy - base.accuracy, best.accuracy - kept.accuracy
        record.add(0, "norm_swap_gain", gain, name)
        record.add(0, "norm_swap_batch_gain", swapped.accuracy - base.accuracy, name)
        record.add(0, "norm_swap_fall", fall, name)
        harm[name] = (fall, gain)
    return max(harm, key=lambda name: harm[name])


def _with_own(mended: nn.Module, own: nn.Module, name: str) -> nn.Module:
    """The mended network with one layer's running statistics as the run left them."""
    import copy

    changed = copy.deepcopy(mended)
    changed.get_submodule(name).load_state_dict(own.get_submodule(name).state_dict())
    return changed
