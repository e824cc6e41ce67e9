"""Which labels of a class are likely wrong, and how well can its images be separated from others at all?

## What it does
Describes every image of the data set by features that owe nothing to the run: those of a pretrained network where its
weights are installed, handmade ones otherwise. A logistic regression on them is cross-validated, groups kept whole
(near-duplicates, where no groups are known). Confident learning (cleanlab) then counts by class the labels that are
likely wrong: the image is taken for another class as surely as the images of that class are on average.

## What it gives
By class: `label_error_share`, the share (0..1) of the images with this label that are likely of another class;
`label_error_together`, the share of these that are likely of the same one, and `label_error_class`, the index of that
one. Of the cross-validated predictions, 0..1: `image_auc`, the class against the rest; `image_pair_auc`, against the
class that the network takes it for most; `image_rest_auc`, against all but that one, by the probability of either (a
class that cannot be told from its partner has half of its probability there). Arrays `label_errors`: rows of the
images, the likeliest error first, by what `netvet inspect` makes of them; `label_suggested`: the class that fits each
of them best; and `label_wrong`: the probability that its label is wrong, by the same. Of all images `label_noise`, the
share (0..1) whose label is likely wrong, listed or not, between `label_noise_low` and `label_noise_high`.

Of the core of each class, the images that the cross-validated regression takes for it most surely, a quarter as many as
carry its label: `label_core_wrong`, the share with another label, `label_core_images`, how many they are,
`label_core_class`, the index of the label that most of these have, `label_core_together`, the share of those with
another label that have it, and `label_core_back`, the share of that class's own core that carries this label. Where
groups are known: `label_torn`, of the pairs of images of one group in which at least one carries the label, the share
in which the other carries another, and `label_torn_pairs`, how many pairs. Images are taken from their files at 128
pixels a side where the network is shown fewer and they are at most 4,000.

## What it decides
Whether wrong labels keep a class from being learnt, and, where labels are sound, whether its images hold what tells it
from the others: where features that have never seen the run separate them and the network does not, the network lacks
something; where neither does, the classes look alike.

## References
Northcutt, Jiang, Chuang 2021, Confident learning, https://doi.org/10.1613/jair.1.12125
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netvet.audit import labels
from netvet.base.observed import Observed
from netvet.confusion import most_confused_with
from netvet.exams import ExamContext, exam
from netvet.exams._described import described, member
from netvet.locale import _, later
from netvet.trace import Trace

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netvet.images.dataset import ImageSet

MOST = 200  # suspects that are kept
CORE = 6  # images: the fewest of a core, and of a class that has one


@exam(
    "label-audit",
    gives={
        "label_error_share": Observed(later("Labels that are likely wrong"), "0..1", "share"),
        "label_error_together": Observed("", "0..1", "share"),
        "label_error_class": Observed("", "index of the class", "index"),
        "image_auc": Observed(later("AUC of the images' own features"), "0..1", "auc"),
        "image_pair_auc": Observed(
            later("AUC of the images' own features, against the class it is taken for"), "0..1", "auc"
        ),
        "image_rest_auc": Observed(later("AUC of the images' own features, against all others"), "0..1", "auc"),
        "label_core_wrong": Observed(later("Other labels where the class is surest"), "0..1", "share"),
        "label_core_images": Observed("", "images", "count"),
        "label_core_class": Observed("", "index of the class", "index"),
        "label_core_together": Observed("", "0..1", "share"),
        "label_core_back": Observed("", "0..1", "share"),
        "label_torn": Observed(later("Pairs of one group with different labels"), "0..1", "share"),
        "label_torn_pairs": Observed("", "pairs", "count"),
        "label_noise": Observed(later("Labels that are likely wrong, of all"), "0..1", "share"),
        "label_noise_low": Observed(later("Labels that are likely wrong, at least"), "0..1", "share"),
        "label_noise_high": Observed(later("Labels that are likely wrong, at most"), "0..1", "share"),
        "label_errors": Observed(kind="index"),
        "label_suggested": Observed(kind="index"),
        "label_wrong": Observed(kind="index"),
    },
    cost="features of every image, and five logistic regressions on them",
)
def run_exam(context: ExamContext) -> str:
    """Judge every label of a context's images."""
    from netvet.exams._frozen import auc

    images, record = context.images, context.record
    known = images.known_groups is not None
    found = labels.find(described(images, context.recipe.data.source), images.labels, member(images), known=known)
    likely = confident(found.probabilities, images.labels)
    wrong = likely != images.labels
    partner = most_confused_with(Trace.open(context.run).array("val_confusion"))
    log, shares = np.log(found.probabilities), dict[str, float]()
    for k, name in enumerate(images.classes):
        mine = images.labels == k
        shares[name] = float(wrong[mine].mean()) if mine.any() else 0.0
        record.add(0, "label_error_share", shares[name], name)
        record.add(0, "image_auc", auc(log[:, k], mine), name)
        counts = np.bincount(likely[mine & wrong], minlength=len(images.classes))
        record.add(0, "label_error_together", float(counts.max() / max(1, counts.sum())), name)
        if counts.any():
            record.add(0, "label_error_class", float(counts.argmax()), name)
        other = images.labels == partner.get(k, -1)
        either = np.logaddexp(log[:, k], log[:, partner[k]]) if k in partner else log[:, k]
        record.add(0, "image_rest_auc", auc(either[~other], mine[~other]), name)
        if other.any():
            pair = mine | other
            record.add(0, "image_pair_auc", auc((log[:, k] - log[:, partner[k]])[pair], mine[pair]), name)
    for observed, of_class in {**cores(found.probabilities, images.labels), **torn(images)}.items():
        for k, value in of_class.items():
            record.add(0, observed, value, images.classes[k])
    noise = [min(1.0, number / len(images.labels)) for number in (found.number, found.low, found.high)]
    for end, value in zip(("", "_low", "_high"), noise, strict=True):
        record.add(0, f"label_noise{end}", value)
    suspects = np.flatnonzero(wrong)
    suspects = suspects[np.argsort(-found.doubt[suspects], kind="stable")][:MOST]
    record.add_array(0, "label_errors", suspects)
    record.add_array(0, "label_suggested", likely[suspects])
    record.add_array(0, "label_wrong", found.wrong[suspects])
    worst = max(shares, key=lambda name: shares[name])
    text = _("At most {high:.0%} of the labels are likely wrong.")
    if found.low:
        text = _(
            "About {share:.0%} of the labels are likely wrong ({low:.0%} to {high:.0%}), most often those of {name}."
        )
    return text.format(share=noise[0], low=noise[1], high=noise[2], name=worst)


