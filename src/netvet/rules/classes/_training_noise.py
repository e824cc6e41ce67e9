"""Wrong labels all over the images, which three signs show: simple features, or the network itself, tell the labels of
validation better than those of the training images that they were learnt from; or the audit of the labels counts them.
"""

from __future__ import annotations

from collections.abc import Iterator

from netvet.base.observed import Observed
from netvet.locale import _, later
from netvet.rules import Finding
from netvet.rules._chance import seen, surely_more
from netvet.rules._curve import kept, single, training_accuracy, upto
from netvet.rules._health import WELL, balanced_skill
from netvet.trace import Series, Trace

Sign = tuple[float, str, tuple[Series, ...], float]  # share of wrong labels, 0..1; message; evidence; limit
EFFECTS = ("generalisation-gap", "accuracy-plateau", "loss-plateau", "under-performance", "late-stopping")
WRONG = Observed(later("Training labels that are likely wrong"), "0..1", "share")
REPEATED = 0.5  # share of the images that come again as they were, from which augmentation is no explanation


def in_training(
    trace: Trace, *, told: float, augmented: float, spread: float, lower: float, noisy: float
) -> Iterator[Finding]:
    """Wrong labels of the training images, not of one class: the limits are explained on the page of label-noise."""
    needed = _(
        "The labels need a person's check: about {share:.0%} of them are likely wrong. netvet inspect lists "
        "the likeliest with what they should be, and data.relabel takes the list."
    )
    signs = (*_by_features(trace, told, augmented, spread), *_by_net(trace, lower), *_by_audit(trace, noisy))
    for share, message, curves, limit in signs:
        yield Finding(
            message,
            evidence=(*curves, single("wrong_labels", share, WRONG)),
            limit=limit,
            confidence=0.92,
            explains=EFFECTS,
            needed=needed.format(share=share),
            certain=balanced_skill(trace) < WELL,
        )
        return


def _by_features(trace: Trace, told: float, augmented: float, spread: float) -> Iterator[Sign]:
    own, across = (trace.series("label_information", place) for place in ("training", "across"))
    noise = max(1e-3, *(trace.last("label_chance_spread", place) for place in ("training", "across")))
    gains = [curve.last - trace.last("label_chance", curve.where) for curve in (own, across)]
    known = bool(trace.meta.get("loss_form", {}).get("name"))  # a loss of these labels: nothing was mixed
    limit = told if trace.last("repeated_images") >= REPEATED else augmented
    if not (known and gains[1] - gains[0] > spread * noise and gains[0] < limit * gains[1]):
        return
    text = _(
        "About {share:.0%} of the training labels are likely wrong: colours and edges tell {across:.1%} of the "
        "validation labels from them, and only {own:.1%} of the training labels themselves, each image left out in "
        "turn."
    )
    share = 1 - max(0.0, gains[0]) / gains[1]
    message = text.format(share=share, across=across.last, own=own.last)
    yield share, message, (own, across), trace.last("label_chance", "training") + limit * gains[1]


def _by_net(trace: Trace, lower: float) -> Iterator[Sign]:
    if trace.recipe is None and not trace.last("repeated_images") >= REPEATED:
        return
    train, val = (upto(each, kept(trace)) for each in (training_accuracy(trace), trace.series("val_accuracy")))
    evaluated = trace.recipe is not None or train.name == "train_eval_accuracy"
    less = surely_more(val.last, seen(trace, "val"), train.last, seen(trace, train.name.removesuffix("_accuracy")))
    if not (evaluated and less > lower):
        return
    text = _(
        "About {share:.0%} of the training labels are likely wrong: the network is right on {val:.1%} of the "
        "validation images, and only on {train:.1%} of those that it trains on, asked in the same way."
    )
    share = 1 - train.last / val.last
    yield (
        share,
        text.format(share=share, val=val.last, train=train.last),
        (train, val),
        val.last - lower,
    )


def _by_audit(trace: Trace, noisy: float) -> Iterator[Sign]:
    """By the exam label-audit, in which the labels of validation count too."""
    share, low, high = (trace.series(f"label_noise{end}") for end in ("", "_low", "_high"))
    if not low.last >= noisy:
        return
    text = _(
        "About {share:.0%} of all labels are likely wrong ({low:.0%} to {high:.0%}), by features that owe nothing to "
        "the run."
    )
    yield share.last, text.format(share=share.last, low=low.last, high=high.last), (low, share, high), noisy
