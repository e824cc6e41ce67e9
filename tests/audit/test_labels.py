"""Label errors: planted ones rank first, above what cleanlab makes of the same probabilities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from netvet.audit import labels, planted
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
    if by_group:
        return  # a whole track labelled alike may be a track that the pixels mistake: it ranks high and is not listed
    right = (given != truth)[found.ranked]
    assert right.mean() > 0.9
    assert (found.suggested[found.ranked][right] == truth[found.ranked][right]).mean() > 0.9
    assert found.number == pytest.approx(np.count_nonzero(given != truth), rel=1 / 3)
    assert found.low <= np.count_nonzero(given != truth) <= found.high


def exchange(truth: Ints, share: float, *, back: bool) -> Ints:
    """A share of class 0 called class 1, and as many of class 1 called class 0 if `back`."""
    random, given = np.random.default_rng(0), truth.copy()
    for one, other in ((0, 1), (1, 0)) if back else ((0, 1),):
        mine = np.flatnonzero(truth == one)
        given[random.choice(mine, round(share * len(mine)), replace=False)] = other
    return given


@pytest.mark.parametrize("known", [True, False])
def test_most_of_a_class_called_by_another_name_is_found_by_what_is_left_of_it(known: bool) -> None:
    values, truth, groups = tracks(spread=1.0)
    given = exchange(truth, 0.6, back=False)
    found = labels.find(values, given, groups, known=known)
    assert roc_auc_score(given != truth, found.doubt) > 0.9
    assert found.swapped[0, 1] > 0.4


def test_of_two_classes_exchanged_nearly_by_halves_nothing_is_listed() -> None:
    values, truth, groups = tracks(spread=1.0)
    for share in (0.4, 0.6):
        found = labels.find(values, exchange(truth, share, back=True), groups)
        assert set(found.unlisted) == {0, 1}
        assert not len(found.ranked)
        assert found.number > 0.2 * np.count_nonzero(truth <= 1)


def test_three_tenths_of_all_labels_wrong_leave_the_groups_their_vote() -> None:
    values, truth, groups = tracks()
    given = spoil(truth, 0.3)
    found = labels.find(values, given, groups)
    assert found.grouped
    assert (found.suggested == truth).mean() > 0.97
    assert found.number == pytest.approx(np.count_nonzero(given != truth), rel=0.1)


def test_planting_in_the_set_tells_what_its_list_is_worth() -> None:
    values, truth, groups = tracks(spread=1.0)
    found = labels.find(values, truth, groups)
    told = planted.measure(values, truth, groups, found)
    assert told is not None
    assert told.planted >= planted.FEWEST
    assert told.recall > 0.8
    assert told.precision > 0.8
    nothing = np.random.default_rng(0).normal(size=values.shape).astype(np.float32)
    alone = np.arange(len(truth))
    blind = planted.measure(nothing, truth, alone, labels.find(nothing, truth, alone))
    assert blind is not None
    assert blind.recall < 0.3


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
