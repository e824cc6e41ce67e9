"""Label errors planted in photographs: how far up netvet's order of suspects brings them, beside cleanlab's.

A tenth of the labels are wrong, of images by themselves or of whole trajectories (all frames of one fish: nothing in
its group gives the error away). *Uniform*: any other species, with equal chance. *Look-alike*: the species that this
one is taken for most, by the confusion matrix of the cross-validated predictions on clean labels (from pretrained
features, where the weights are there). Each with several seeds.

Both orders come from the same predicted probabilities: those of the logistic regression that `netvet.audit.labels`
cross-validates on the spoilt labels. cleanlab's is `get_label_quality_scores` as it comes (self-confidence), and its
normalised margin beside it. netvet's may use more: the labels of the other images of a group. With groups `known` it
has the trajectories; with `unknown` it has the near-duplicates that it finds itself.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.audit.photographs import photographs
from netvet.audit import duplicates, features, image_stats, labels

SHARE = 0.1
NOISES, UNITS, GROUPS = ("uniform", "look-alike"), ("images", "trajectories"), ("known", "unknown")

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Scores:
    """Of one planting. AUROC and average precision of three orders; what the list of suspects is worth."""

    auroc: float
    precision: float
    cleanlab_auroc: float
    cleanlab_precision: float
    margin_auroc: float
    margin_precision: float
    listed_precision: float
    listed_recall: float
    cpu: float


def plant(truth: Ints, units: Ints, seed: int, partner: Ints | None = None, share: float = SHARE) -> Ints:
    """The labels with those of a share of the `units` (images, groups) replaced: by the class's `partner` where that
    is given, by any other class otherwise.
    """
    random = np.random.default_rng(seed)
    classes, names = int(truth.max()) + 1, np.unique(units)
    given = truth.copy()
    for unit in random.choice(names, round(share * len(names)), replace=False).tolist():
        mine = units == unit
        label = int(truth[mine][0])
        given[mine] = (label + random.integers(1, classes)) % classes if partner is None else partner[label]
    return given


def most_confused_with(predicted: NDArray[np.float64], truth: Ints) -> Ints:
    """(classes,) the class that the images of each are taken for most; a class that is never missed: the one that is
    likeliest on its images after itself.
    """
    classes = predicted.shape[1]
    found = np.zeros(classes, np.int64)
    for k in range(classes):
        mine = truth == k
        others = np.bincount(predicted[mine].argmax(axis=1), minlength=classes) + predicted[mine].mean(axis=0)
        others[k] = -1
        found[k] = others.argmax()
    return found


def judge(values: NDArray[np.float32], given: Ints, truth: Ints, member: Ints) -> Scores:
    """How netvet and cleanlab order the labels that were `given`."""
    from cleanlab.rank import get_label_quality_scores
    from sklearn.metrics import average_precision_score, roc_auc_score

    began = time.process_time()
    found = labels.find(values, given, member)
    cpu = time.process_time() - began
    bad = given != truth
    orders = (found.doubt, -get_label_quality_scores(given, found.probabilities), -found.margin)
    (ours, our_precision), (plain, plain_precision), (margin, margin_precision) = (
        (float(roc_auc_score(bad, order)), float(average_precision_score(bad, order))) for order in orders
    )
    hit = float(bad[found.ranked].sum())
    return Scores(
        auroc=ours,
        precision=our_precision,
        cleanlab_auroc=plain,
        cleanlab_precision=plain_precision,
        margin_auroc=margin,
        margin_precision=margin_precision,
        listed_precision=hit / max(1, len(found.ranked)),
        listed_recall=hit / float(bad.sum()),
        cpu=cpu,
    )


def measure(data: str, seeds: int) -> dict[str, Any]:
    """Features -> noise -> unit -> groups -> the medians over the seeds, and in how many netvet is not behind."""
    images = photographs(data)
    assert images.known_groups is not None
    truth = images.labels
    track = np.unique(images.known_groups, return_inverse=True)[1].astype(np.int64)
    kinds: tuple[Literal["pretrained", "handmade"], ...] = ("pretrained", "handmade")
    values = {
        kind: features.extract(images.images, kind=kind).values
        for kind in kinds
        if kind == "handmade" or features.weights_there()
    }
    first = next(iter(values.values()))
    partner = most_confused_with(labels.cross_validate(first, truth, track, len(images.classes)), truth)
    seen = image_stats.look(images.images)
    out: dict[str, Any] = {"images": len(truth), "seeds": seeds, **{kind: {} for kind in values}}
    for noise in NOISES:
        for unit, units in zip(UNITS, (np.arange(len(truth)), track), strict=True):
            scores: dict[tuple[str, str], list[Scores]] = {}
            for seed in range(seeds):
                given = plant(truth, units, seed, partner if noise == "look-alike" else None)
                twins = duplicates.find(seen, given, None, images.images)  # their limit depends on the labels
                for groups, member in zip(GROUPS, (track, duplicates.folds(twins, given)), strict=True):
                    for kind in values:
                        scores.setdefault((kind, groups), []).append(judge(values[kind], given, truth, member))
            for (name, groups), found in scores.items():
                out[name].setdefault(noise, {}).setdefault(unit, {})[groups] = _summary(found)
    return out


def _summary(found: list[Scores]) -> dict[str, Any]:
    def middle(name: str) -> float:
        return round(float(np.median([getattr(each, name) for each in found])), 4)

    names = [name for name in Scores.__dataclass_fields__ if name != "cpu"]
    return {
        **{name: middle(name) for name in names},
        "not_behind": sum(
            each.auroc >= each.cleanlab_auroc and each.precision > each.cleanlab_precision for each in found
        ),
        "worst": {
            "auroc": round(min(each.auroc - each.cleanlab_auroc for each in found), 4),
            "precision": round(min(each.precision - each.cleanlab_precision for each in found), 4),
        },
        "cpu": round(float(np.median([each.cpu for each in found])), 1),
    }


def text(found: dict[str, Any]) -> list[str]:
    """A table."""
    lines = [
        f"Label errors: 10 % of {found['images']:,} labels, medians of {found['seeds']} seeds; AUROC, mean precision",
        f"{'features':<11}{'noise':<11}{'wrong':<13}{'groups':<8}{'netvet':>14}{'cleanlab':>14}{'its margin':>14}"
        f"{'listed: precision':>19}{'recall':>8}{'  not behind':>12}",
    ]
    for kind in ("pretrained", "handmade"):
        for noise, by_unit in found.get(kind, {}).items():
            for unit, by_groups in by_unit.items():
                for groups, r in by_groups.items():
                    lines.append(
                        f"{kind:<11}{noise:<11}{unit:<13}{groups:<8}"
                        f"{r['auroc']:>7.3f}{r['precision']:>7.3f}{r['cleanlab_auroc']:>7.3f}"
                        f"{r['cleanlab_precision']:>7.3f}{r['margin_auroc']:>7.3f}{r['margin_precision']:>7.3f}"
                        f"{r['listed_precision']:>19.2f}{r['listed_recall']:>8.2f}"
                        f"{r['not_behind']:>9} of {found['seeds']}"
                    )
    return lines
