"""Quality: a class that was blurred or darkened is named, a set that is so as a whole is told apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from netvet.audit import parts, quality
from netvet.audit.files import Headers
from netvet.audit.image_stats import ImageStats, look
from netvet.images.dataset import ImageSet, load
from netvet.reef import Reef, render

Rows = NDArray[np.int64]
COLUMNS = ("thumbnails", "hashes", "detail", "outline", "light", "contrast", "glare")


def blurred(images: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    return np.asarray(gaussian_filter(images.astype(np.float32), (0, sigma, sigma, 0)), np.uint8)


def darkened(images: NDArray[np.uint8], light: float) -> NDArray[np.uint8]:
    return np.asarray(images * light, np.uint8)


def put(looks: ImageStats, rows: NDArray[np.int64], new: ImageStats) -> ImageStats:
    """The looks with those of some rows replaced."""
    columns = {name: getattr(looks, name).copy() for name in COLUMNS}
    for name, column in columns.items():
        column[rows] = getattr(new, name)
    return replace(looks, **columns)


@pytest.fixture(scope="module")
def fish(f4k23: Path) -> tuple[ImageSet, ImageStats]:
    images = load(str(f4k23), image_size=64)
    return images, look(images.images)


@pytest.mark.parametrize(("kind", "strength"), [("blur", 1.0), ("blur", 2.0), ("dark", 0.5), ("dark", 0.3)])
def test_planted_in_each_species_in_turn(kind: str, strength: float, fish: tuple[ImageSet, ImageStats]) -> None:
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


def test_nothing_is_named_where_nothing_was_planted(fish: tuple[ImageSet, ImageStats]) -> None:
    images, looks = fish
    found = quality.assess(looks, None, images.labels, images.known_groups)
    assert not {each.kind for each in found.classes} & {"blur", "dark", "glare", "tiny"}


def test_all_images_blurred_is_no_class_blurred(fish: tuple[ImageSet, ImageStats]) -> None:
    images, _looks = fish
    everywhere = look(blurred(images.images[:], 1.5))
    found = quality.assess(everywhere, None, images.labels, images.known_groups)
    assert "blur" not in {each.kind for each in found.classes}


def test_all_images_dark_is_said_of_the_whole(fish: tuple[ImageSet, ImageStats]) -> None:
    images, _looks = fish
    everywhere = look(darkened(images.images[:], 0.2))
    found = quality.assess(everywhere, None, images.labels, images.known_groups)
    assert "dark" not in {each.kind for each in found.classes}
    assert found.whole["dark"] > 0.8


@pytest.mark.parametrize("options", [{"blur": 0.35}, {"blur": 1.0}, {"dark": 0.7}])
def test_planted_in_a_painted_species_with_noise(options: dict[str, float]) -> None:
    reef = render(Reef(species=6, n=60, victim=2, **options), 64)  # type: ignore[arg-type]
    found = quality.assess(look(reef.images), None, reef.labels, None)
    kind = next(iter(options))
    assert [(each.label, each.kind) for each in found.classes if each.kind == kind] == [(2, kind)]


@pytest.mark.parametrize("species", [4, 5, 6])
def test_two_classes_that_are_poor_do_not_hide_each_other(species: int) -> None:
    reef = render(Reef(species=species, n=60, victim=1, victims=2, dark=0.9), 64)
    found = quality.assess(look(reef.images), None, reef.labels, None)
    assert {each.label for each in found.classes if each.kind == "dark"} == {1, 2}


def test_most_classes_poor_is_how_the_set_is() -> None:
    reef = render(Reef(species=6, n=60, victim=1, victims=4, dark=0.9), 64)
    assert not [
        each for each in quality.assess(look(reef.images), None, reef.labels, None).classes if each.kind == "dark"
    ]


def test_a_healthy_reef_has_no_class_that_is_worse() -> None:
    reef = render(Reef(species=6, n=60), 64)
    assert not quality.assess(look(reef.images), None, reef.labels, None).classes


def halved(kind: str, strength: float, share: float, *, victim: int = 2) -> tuple[ImageStats, NDArray[np.int64], Rows]:
    """The looks of a rendered reef of which a share of one species was spoilt, the labels and the rows."""
    reef = render(Reef(species=4, n=60), 64)
    mine = np.flatnonzero(reef.labels == victim)
    rows = np.random.default_rng(0).choice(mine, round(share * len(mine)), replace=False)
    plant = blurred if kind == "blur" else darkened
    return put(look(reef.images), rows, look(plant(reef.images[rows], strength))), reef.labels, rows


@pytest.mark.parametrize("share", [0.35, 0.5, 0.65])
@pytest.mark.parametrize(("kind", "strength"), [("blur", 1.0), ("blur", 2.0), ("dark", 0.4), ("dark", 0.2)])
def test_a_part_of_a_class_is_named_and_its_images_listed(kind: str, strength: float, share: float) -> None:
    planted, labels, rows = halved(kind, strength, share)
    found = quality.assess(planted, None, labels, None)
    assert [(each.kind, each.label, each.total) for each in found.parts] == [(kind, 2, 60)]
    listed = {each.row for each in found.outliers if each.kind == kind and each.of_part}
    assert found.parts[0].count == len(listed)
    assert len(listed & set(rows.tolist())) >= 0.9 * max(len(listed), len(rows))
    assert not found.classes


def test_a_class_that_is_spoilt_as_a_whole_is_not_named_as_a_part() -> None:
    planted, labels, _rows = halved("blur", 1.5, 1.0)
    found = quality.assess(planted, None, labels, None)
    assert [each.label for each in found.classes if each.kind == "blur"] == [2]
    assert not found.parts


def test_one_animal_in_the_dark_is_no_part_of_its_class() -> None:
    planted, labels, rows = halved("dark", 0.2, 0.5)
    groups = np.array([f"image {i}" for i in range(len(labels))])
    groups[rows] = "one animal"
    assert quality.assess(planted, None, labels, None).parts
    assert not quality.assess(planted, None, labels, groups).parts


def test_no_part_is_named_where_nothing_was_planted(fish: tuple[ImageSet, ImageStats]) -> None:
    images, looks = fish
    assert not quality.assess(looks, None, images.labels, images.known_groups).parts


def test_a_cut_is_where_two_heaps_part() -> None:
    random = np.random.default_rng(0)
    values = np.r_[random.normal(0, 1, 70), random.normal(10, 1, 30)]
    found = parts.cut(values, np.arange(100))
    assert found is not None
    assert np.array_equal(found.worse, np.arange(100) >= 70)
    assert found.distance == pytest.approx(10, abs=0.5)
    assert found.valley == pytest.approx(10, abs=1)


@pytest.mark.parametrize(("name", "valley"), [("normal", 2.65), ("uniform", 3.46)])
def test_a_single_heap_is_cut_too_and_its_parts_touch(name: str, valley: float) -> None:
    random = np.random.default_rng(0)
    values = random.normal(0, 1, 20_000) if name == "normal" else random.uniform(0, 1, 20_000)
    found = parts.cut(values, np.arange(20_000))
    assert found is not None
    assert found.valley == pytest.approx(valley, abs=0.05)
    assert found.valley < parts.VALLEY


def test_what_is_too_small_or_alike_is_not_cut() -> None:
    few, same = np.r_[np.zeros(20), np.ones(4)], np.ones(30)
    assert parts.cut(few, np.arange(24)) is None
    assert parts.cut(same, np.arange(30)) is None
    assert parts.cut(np.arange(6.0), np.arange(6)) is None
    heaps = np.r_[np.zeros(20), np.ones(20)]
    assert parts.cut(heaps, np.r_[np.arange(20), np.full(20, 20)]) is None
    assert parts.cut(heaps, np.arange(40)) is not None


def test_a_long_track_counts_once() -> None:
    """Forty frames of one animal do not move the cut."""
    random = np.random.default_rng(0)
    values = np.r_[random.normal(0, 1, 30), random.normal(10, 1, 30), np.full(40, 3.0)]
    found = parts.cut(values, np.r_[np.arange(60), np.full(40, 60)])
    assert found is not None
    assert np.flatnonzero(found.worse).tolist() == list(range(30, 60))


def test_single_images_stand_out() -> None:
    reef = render(Reef(species=3, n=100), 64)
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


def test_a_long_picture_is_not_listed_and_a_large_one_is_not_tiny() -> None:
    looks = look(render(Reef(species=3, n=40), 64).images)
    labels, width, height = np.arange(120) % 3, np.full(120, 400), np.full(120, 300)
    width[7], height[7] = 4000, 100
    width[8], height[8] = 300, 290
    width[9], height[9] = 30, 20
    headers = Headers(width, height, ("RGB",) * 120, ("PNG",) * 120)
    found = quality.assess(looks, headers, labels, None)
    listed = {(each.row, each.kind): each.deviations for each in found.outliers}
    assert "shape" not in {kind for _row, kind in listed}
    assert [row for row, kind in listed if kind == "tiny"] == [9]
    assert listed[9, "tiny"] < 20
