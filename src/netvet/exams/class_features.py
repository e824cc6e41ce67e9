"""What a class's images look like to the network: a linear probe, and the class's share of the gradient.

## What it does
Takes the features that the last layer is given, of at most 2,048 training and as many validation images, without
augmentation. A balanced logistic regression is fitted on those of training and asked about those of validation: what
the features hold, whatever the network's own head makes of them. The gradient of the run's own loss at the logits is
taken for the training images, with the recipe's class weights or focal loss, and with plain cross-entropy.

## What it gives
By class: `probe_auc` and `probe_recall` on validation (0..1); `probe_pair_auc` and `head_pair_auc`, the class against
the one it is taken for most, by the probe and by the network itself; `partner_class`, the index of that class;
`gradient_share` and `gradient_share_plain`, the class's share of the gradient at the logits. Array `nearest_pairs` by
class, (at most 6, 2): rows of its validation images and of the partner's that are nearest to them in the features
(Euclidean, each feature with a standard deviation of 1), the nearest first and no image twice.

## What it decides
A class that the probe recognises and the network does not has its features: the head is biased against it. A class that
the probe does not recognise either has none, and neither class weights nor another loss will help.

## References
Alain, Bengio 2016, Understanding intermediate layers using linear classifier probes, https://arxiv.org/abs/1610.01644
Kang et al. 2020, Decoupling representation and classifier for long-tailed recognition, https://arxiv.org/abs/1910.09217
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netvet.base.observed import Observed
from netvet.confusion import most_confused_with
from netvet.exams import ExamContext, exam
from netvet.locale import _, later
from netvet.trace import Trace

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netvet.base.arrays import Floats
    from netvet.recipe import Loss

IMAGES, PAIRS = 2048, 6


@exam(
    "class-features",
    gives={
        "probe_auc": Observed(later("AUC of a probe on the network's features"), "0..1", "auc"),
        "probe_recall": Observed(later("Recall of a probe on the network's features"), "0..1", "share"),
        "probe_pair_auc": Observed(later("AUC of a probe, against the class it is taken for"), "0..1", "auc"),
        "head_pair_auc": Observed("", "0..1", "auc"),
        "partner_class": Observed("", "index of the class", "index"),
        "gradient_share": Observed("", "0..1", "share"),
        "gradient_share_plain": Observed("", "0..1", "share"),
        "nearest_pairs": Observed(kind="index"),
    },
    cost="a forward pass over at most 2,048 images of either split, and a logistic regression",
)
def run_exam(context: ExamContext) -> str:
    """Probe the features of a context's classes."""
    from netvet.exams import _trained
    from netvet.exams._frozen import auc, frozen, probe

    subject, record = _trained.load(context), context.record
    classes, labels = context.images.classes, context.images.labels
    train, val = subject.rows("train", IMAGES), subject.rows("val", IMAGES)
    (seen, seen_logits), (asked, logits) = frozen(subject, train), frozen(subject, val)
    if not (np.isfinite(logits).all() and np.isfinite(seen_logits).all()):
        return _("The network's output is not finite, so its features cannot be judged.")
    given, truth = labels[train], labels[val]
    found = probe(seen, given, asked, len(classes))
    said, log = found.argmax(axis=1), np.log(found + 1e-12)
    counts = np.bincount(labels[context.images.indices("train")], minlength=len(classes))
    shares = _gradient(seen_logits, given, context.recipe.loss, counts)
    plain = _gradient(seen_logits, given, type(context.recipe.loss)(), counts)
    confusion = Trace.open(context.run).array("val_confusion")  # of all validation images, as the rules see it
    if confusion is None or confusion.shape != (len(classes), len(classes)):
        confusion = np.zeros((len(classes), len(classes)), np.int64)
        np.add.at(confusion, (truth, logits.argmax(axis=1)), 1)
    partner, recalls = most_confused_with(confusion), dict[str, tuple[float, float]]()
    spread = np.maximum(asked.std(axis=0), 1e-9)
    for k, name in enumerate(classes):
        record.add(0, "gradient_share", shares[k], name)
        record.add(0, "gradient_share_plain", plain[k], name)
        mine = truth == k
        if not mine.any() or not (given == k).any():
            continue
        recalls[name] = float((said[mine] == k).mean()), float((logits[mine].argmax(axis=1) == k).mean())
        record.add(0, "probe_recall", recalls[name][0], name)
        record.add(0, "probe_auc", auc(found[:, k], mine), name)
        if k in partner:
            other = partner[k]
            pair = mine | (truth == other)
            record.add(0, "partner_class", float(other), name)
            record.add(0, "probe_pair_auc", auc((log[:, k] - log[:, other])[pair], mine[pair]), name)
            record.add(0, "head_pair_auc", auc((logits[:, k] - logits[:, other])[pair], mine[pair]), name)
            here, there = np.flatnonzero(mine), np.flatnonzero(truth == other)
            one, two = _nearest(asked[here] / spread, asked[there] / spread, PAIRS).T
            record.add_array(0, "nearest_pairs", np.stack([val[here[one]], val[there[two]]], axis=1), name)
    if not recalls:
        return _("No class has both training and validation images.")
    name = min(recalls, key=lambda each: recalls[each][1])
    text = _(
        "The class with the lowest recall is {name}: on its validation images the network has a recall of {head:.0%}, "
        "a balanced linear probe on its features {probe:.0%}."
    )
    return text.format(name=name, head=recalls[name][1], probe=recalls[name][0])


def _nearest(one: Floats, other: Floats, most: int) -> NDArray[np.int64]:
    """(at most `most`, 2): rows of the two that are nearest to each other, each at most once; the nearest first."""
    from scipy.spatial.distance import cdist

    distance, found = cdist(one, other), list[tuple[int, int]]()
    while len(found) < min(most, *distance.shape):
        row, column = np.unravel_index(int(distance.argmin()), distance.shape)
        found.append((int(row), int(column)))
        distance[row], distance[:, column] = np.inf, np.inf
    return np.array(found, np.int64).reshape(-1, 2)


def _gradient(logits: Floats, labels: NDArray[np.int64], loss: Loss, counts: NDArray[np.int64]) -> Floats:
    """(classes,) each class's share of the gradient at the logits: the sum of its images' L2 norms over that of all."""
    import torch

    from netvet.training import losses

    criterion = losses.build(loss, torch.from_numpy(counts))
    values = torch.from_numpy(logits).float().requires_grad_()
    criterion(values, torch.from_numpy(labels)).backward()  # type: ignore[no-untyped-call]
    assert values.grad is not None
    sums = np.bincount(labels, values.grad.square().sum(1).sqrt().double().numpy(), len(counts))
    return np.asarray(sums / max(float(sums.sum()), 1e-30))
