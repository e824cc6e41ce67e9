"""Some classes have so few images that the network hardly ever names them.

## Symptom
Accuracy looks fine and balanced accuracy does not: the rare species are taken for the common ones.

## Evidence
`class_images` and, at the end of the run, `val_recall` by class. Fires when the largest class has more than `ratio`
times the images of the smallest, recall goes with the counts (Spearman's rank correlation above `correlation`), and
the rare classes together (the third with the fewest images) are recognised surely `cost` (0..1) less often than the
others, by Newcombe's interval. More confident when their *training* recall is low as well: then the network does not
even try.

## Why it happens
The loss is a mean over images, so a class with 2 % of them has 2 % of the say; naming a common class is the cheaper
guess.

## Not to be confused with
A rare class that is fitted in training and missed in validation: it lacks variety, and weighing it more helps less. A
class that is stuck though it has plenty of images. Imbalance that costs nothing: most sets are unequal, and most
networks cope.

## Remedies
oversample (every class equally likely in a batch), augment.

## References
Buda, Maki, Mazurowski 2018, A systematic study of the class imbalance problem in convolutional neural networks,
https://arxiv.org/abs/1710.05381
Johnson, Khoshgoftaar 2019, Survey on deep learning with class imbalance, https://doi.org/10.1186/s40537-019-0192-5
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netvet.locale import _
from netvet.rule import Finding, rule
from netvet.rules._chance import surely_more
from netvet.rules._curve import last_third
from netvet.trace import Trace


@rule(
    "class-imbalance",
    needs=["class_images", "val_images", "val_recall"],
    explains=["stuck-class", "accuracy-plateau"],
    remedies=["oversample", "augment"],
)
def check(trace: Trace, *, ratio: float = 5.0, correlation: float = 0.4, cost: float = 0.2) -> Iterator[Finding]:
    """`ratio`: of images; `correlation`: rank correlation; `cost`: recall, 0..1."""
    names = [
        n
        for n in trace.places("class_images")
        if trace.last("val_images", n) > 0 and len(trace.series("val_recall", n))
    ]
    counts = np.array([trace.last("class_images", n) for n in names])
    if len(names) < 2 or counts.max() <= ratio * counts.min():
        return
    recall, trained = (
        np.array(
            [
                last_third(trace.series(f"{s}_recall", n)).mean() if len(trace.series(f"{s}_recall", n)) else np.nan
                for n in names
            ]
        )
        for s in ("val", "train")
    )
    images = np.array([trace.last("val_images", n) for n in names])
    rare = np.argsort(counts, kind="stable")[: max(1, len(names) // 3)]
    common = np.setdiff1d(np.arange(len(names)), rare)
    low, high = (float(np.average(recall[part], weights=images[part])) for part in (rare, common))
    lost = surely_more(high, images[common].sum(), low, images[rare].sum())
    follows = _spearman(counts, recall)
    if lost <= cost or follows <= correlation:
        return
    smallest = names[int(rare[0])]
    text = _(
        "{most} has {high:.0f} training images and {least} {low:.0f}; the {n} rarest classes are recognised in "
        "{rare:.0%} "
        "of cases, the others in {common:.0%}."
    )
    yield Finding(
        text.format(
            most=names[int(np.argmax(counts))],
            high=counts.max(),
            least=smallest,
            low=counts.min(),
            n=len(rare),
            rare=low,
            common=high,
        ),
        where=smallest,
        evidence=(trace.series("val_recall", smallest), *(trace.series("class_images", names[i]) for i in rare[:3])),
        limit=high - cost,
        confidence=0.9 if trained[rare].mean() < trained[common].mean() - cost / 2 else 0.6,
    )


def _spearman(
    a: np.ndarray[tuple[int], np.dtype[np.float64]], b: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> float:
    """Spearman's rank correlation, -1..1; 0 where all of `b` is one value."""
    from scipy.stats import rankdata

    ranks = rankdata(a), rankdata(b)
    return float(np.corrcoef(*ranks)[0, 1]) if min(np.ptp(ranks[0]), np.ptp(ranks[1])) > 0 else 0.0
