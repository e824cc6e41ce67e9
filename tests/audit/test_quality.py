"""Quality: a class that was blurred or darkened is named, a set that is so as a whole is told apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from netvet.audit import quality
from netvet.audit.looks import Looks, look
from netvet.images.dataset import ImageSet, load
from netvet.images.reef import Reef, paint

COLUMNS = ("thumbnails", "hashes", "detail", "outline", "light", "contrast", "glare")


def blurred(images: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    return np.asarray(gaussian_filter(images.astype(np.float32), (0, sigma, sigma, 0)), np.uint8)


def darkened(images: NDArray[np.uint8], light: float) -> NDArray[np.uint8]:
    return np.asarray(images * light, np.uint8)


def put(looks: Looks, rows: NDArray[np.int64], new: Looks) -> Looks:
    """The looks with those of some rows replaced."""
    columns = {name: getattr(looks, name).copy() for name in COLUMNS}
    for name, column in columns.items():
        column[rows] = getattr(new, name)
    return replace(looks, **columns)


@pytest.fixture(scope="module")
def fish(f4k23: Path) -> tuple[ImageSet, Looks]:
    images = load(str(f4k23), image_size=64)
    return images, look(images.images)


@pytest.mark.parametrize(("kind", "strength"), [("blur", 1.0), ("blur", 2.0), ("dark", 0.5), ("dark", 0.3)])
def test_planted_in_each_species_in_turn(kind: str, strength: float, fish: tuple[ImageSet, Looks]) -> None:
    """Precision and recall of naming the class are at least 0.95, and so are those of its images."""
    images, looks = fish
    plant = blurred if kind == "blur" else darkened
    right = wrong = missed = 0
    precision, recall = [], []
    for k in range(len(images.classes)):
        rows = np.flatnonzero(images.labels == k)
        planted = put(looks, rows, look(plant(images.images[rows], strength)))
        found = quality.assess(planted, None, images.labels, images.known_groups)
        named = {each.label for each in found.classes if each.kind == kind}
        right, wrong, missed = right + (k in named), wrong + len(named - {k}), missed + (k not in named)
        listed = {each.row for each in found.outliers if each.kind == kind}
        hit = len(listed & set(rows.tolist()))
        precision.append(hit / max(1, len(listed)))
        recall.append(hit / len(rows))
    assert right / (right + wrong) >= 0.95
    assert right / (right + missed) >= 0.95
    assert np.mean(precision) >= 0.95
    assert np.mean(recall) >= (0.95 if strength not in (1.0, 0.5) else 0.85)


def test_nothing_is_named_where_nothing_was_planted(fish: tuple[ImageSet, Looks]) -> None:
    images, looks = fish
    found = quality.assess(looks, None, images.labels, images.known_groups)
    assert not {each.kind for each in found.classes} & {"blur", "dark", "glare", "tiny"}


def test_all_images_blurred_is_no_class_blurred(fish: tuple[ImageSet, Looks]) -> None:
    images, _looks = fish
    everywhere = look(blurred(images.images[:], 1.5))
    found = quality.assess(everywhere, None, images.labels, images.known_groups)
    assert "blur" not in {each.kind for each in found.classes}


def test_all_images_dark_is_said_of_the_whole(fish: tuple[ImageSet, Looks]) -> None:
    images, _looks = fish
    everywhere = look(darkened(images.images[:], 0.2))
    found = quality.assess(everywhere, None, images.labels, images.known_groups)
    assert "dark" not in {each.kind for each in found.classes}
    assert found.whole["dark"] > 0.8


@pytest.mark.parametrize("options", [{"blur": 0.35}, {"blur": 1.0}, {"dark": 0.7}])
def test_planted_in_a_painted_species_with_noise(options: dict[str, float]) -> None:
    reef = paint(Reef(species=6, n=60, victim=2, **options), 64)  # type: ignore[arg-type]
    found = quality.assess(look(reef.images), None, reef.labels, None)
    kind = next(iter(options))
    assert [(each.label, each.kind) for each in found.classes if each.kind == kind] == [(2, kind)]


def test_a_healthy_reef_has_no_class_that_is_worse() -> None:
    reef = paint(Reef(species=6, n=60), 64)
    assert not quality.assess(look(reef.images), None, reef.labels, None).classes


def test_single_images_stand_out() -> None:
    reef = paint(Reef(species=3, n=100), 64)
    images = reef.images.copy()
    images[10] = darkened(images[10:11], 0.05)[0]
    images[120] = 255
    found = quality.assess(look(images), None, reef.labels, None)
    assert (10, "dark") in {(each.row, each.kind) for each in found.outliers}
    assert (120, "glare") in {(each.row, each.kind) for each in found.outliers}
    assert len({each.row for each in found.outliers}) < 15


def test_the_effect_and_its_interval() -> None:
    random = np.random.default_rng(0)
    column = np.r_[random.normal(2, 1, 100), random.normal(0, 1, 400)]
    mine = np.arange(500) < 100
    delta, low, high = quality.effect(column, mine, np.arange(500))
    assert delta == pytest.approx(0.84, abs=0.05)  # 2 Phi(2 / sqrt 2) - 1
    assert low < delta < high
    _same, wider, _high = quality.effect(column, mine, np.arange(500) // 10)
    assert high - low < 0.2
    assert wider != low
    assert np.isnan(quality.effect(column, np.arange(500) < 3, np.arange(500))[0])


def test_groups_widen_the_interval() -> None:
    """Ten frames of each of ten animals are ten observations."""
    random = np.random.default_rng(1)
    animal = random.normal(1, 1, 10).repeat(10)
    column = np.r_[animal, random.normal(0, 1, 400)]
    mine, groups = np.arange(500) < 100, np.r_[np.arange(10).repeat(10), np.arange(10, 410)]
    _d, low, high = quality.effect(column, mine, np.arange(500))
    _d, group_low, group_high = quality.effect(column, mine, groups)
    assert group_high - group_low > 1.5 * (high - low)