def confident(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) the class that each image likely is of: its label, or the likeliest class where cleanlab calls the label an
    error by confident learning.
    """
    from cleanlab.filter import find_label_issues

    wrong = find_label_issues(labels, probabilities, filter_by="confident_learning", n_jobs=1)
    return np.where(wrong, probabilities.argmax(axis=1), labels)


def cores(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> dict[str, dict[int, float]]:
    """Observation -> class -> value, of the core of each class: the images that are most surely of it, a quarter as
    many as carry its label.
    """
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    told = {
        k: np.bincount(labels[np.argsort(-probabilities[:, k])[: max(CORE, n // 4)]], minlength=len(counts))
        for k, n in enumerate(counts.tolist())
        if n >= CORE
    }
    found: dict[str, dict[int, float]] = {
        f"label_core_{name}": {} for name in ("wrong", "images", "class", "together", "back")
    }
    for k, given in told.items():
        others = np.where(np.arange(len(given)) == k, 0, given)
        most, total = int(others.argmax()), float(given.sum())
        found["label_core_wrong"][k] = float(others.sum()) / total
        found["label_core_images"][k] = total
        if others.any():
            found["label_core_class"][k] = float(most)
            found["label_core_together"][k] = float(others[most] / others.sum())
            found["label_core_back"][k] = float(told[most][k] / told[most].sum()) if most in told else 0.0
    return found


def torn(images: ImageSet) -> dict[str, dict[int, float]]:
    """Observation -> class -> value: of the pairs of images of one known group in which at least one carries the label,
    the share in which the other carries another; {} where no groups are known.
    """
    if images.known_groups is None:
        return {}
    number = np.unique(images.known_groups, return_inverse=True)[1]
    votes = np.zeros((int(number.max()) + 1, len(images.classes)))
    np.add.at(votes, (number, images.labels), 1)
    alike = (votes * (votes - 1) / 2).sum(axis=0)
    apart = (votes * (votes.sum(axis=1, keepdims=True) - votes)).sum(axis=0)
    pairs = alike + apart
    known = np.flatnonzero(pairs)
    return {
        "label_torn": {int(k): float(apart[k] / pairs[k]) for k in known},
        "label_torn_pairs": {int(k): float(pairs[k]) for k in known},
    }
