"""Some classes have so few images that the network hardly ever predicts them.

## Symptom
Accuracy looks fine and balanced accuracy does not: the rare species are taken for the common ones.
Of a class of fewer than 6 training images no symptom shows: it is told unless it is surely learnt.

## Evidence
`class_images` and, over the last third of the run, `train_recall` and `val_recall` by class. The rule fires when the
largest class has more than `ratio` times the images of the smallest, recall follows the counts (rank correlation above
`correlation`), and the rarer half of the classes is recognised surely more than `cost` (0..1) less often than the
others; validation recall alone takes twice that. A single rare class fires where it is stuck. The
`class-learning-curve` exam says whether twice the images surely raise its AUC by more than `rising`, or by less than
`flat`.

Proof: rendered species with 40 times fewer images than the largest are recognised in 0 % of training images, the others
in 88 to 93 %.
The runs behind these numbers: docs/evidence/class-imbalance.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> counts = {f"class_images@species {i}": 400 / 2**i for i in range(8)}
    >>> recalls = {f"train_recall@species {i}": 1 - i / 8 for i in range(8)}
    >>> assert_fires("class-imbalance", altered(healthy_trace(), {**counts, **recalls})).where
    'species 7'
    >>> assert_silent("class-imbalance", altered(healthy_trace(), counts))  # unequal, at no cost

## Why it happens
The loss is a mean over images, so a class with 2 % of them has 2 % of the say; predicting a common class is the cheaper
guess.

## Not to be confused with
A rare class that is fitted in training and missed in validation: it lacks variety, and weighting it helps less. A stuck
class with plenty of images. Imbalance that costs nothing: most data sets are unequal, and most networks cope.

## Remedies
oversample did most where it was measured (AUC of the rarest species 0.65 to 0.86), then effective-number (0.83) and
class-weights (0.82): one of the three only, since two would correct twice. augment, since the few images come up many
times (not measured). focal-loss did little (0.69) and class-augment nothing (0.65).

## References
Buda, Maki, Mazurowski 2018, A systematic study of the class imbalance problem in convolutional neural networks,
https://arxiv.org/abs/1710.05381
Johnson, Khoshgoftaar 2019, Survey on deep learning with class imbalance, https://doi.org/10.1186/s40537-019-0192-5
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import logit

from netvet.locale import _
from netvet.rules import Finding, rule
from netvet.rules._chance import independent, interval, surely_more
from netvet.rules._curve import last_third, quantile, read
from netvet.rules._nearness import below
from netvet.rules._stuck import AUC, stuck
from netvet.trace import Trace

MODERATE = 0.8  # up to twice the ratio: less than a cause that an exam has shown
ALONE = 0.65  # confidence: less than any cause that an exam has shown
NEAR = 0.7  # of `ratio`: from there on a class is nearly rare
FEW, LEARNT = 6, 0.5  # training images, from which on a class may be judged; of the usual recall, surely reached
DOUBLINGS = 3  # how far a learning curve is followed: as far as it was measured, from an eighth of the images to all


@rule(
    "class-imbalance",
    needs=["class_images", "val_images", "val_recall"],
    exams=["class-learning-curve"],
    explains=["stuck-class", "accuracy-plateau"],
    remedies=["oversample", "effective-number", "class-weights", "augment"],
)
def check(
    trace: Trace,
    *,
    ratio: float = 5.0,
    correlation: float = 0.4,
    cost: float = 0.2,
    rising: float = 0.01,
    flat: float = 0.02,
) -> Iterator[Finding]:
    """`ratio`: of images; `correlation`: rank correlation; `cost`: recall, 0..1; `rising`, `flat`: AUC."""
    counts = {name: trace.last("class_images", name) for name in trace.places("class_images")}
    counts = {name: count for name, count in sorted(counts.items(), key=lambda pair: pair[1]) if count > 0}
    if len(counts) < 3:
        return
    if (few := _too_few(trace, counts, ratio)) is not None:
        yield few
        return
    if max(counts.values()) <= ratio * min(counts.values()):
        yield from _alone(trace, counts, ratio, rising, flat)
        return
    rarest, most = next(iter(counts)), max(counts, key=lambda name: counts[name])
    for split, confidence in (("train", 0.9), ("val", 0.6)):
        images = counts if split == "train" else {name: trace.last("val_images", name) for name in counts}
        curves = {name: trace.series(f"{split}_recall", name) for name in counts if images[name] > 0}
        recall = {name: float(last_third(curve).mean()) for name, curve in curves.items() if len(curve)}
        names, half = list(recall), len(recall) // 2
        if not half or not np.isfinite(list(recall.values())).all():
            continue
        counted = {name: independent(trace, images[name], split, name) for name in names}
        low, high = (_pooled(recall, images, part) for part in (names[:half], names[half:]))
        n_low, n_high = (sum(counted[name] for name in part) for part in (names[:half], names[half:]))
        if (
            surely_more(high, n_high, low, n_low) <= (cost if split == "train" else 2 * cost)
            or _spearman(counts, recall) <= correlation
        ):
            continue
        text = _(
            "{most} has {high_count:.0f} training images and {rarest} {low_count:.0f}; {split} recall is {low:.0%} "
            "over the {n} rarest classes and {high:.0%} over the others."
        )
        message = text.format(
            most=most,
            high_count=counts[most],
            rarest=rarest,
            low_count=counts[rarest],
            n=half,
            low=low,
            split=_("training") if split == "train" else _("validation"),
            high=high,
        )
        asked = [name for name in names[:half] if name in trace.places("curve_auc")]
        if asked:
            message = f"{message} {_more(trace, asked[0], counts[asked[0]], rising, flat)}"
        yield Finding(
            message,
            where=rarest,
            evidence=(
                *(read(curves[name], recall[name], _("mean of the last third")) for name in names[:half]),
                *(trace.series("class_images", name) for name in (most, rarest)),
                *(trace.series(f"curve_auc{part}", name) for name in asked[:1] for part in ("_half", "", "_twice")),
            ),
            limit=high - (cost if split == "train" else 2 * cost),
            confidence=confidence if counts[most] > 2 * ratio * counts[rarest] else min(confidence, MODERATE),
            needed=_needed(trace, rarest, counts, ratio),
        )
        return
    yield from _alone(trace, counts, ratio, rising, flat)


def _too_few(trace: Trace, counts: dict[str, float], ratio: float) -> Finding | None:
    """A class of which a handful of images is left among classes with more than twice `ratio` times as many, and which
    is not surely learnt: an illness without a symptom, since so few show none. None where there is no such class.
    """
    rarest, most = next(iter(counts)), max(counts, key=lambda name: counts[name])
    if counts[rarest] >= FEW or counts[most] <= 2 * ratio * counts[rarest]:
        return None
    curves = {name: trace.series("val_recall", name) for name in counts}
    recall = {name: float(np.median(last_third(curve))) for name, curve in curves.items() if len(curve)}
    usual = quantile(np.array([value for name, value in recall.items() if name != rarest]), 0.5)
    n, own = trace.last("val_images", rarest), recall.get(rarest, np.nan)
    if n > 0 and 0 <= own <= 1 and interval(own, independent(trace, n, "val", rarest))[0] >= LEARNT * usual:
        return None
    text = _(
        "{rarest} has {count:.0f} training images and {asked:.0f} in validation, where {most} has {most_count:.0f}: so "
        "few are neither learnt nor show whether they are."
    )
    numbers = {"count": counts[rarest], "asked": n if n > 0 else 0, "most_count": counts[most]}
    return Finding(
        text.format(rarest=rarest, most=most, **numbers),
        where=rarest,
        evidence=(
            trace.series("class_images", rarest),
            trace.series("class_images", most),
            *(each for each in (trace.series("val_images", rarest), curves[rarest]) if len(each)),
        ),
        limit=counts[most] / ratio,
        confidence=0.9,
        needed=_needed(trace, rarest, counts, ratio),
        certain=True,
    )


def _alone(trace: Trace, counts: dict[str, float], ratio: float, rising: float, flat: float) -> Iterator[Finding]:
    """One class alone that is both rare and stuck, among others that have images enough; near from `NEAR` of the ratio
    on.
    """
    most = max(counts, key=lambda name: counts[name])
    rare = counts[most] / ratio
    near = {each: below(counts.get(each.place, counts[most]), rare, slack=rare / NEAR - rare) for each in stuck(trace)}
    worst = next((each for each in near if near[each] == 1), next((each for each in near if near[each]), None))
    if worst is None:
        return
    text = _(
        "{name}, the stuck class, has {count:.0f} training images; {most}, the largest class, has {most_count:.0f}."
    )
    message = text.format(name=worst.place, count=counts[worst.place], most=most, most_count=counts[most])
    if worst.place in trace.places("curve_auc"):
        message = f"{message} {_more(trace, worst.place, counts[worst.place], rising, flat)}"
    yield Finding(
        message,
        where=worst.place,
        evidence=(worst.curve, *(trace.series("class_images", name) for name in (worst.place, most))),
        limit=worst.limit,
        confidence=ALONE,
        needed=_needed(trace, worst.place, counts, ratio),
        nearness=near[worst],
    )


def _needed(trace: Trace, name: str, counts: dict[str, float], ratio: float) -> str:
    """How many more images: as its learning curve says, where it has one that is still below what learnt classes reach;
    else as many as a class has that is not called rare.
    """
    count, most = counts[name], max(counts, key=lambda other: counts[other])
    reached, twice = trace.last("curve_auc", name), trace.last("curve_auc_twice", name)
    if reached < AUC:
        slope = logit(twice) - logit(reached)
        doublings = (logit(AUC) - logit(reached)) / slope if slope > 0 else np.inf
        if not doublings <= DOUBLINGS:
            text = _(
                "{name} needs images of another kind: by its learning curve, {times} times as many like those it has "
                "would not give an AUC of {auc:.2f}."
            )
            return text.format(name=name, times=2**DOUBLINGS, auc=AUC)
        text = _(
            "{name} needs more images: by its learning curve, an AUC of {auc:.2f} takes about {more:.0f} more, "
            "{total:.0f} in all."
        )
        total = np.ceil(count * 2**doublings)
        return text.format(name=name, auc=AUC, more=total - count, total=total)
    text = _(
        "{name} needs more images: with {more:.0f} more it would have {total:.0f}, one for every {ratio:.0f} of "
        "{most}, and no longer count as rare."
    )
    total = np.ceil(counts[most] / ratio)
    message = text.format(name=name, more=total - count, total=total, ratio=ratio, most=most)
    if reached >= AUC:
        more = _(
            "{message} From the {count:.0f} it has, features independent of the run separate it from the others with "
            "an AUC of {auc:.2f}: a pretrained network may need no more (transfer)."
        )
        return more.format(message=message, auc=reached, count=count)
    return message


def _more(trace: Trace, name: str, count: float, rising: float, flat: float) -> str:
    """Whether more images of a class would help, by its learning curve."""

    def auc(part: str) -> float:
        return trace.last(f"curve_{part}", name)

    text = _(
        "On features independent of the run, half of the {count:.0f} images of {name} gave an AUC of {half:.2f}, all "
        "of them {all:.2f}, and twice as many would give about {twice:.2f}: {verdict}"
    )
    low, high = auc("gain_low"), auc("gain_high")
    if low > rising:
        verdict = _("the curve is still rising, and more images would help.")
    elif high < flat:
        verdict = _("the curve is flat, and more images of the same kind would hardly help.")
    else:
        verdict = _("whether more would help is uncertain (a gain of {low:+.2f} to {high:+.2f}).")
        verdict = verdict.format(low=low, high=high)
    return text.format(
        count=count, name=name, half=auc("auc_half"), all=auc("auc"), twice=auc("auc_twice"), verdict=verdict
    )


def _pooled(recall: dict[str, float], images: dict[str, float], names: list[str]) -> float:
    """Recall of some classes taken together."""
    return sum(recall[name] * images[name] for name in names) / sum(images[name] for name in names)


def _spearman(counts: dict[str, float], recall: dict[str, float]) -> float:
    """Spearman's rank correlation of images and recall by class, -1..1; 0 where one of them is the same for all."""
    from scipy.stats import rankdata

    one, other = (rankdata([values[name] for name in recall]) for values in (counts, recall))
    return float(np.corrcoef(one, other)[0, 1]) if min(np.ptp(one), np.ptp(other)) > 0 else 0.0
