"""Some classes have so few images that the network hardly ever names them.

## Symptom
Accuracy looks fine and balanced accuracy does not: the rare species are taken for the common ones.

## Evidence
`class_images` and, over the last third of the run, `train_recall` and `val_recall` by class. Fires when the largest
class has more than `ratio` times the images of the smallest, recall goes with the counts (Spearman's rank correlation
above `correlation`), and the rare classes together (the half with the fewest images) are recognised surely `cost`
(0..1) less often than the others, by Newcombe's interval. Training recall says more: the network has seen these very
images and names another class all the same. A gap in validation alone may be want of variety: there it takes twice the
`cost`, and the confidence is less, as it is up to twice the `ratio`: rare classes that are six times smaller were dark
besides, and that was it. 0.2: of painted species with 40 times fewer images than the largest, 0 % of the training
images are recognised and 88 to 93 % of the others'; 23 species in photographs, 23 times apart, reach 96 to 98 % and 99
% (in validation 56 and 92 %). A class that is rare by itself, among others that have images enough, does not show in
such a comparison: it fires, at the least confidence, where it is stuck. One species of photographs with 6 or 12
training images, the others having 70, came down from a recall of 0.57 to between 0.00 and 0.14.

Where the `class-learning-curve` exam was taken, the message says whether more images would help: they would if twice
as many surely (95 %) raise the AUC of the class, on features that have not seen the run, by more than `rising`; they
would hardly if they surely raise it by less than `flat`. Such forecasts are good to about 0.01: what all images gave
was told from half of them, for six species in photographs and five painted ones, with a mean error of 0.005 (at most
0.021, too high more often than too low). A painted species of 20 training images, the largest having 220, had 0.73
with half of them, 0.78 with all, and a forecast of 0.82; one of 220 photographs had 0.998, and a gain of at
most 0.002. Whether the run's own network gains as much was not measured.

## Why it happens
The loss is a mean over images, so a class with 2 % of them has 2 % of the say; naming a common class is the cheaper
guess.

## Not to be confused with
A rare class that is fitted in training and missed in validation: it lacks variety, and weighing it more helps less. A
class that is stuck though it has plenty of images. Imbalance that costs nothing: most sets are unequal, and most
networks cope.

## Remedies
oversample (every class equally likely in a batch) did most where it was measured: with 4 to 128 training images of six
painted species (four seeds) the AUC of the rarest rose from 0.65 to 0.86; with effective-number it rose to 0.83, with
class-weights to 0.82. Only one of the three at a time: two would correct twice. augment, since the few images come up
many times (not measured). focal-loss did little (0.69) and class-augment nothing (0.65).

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
from netvet.rules._chance import surely_more
from netvet.rules._curve import last_third
from netvet.rules._stuck import AUC, stuck
from netvet.trace import Trace

MODERATE = 0.8  # up to twice the ratio: less than a cause that an exam has shown
ALONE = 0.65  # confidence: less than any cause that an exam has shown
NEAR, SUSPECTED = 0.7, 0.5  # of `ratio` and of the confidence, for a class that is nearly rare
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
        (low, n_low), (high, n_high) = (_pooled(recall, images, part) for part in (names[:half], names[half:]))
        if (
            surely_more(high, n_high, low, n_low) <= (cost if split == "train" else 2 * cost)
            or _spearman(counts, recall) <= correlation
        ):
            continue
        text = _(
            "{most} has {high_count:.0f} training images and {rarest} {low_count:.0f}; of the {n} rarest classes "
            "{low:.0%} of "
            "the {split} images are recognised, of the others {high:.0%}."
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
                *(curves[name] for name in names[:half]),
                *(trace.series(f"curve_auc{part}", name) for name in asked[:1] for part in ("_half", "", "_twice")),
            ),
            limit=high - cost,
            confidence=confidence if counts[most] > 2 * ratio * counts[rarest] else min(confidence, MODERATE),
            needed=_needed(trace, rarest, counts, ratio),
        )
        return
    yield from _alone(trace, counts, ratio, rising, flat)


def _alone(trace: Trace, counts: dict[str, float], ratio: float, rising: float, flat: float) -> Iterator[Finding]:
    """One class alone that is both rare and stuck, among others that have images enough; suspected from `NEAR` of the
    ratio on.
    """
    most, known = max(counts, key=lambda name: counts[name]), stuck(trace)
    for least in (ratio, NEAR * ratio):
        rare = [each for each in known if counts.get(each.place, counts[most]) * least < counts[most]]
        if not rare:
            continue
        worst = rare[0]
        text = _(
            "{name}, which is stuck, has {count:.0f} training images; {most}, which has the most, has {most_count:.0f}."
        )
        message = text.format(name=worst.place, count=counts[worst.place], most=most, most_count=counts[most])
        if worst.place in trace.places("curve_auc"):
            message = f"{message} {_more(trace, worst.place, counts[worst.place], rising, flat)}"
        yield Finding(
            message,
            where=worst.place,
            evidence=(worst.curve,),
            limit=worst.limit,
            confidence=ALONE if least == ratio else SUSPECTED * ALONE,
            needed=_needed(trace, worst.place, counts, ratio),
            suspected=least < ratio,
        )
        return


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
                "It takes other images of {name}: by its learning curve {times} times as many of the kind that there "
                "are would not give an AUC of {auc:.2f}."
            )
            return text.format(name=name, times=2**DOUBLINGS, auc=AUC)
        text = _(
            "It takes more images of {name}: by its learning curve an AUC of {auc:.2f} takes about {more:.0f} more, "
            "{total:.0f} in all."
        )
        total = np.ceil(count * 2**doublings)
        return text.format(name=name, auc=AUC, more=total - count, total=total)
    text = _(
        "It takes more images of {name}: with {more:.0f} more it would have {total:.0f}, one for {ratio:.0f} of "
        "{most}, and not be called rare."
    )
    total = np.ceil(counts[most] / ratio)
    message = text.format(name=name, more=total - count, total=total, ratio=ratio, most=most)
    if reached >= AUC:
        more = _(
            "{message} Features that have not seen the run tell it from the others with an AUC of {auc:.2f} by the "
            "{count:.0f} that there are: a pretrained network may need no more (transfer)."
        )
        return more.format(message=message, auc=reached, count=count)
    return message


def _more(trace: Trace, name: str, count: float, rising: float, flat: float) -> str:
    """Whether more images of a class would help, by its learning curve."""

    def auc(part: str) -> float:
        return trace.last(f"curve_{part}", name)

    told = _(
        "Half of the {count:.0f} images of {name} gave an AUC of {half:.2f} on features that have not seen the run, "
        "all of them give {all:.2f}, and twice as many would give about {twice:.2f}: {verdict}"
    )
    low, high = auc("gain_low"), auc("gain_high")
    if low > rising:
        verdict = _("still rising, and more images would help.")
    elif high < flat:
        verdict = _("the curve is flat, and more images of the same kind would hardly help.")
    else:
        verdict = _("whether more would help cannot be told (a gain of {low:+.2f} to {high:+.2f}).")
        verdict = verdict.format(low=low, high=high)
    return told.format(
        count=count, name=name, half=auc("auc_half"), all=auc("auc"), twice=auc("auc_twice"), verdict=verdict
    )


def _pooled(recall: dict[str, float], images: dict[str, float], names: list[str]) -> tuple[float, float]:
    """Recall of some classes taken together, and their images."""
    total = sum(images[name] for name in names)
    return sum(recall[name] * images[name] for name in names) / total, total


def _spearman(counts: dict[str, float], recall: dict[str, float]) -> float:
    """Spearman's rank correlation of images and recall by class, -1..1; 0 where one of them is the same for all."""
    from scipy.stats import rankdata

    one, other = (rankdata([values[name] for name in recall]) for values in (counts, recall))
    return float(np.corrcoef(one, other)[0, 1]) if min(np.ptp(one), np.ptp(other)) > 0 else 0.0
