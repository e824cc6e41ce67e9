"""The training split cleaned: what is changed, and that what is measured on is neither looked at nor changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netvet.audit import features
from netvet.audit.cleaning import OUT, clean
from netvet.images.dataset import ImageSet, load
from netvet.recipe import Recipe
from netvet.training import evaluate, load_images, train

NOISY = "reef:species=4,n=70,difficulty=0.1,noise=0.15"
TRUE = "reef:species=4,n=70,difficulty=0.1"


@pytest.fixture(autouse=True)
def _handmade(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same features on every machine."""
    monkeypatch.setattr(features, "weights_there", lambda: False)


@pytest.fixture(scope="module")
def sizes() -> Callable[[str], Callable[[int], ImageSet]]:
    """source -> size -> the set, each loaded once."""
    known: dict[tuple[str, int], ImageSet] = {}

    def of(source: str) -> Callable[[int], ImageSet]:
        def at(size: int) -> ImageSet:
            if (source, size) not in known:
                known[source, size] = load(source, image_size=size)
            return known[source, size]

        return at

    return of


def cleaned(at: Callable[[int], ImageSet], source: str = NOISY, **options: Any) -> ImageSet:
    settings: dict[str, Any] = {"labels": "none", "drop_low_quality": False, **options}
    return clean(at(32), source, at, **settings)


def altered(images: ImageSet, rows: np.ndarray[Any, Any], change: Callable[[Any], Any]) -> ImageSet:
    pixels = images.images.copy()
    pixels[rows] = change(pixels[rows])
    return replace(images, images=pixels)


def dark(pixels: Any) -> Any:
    return (pixels * 0.08).astype(np.uint8)


def test_wrong_labels_of_training_are_corrected_and_no_others_touched(sizes: Any) -> None:
    at = sizes(NOISY)
    before, truth = at(32), sizes(TRUE)(32)
    after = cleaned(at, labels="correct")
    assert before.paths == truth.paths
    changed = np.flatnonzero(after.labels != before.labels)
    training = before.split == 0
    assert training[changed].all()
    np.testing.assert_array_equal(after.split, before.split)
    assert after.images is before.images
    assert after.classes == before.classes
    wrong = training & (before.labels != truth.labels)
    mended = wrong & (after.labels == truth.labels)
    assert mended.sum() >= 0.5 * wrong.sum()
    assert (training & (after.labels != truth.labels)).sum() < 0.7 * wrong.sum()
    assert after.digest != before.digest
    again = cleaned(at, labels="correct")
    assert again.digest == after.digest
    assert f"{len(changed)} of {training.sum()} training images are relabelled" in after.notes[-1]


def test_wrong_labels_can_be_left_out_instead(sizes: Any) -> None:
    at = sizes(NOISY)
    before, corrected, after = at(32), cleaned(at, labels="correct"), cleaned(at, labels="leave-out")
    np.testing.assert_array_equal(after.labels, before.labels)
    out = after.split == OUT
    np.testing.assert_array_equal(out, corrected.labels != before.labels)
    np.testing.assert_array_equal(after.split[~out], before.split[~out])
    assert len(after.indices("train")) == len(before.indices("train")) - out.sum()
    for held in ("val", "test"):
        np.testing.assert_array_equal(after.indices(held), before.indices(held))


def test_nothing_held_out_is_looked_at(sizes: Any) -> None:
    """Held-out images blanked and mislabelled: the very same training images are changed."""

    def hidden(size: int) -> ImageSet:
        images = sizes(NOISY)(size)
        held = images.split != 0
        labels = images.labels.copy()
        labels[held] = (labels[held] + 1) % 4
        return replace(altered(images, held, lambda pixels: 0 * pixels), labels=labels)

    options: dict[str, Any] = {"labels": "correct", "drop_low_quality": True}
    seen, unseen = cleaned(sizes(NOISY), **options), cleaned(hidden, **options)
    training = sizes(NOISY)(32).split == 0
    np.testing.assert_array_equal(seen.labels[training], unseen.labels[training])
    np.testing.assert_array_equal(seen.split, unseen.split)


def test_right_labels_stay(sizes: Any) -> None:
    before = sizes(TRUE)(32)
    after = cleaned(sizes(TRUE), TRUE, labels="correct")
    assert (after.labels != before.labels).sum() <= 0.03 * len(before.indices("train"))


def test_dark_training_images_are_left_out_and_dark_ones_held_out_stay(sizes: Any) -> None:
    base = sizes(TRUE)(32)
    mine = np.flatnonzero((base.labels == 1) & (base.split == 0))[:12]
    held = np.flatnonzero((base.labels == 1) & (base.split > 0))[:6]

    def at(size: int) -> ImageSet:
        return altered(sizes(TRUE)(size), np.concatenate([mine, held]), dark)

    after = cleaned(at, TRUE, drop_low_quality=True)
    out = np.flatnonzero(after.split == OUT)
    assert set(mine.tolist()) <= set(out.tolist())
    assert len(out) <= len(mine) + 0.03 * len(base.labels)
    np.testing.assert_array_equal(after.split[held], base.split[held])
    np.testing.assert_array_equal(after.labels, base.labels)


def test_half_of_a_class_is_left_out_and_more_is_not(sizes: Any) -> None:
    base = sizes(TRUE)(32)
    training = np.flatnonzero((base.labels == 1) & (base.split == 0))
    for count, lost in ((len(training) // 2, len(training) // 2), (len(training) // 2 + 4, 0)):
        mine = training[:count]

        def at(size: int, mine: Any = mine) -> ImageSet:
            return altered(sizes(TRUE)(size), mine, dark)

        after = cleaned(at, TRUE, drop_low_quality=True)
        out = set(np.flatnonzero(after.split == OUT).tolist()) & set(training.tolist())
        assert len(out) == lost
        assert out <= set(mine.tolist())


def test_a_class_that_is_dark_as_a_whole_is_not_lost(sizes: Any) -> None:
    base = sizes(TRUE)(32)

    def at(size: int) -> ImageSet:
        return altered(sizes(TRUE)(size), np.flatnonzero(base.labels == 1), dark)

    after = cleaned(at, TRUE, drop_low_quality=True)
    mine = (base.labels == 1) & (base.split == 0)
    assert (after.split[mine] == OUT).sum() <= 0.5 * mine.sum()


def test_too_few_images_are_left_as_they_are(sizes: Any) -> None:
    source = "reef:species=2,n=6"
    after = cleaned(sizes(source), source, labels="correct", drop_low_quality=True)
    assert after is sizes(source)(32)


def test_a_recipe_cleans_what_it_trains_on_and_by_default_nothing(tmp_path: Path) -> None:
    recipe = Recipe().change(
        {
            "data.source": NOISY,
            "data.image_size": 32,
            "model.depth": 2,
            "model.width": 8,
            "stop.epochs": 1,
        }
    )
    plain, direct = load_images(recipe, progress=False), load(NOISY, image_size=32)
    assert plain.digest == direct.digest
    assert plain.notes == direct.notes
    mended = recipe.change({"data.clean_labels": "leave-out", "data.drop_low_quality": True})
    images = load_images(mended, progress=False)
    assert len(images.indices("train")) < len(plain.indices("train"))
    assert "left out because" in images.notes[-2]
    assert "poor quality" in images.notes[-1]
    train(mended, out=tmp_path / "run", images=images)
    one, other = (evaluate(tmp_path / "run", each, "val").numbers for each in (images, plain))
    assert one == other
