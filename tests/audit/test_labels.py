"""Label errors: planted ones rank first, above what cleanlab makes of the same probabilities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from netvet.audit import labels
from netvet.audit.features import extract
from netvet.images.dataset import load
from tests.extras import needs_transfer

Ints = NDArray[np.int64]


def tracks(
    classes: int = 6, animals: int = 40, frames: int = 4, seed: int = 0, spread: float = 1.4
) -> tuple[NDArray[np.float32], Ints, Ints]:
    """Features, labels and groups of animals that are filmed frame by frame."""
    random = np.random.default_rng(seed)
    centre = random.normal(size=(classes, 8))
    kind = np.arange(classes).repeat(animals)
    animal = centre[kind] + random.normal(0, spread / 2, (len(kind), 8))
    values = animal.repeat(frames, axis=0) + random.normal(0, spread / 4, (len(kind) * frames, 8))
    return values.astype(np.float32), kind.repeat(frames), np.arange(len(kind)).repeat(frames)


def spoil(truth: Ints, share: float, seed: int = 0, groups: Ints | None = None) -> Ints:
    """A share of the labels replaced by any other; whole groups where they are given."""
    random = np.random.default_rng(seed)
    given, classes = truth.copy(), int(truth.max()) + 1
    units = np.arange(len(truth)) if groups is None else groups
    for unit in random.choice(np.unique(units), round(share * len(np.unique(units))), replace=False):
        given[units == unit] = (given[units == unit][0] + random.integers(1, classes)) % classes
    return given


def scores(found: labels.LabelErrors, given: Ints, truth: Ints) -> tuple[float, float, float, float]:
    """AUROC and average precision: ours, and cleanlab's, the better of its two methods in each."""
    bad = given != truth
    cleanlab = [
        -get_label_quality_scores(given, found.probabilities, method=method)
        for method in ("self_confidence", "normalized_margin")
    ]
    return (
        float(roc_auc_score(bad, found.doubt)),
        float(average_precision_score(bad, found.doubt)),
        max(float(roc_auc_score(bad, score)) for score in cleanlab),
        max(float(average_precision_score(bad, score)) for score in cleanlab),
    )


@pytest.mark.parametrize("by_group", [False, True])
def test_planted_errors_rank_first(by_group: bool) -> None:
    values, truth, groups = tracks()
    given = spoil(truth, 0.1, groups=groups if by_group else None)
    found = labels.find(values, given, groups)
    auroc, precision, their_auroc, their_precision = scores(found, given, truth)
    assert auroc >= their_auroc
    assert precision > their_precision
    assert found.grouped
    right = (given != truth)[found.ranked]
    assert right.mean() > 0.85
    suggested = (found.suggested[found.ranked][right] == truth[found.ranked][right]).mean()
    assert suggested > (0.75 if by_group else 0.9)  # a whole track labelled alike misleads its neighbours: 0.83


def test_clean_labels_are_left_alone() -> None:
    values, truth, groups = tracks(spread=1.0)
    assert len(labels.find(values, truth, groups).ranked) <= 0.02 * len(truth)


def test_groups_that_are_no_animals_do_not_vote() -> None:
    """A site where two kinds live: the rarer one there is no error."""
    values, truth, _animals = tracks(classes=2, frames=1, animals=200, spread=0.6)
    random = np.random.default_rng(0)
    site = np.where(random.random(len(truth)) < 0.8, truth, 1 - truth) * 10 + random.integers(0, 10, len(truth))
    found = labels.find(values, truth, site)
    assert not found.grouped
    assert len(found.ranked) < 0.05 * len(truth)


def test_no_image_is_judged_by_a_model_that_saw_its_group() -> None:
    _values, truth, groups = tracks()
    folds = labels._folds(truth, groups, 0)
    for group in np.unique(groups):
        assert len(np.unique(folds[groups == group])) == 1


@pytest.mark.parametrize("sizes", [(1, 30), (2, 2), (30, 1, 1)])
def test_classes_of_very_few_images(sizes: tuple[int, ...]) -> None:
    given = np.repeat(np.arange(len(sizes)), sizes)
    values = np.random.default_rng(0).normal(size=(len(given), 4)).astype(np.float32)
    found = labels.find(values, given, np.arange(len(given)))
    assert np.isfinite(found.wrong).all()
    assert found.probabilities.sum(axis=1) == pytest.approx(np.ones(len(given)))


@pytest.mark.slow
def test_real_fish_with_planted_errors(f4k23: Path) -> None:
    """10 % of the labels: any other species, the species it is taken for most, all frames of a track."""
    needs_transfer()
    images = load(str(f4k23), image_size=128)
    assert images.known_groups is not None
    groups = np.unique(images.known_groups, return_inverse=True)[1]
    values = extract(images.images).values
    truth = images.labels
    clean = labels.cross_validate(values, truth, groups, len(images.classes))
    confusion = np.zeros((len(images.classes),) * 2)
    np.add.at(confusion, (truth, clean.argmax(axis=1)), 1)
    np.fill_diagonal(confusion, -1)
    alike = truth.copy()
    rows = np.random.default_rng(0).choice(len(truth), len(truth) // 10, replace=False)
    alike[rows] = confusion.argmax(axis=1)[truth[rows]]
    for given in (spoil(truth, 0.1), alike, spoil(truth, 0.1, groups=groups)):
        auroc, precision, their_auroc, their_precision = scores(labels.find(values, given, groups), given, truth)
        assert auroc >= their_auroc
        assert precision > their_precision
