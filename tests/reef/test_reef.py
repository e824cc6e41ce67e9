"""The reef: exact by seed, independent of the order of painting, and every fault does what it says."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netvet.base.errors import BadInput
from netvet.reef import Reef, load_reef, parse, render
from netvet.reef.chance import draw
from netvet.reef.faults import MORPHS, class_sizes
from netvet.reef.scene import Grid, water
from netvet.reef.species import MOST_SPECIES, distance, fauna

SMALL = Reef(species=4, n=24, seed=3)


def painted(reef: Any, size: Any = 32) -> Any:
    return render(reef, size, workers=1)


def of_class(result: Any, species: Any) -> Any:
    return result.images[result.truth["label"] == species].astype(np.float32)


def detail(images: Any) -> Any:
    """Mean absolute difference between neighbouring pixels: what blur takes away."""
    return float(np.abs(np.diff(images, axis=2)).mean())


# exact


def test_the_same_options_paint_the_same_pixels() -> None:
    one, other = render(SMALL, 48), render(SMALL, 48)
    assert np.array_equal(one.images, other.images)
    assert one.classes == other.classes
    assert np.array_equal(one.labels, other.labels)


def test_another_seed_paints_other_pixels() -> None:
    assert not np.array_equal(painted(SMALL).images, painted(replace(SMALL, seed=4)).images)


@pytest.mark.parametrize("size", [17, 32, 64])
def test_pixels_do_not_depend_on_the_chunk_or_the_threads(size: int) -> None:
    reef = Reef(species=13, n=3, difficulty=1.0, blur=0.5, dark=0.3, spread=1.0, groups=2)
    whole = render(reef, size, workers=1, chunk=1000).images
    for workers, chunk in ((1, 1), (2, 3), (3, 7)):
        assert np.array_equal(render(reef, size, workers=workers, chunk=chunk).images, whole)


def test_an_image_does_not_depend_on_how_many_are_painted() -> None:
    few, many = painted(SMALL), painted(replace(SMALL, n=40, species=6))
    for species in range(SMALL.species):
        assert np.array_equal(of_class(few, species), of_class(many, species)[: SMALL.n])


def test_a_fault_in_one_class_leaves_the_others_alone() -> None:
    sound, sick = painted(SMALL), painted(replace(SMALL, blur=1.0, dark=0.5, spread=1.0, victim=2))
    for species in (0, 1, 3):
        assert np.array_equal(of_class(sound, species), of_class(sick, species))
    assert not np.array_equal(of_class(sound, 2), of_class(sick, 2))
    assert np.array_equal(sick.truth["degraded"], sick.labels == 2)


def test_several_classes_in_a_row_are_poor() -> None:
    sound, sick = painted(SMALL), painted(replace(SMALL, dark=0.5, victim=1, victims=2))
    assert np.array_equal(np.unique(sick.labels[sick.truth["degraded"]]), [1, 2])
    for species in range(SMALL.species):
        assert np.array_equal(of_class(sound, species), of_class(sick, species)) == (species not in (1, 2))


def test_fine_bars_are_seen_where_there_are_pixels_for_them_and_are_in_one_species_alone() -> None:
    plain, fine = replace(SMALL, lookalike=0.0), replace(SMALL, lookalike=0.0, fine=11.0)
    change = {}
    for size in (32, 64):
        sound, barred = painted(plain, size), painted(fine, size)
        for species in (0, 2, 3):
            assert np.array_equal(of_class(sound, species), of_class(barred, species))
        difference = of_class(barred, 1) - of_class(sound, 1)
        change[size] = float(np.abs(difference).mean())
        assert abs(float(difference.mean())) < 0.2  # of 255: the mean colour says nothing
    assert change[64] > 4 * change[32] > 0


def test_painting_stays_in_single_precision() -> None:
    _sea, canvas = water(draw(SMALL, np.array([0]), np.array([0]), 32), Grid.of(32), 0.5)
    assert canvas.dtype == np.float32


# shapes and looks


def test_what_the_loader_gets() -> None:
    images, labels, classes, groups, split = load_reef("species=3,n=5", 40)
    assert images.shape == (15, 40, 40, 3)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    assert np.bincount(labels).tolist() == [5, 5, 5]
    assert len(set(classes)) == 3
    assert groups is None
    assert split is None


def test_every_name_is_another_one_and_fit_for_a_folder() -> None:
    for drawn in (0, 1, 5):
        names, genomes = fauna(MOST_SPECIES, drawn)
        assert len(set(names)) == MOST_SPECIES == len(genomes)
        assert all(name.replace("_", "").isalpha() and name.isascii() for name in names)


def test_species_stay_the_same_when_more_are_asked_for() -> None:
    few, many = fauna(14), fauna(20)
    assert few[0] == many[0][:14]
    assert np.array_equal(few[1], many[1][:14])


def test_species_lie_apart() -> None:
    _names, genomes = fauna(16)
    apart = distance(genomes[:, None], genomes[None])
    assert apart[~np.eye(16, dtype=bool)].min() > 0.1


def test_species_differ_in_grey_too() -> None:
    # the same fish in the same water, once in each of two bodies: what differs is not the palette alone
    reef = Reef(species=2, n=12, difficulty=0.0)
    _names, genomes = fauna(2)
    from netvet.reef.renderer import render_chunk

    one, other = (
        render_chunk(reef, np.tile(genome, (12, 1)), np.zeros(12, np.int64), np.arange(12), 64).mean(axis=3)
        for genome in genomes
    )
    assert np.abs(one - other).mean() > 5


def test_a_harder_reef_varies_more() -> None:
    easy, hard = (of_class(painted(replace(SMALL, difficulty=d)), 0) for d in (0.0, 1.0))
    assert hard.mean(axis=(1, 2)).std(axis=0).mean() > easy.mean(axis=(1, 2)).std(axis=0).mean()


def test_frames_of_a_fish_are_near_duplicates() -> None:
    result = painted(replace(SMALL, groups=4))
    assert result.groups is not None
    assert np.unique(result.groups, return_counts=True)[1].tolist() == [4] * (SMALL.n * SMALL.species // 4)
    assert all(len(set(result.labels[result.groups == g])) == 1 for g in np.unique(result.groups))
    flat = of_class(result, 0).reshape(SMALL.n, -1)
    apart = np.abs(flat[:, None] - flat[None]).mean(axis=2)
    same = np.arange(SMALL.n)[:, None] // 4 == np.arange(SMALL.n)[None] // 4
    assert apart[same & ~np.eye(SMALL.n, dtype=bool)].max() > 0, "frames are near-duplicates, not copies"
    assert apart[same].mean() < 0.5 * apart[~same].mean()


# faults


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.5, 1.0])
def test_noise_flips_that_share_of_the_labels(noise: float) -> None:
    result = painted(replace(SMALL, noise=noise))
    wrong = result.labels != result.truth["label"]
    assert wrong.sum() == round(noise * len(wrong))
    assert np.array_equal(wrong, result.truth["mislabelled"])
    assert np.array_equal(wrong, result.truth["faulty"])
    assert result.labels.min() >= 0
    assert result.labels.max() < SMALL.species


def test_noise_reaches_every_class_from_every_class() -> None:
    result = render(Reef(species=3, n=200, noise=1.0), 16)
    moved = np.zeros((3, 3), int)
    np.add.at(moved, (result.truth["label"], result.labels), 1)
    assert np.diag(moved).tolist() == [0, 0, 0]
    assert moved[~np.eye(3, dtype=bool)].min() > 70


def test_more_noise_keeps_the_errors_of_less() -> None:
    less, more = (painted(replace(SMALL, noise=noise)) for noise in (0.1, 0.3))
    wrong = less.truth["mislabelled"]
    assert np.array_equal(less.labels[wrong], more.labels[wrong])


def test_a_mixed_class_swaps_that_share_of_its_labels() -> None:
    result = painted(replace(SMALL, mix=0.5, victim=2))
    truth, given = result.truth["label"], result.labels
    assert np.bincount(given).tolist() == np.bincount(truth).tolist()
    assert (given[truth == 2] != 2).mean() == 0.5
    assert (truth[given == 2] != 2).mean() == 0.5
    sound = (truth != 2) & (given != 2)
    assert np.array_equal(given[sound], truth[sound])
    more = painted(replace(SMALL, mix=0.75, victim=2))
    assert np.array_equal(more.labels[given != truth], given[given != truth])


def test_imbalance_is_the_ratio_of_the_largest_to_the_smallest() -> None:
    assert class_sizes(Reef(species=3, n=100, imbalance=25)).tolist() == [100, 20, 4]
    assert class_sizes(Reef(species=3, n=2, imbalance=25)).tolist() == [2, 1, 1]
    assert np.bincount(painted(replace(SMALL, imbalance=4.0)).labels).tolist() == [24, 15, 10, 6]


def test_a_look_alike_lies_at_that_distance() -> None:
    # noiseless twins: the same draws painted with the genes of species 0 and of species 1
    from netvet.reef.faults import plan
    from netvet.reef.renderer import render_chunk

    def apart(lookalike: float | None) -> Any:
        reef = Reef(species=2, n=10, lookalike=lookalike)
        sketch = plan(reef)
        pair = [
            render_chunk(
                reef, np.tile(sketch.looks[sketch.look[row]], (10, 1)), np.zeros(10, np.int64), np.arange(10), 48
            )
            for row in (0, 10)
        ]
        return float(np.abs(pair[0].astype(int) - pair[1].astype(int)).mean())

    steps = [apart(lookalike) for lookalike in (0.0, 0.2, 0.6, 1.0)]
    assert steps[0] == 0
    assert steps == sorted(steps)
    assert steps[1] < 0.6 * steps[3]
    assert steps[3] == apart(None)


def test_a_spread_class_has_several_looks() -> None:
    none, some = painted(replace(SMALL, spread=0.0)), painted(replace(SMALL, spread=1.0))
    assert not none.truth["morph"].any()
    looks = some.truth["morph"][some.truth["label"] == 0]
    assert np.bincount(looks).tolist() == [SMALL.n // MORPHS] * MORPHS
    assert not some.truth["morph"][some.truth["label"] != 0].any()
    own = looks == 0
    assert np.array_equal(of_class(none, 0)[own], of_class(some, 0)[own])
    assert np.abs(of_class(none, 0)[~own] - of_class(some, 0)[~own]).mean() > 1
    half = painted(replace(SMALL, spread=0.3))
    change = [np.abs(of_class(none, 0) - of_class(r, 0)).mean() for r in (half, some)]
    assert 0 < change[0] < change[1]


def test_several_species_can_have_one_name() -> None:
    one, some = painted(SMALL), painted(replace(SMALL, kinds=3))
    looks = some.truth["morph"][some.truth["label"] == 0]
    assert np.bincount(looks, minlength=3).tolist() == [len(looks[i::3]) for i in range(3)]
    assert not some.truth["morph"][some.truth["label"] != 0].any()
    assert np.array_equal(of_class(one, 0)[looks == 0], of_class(some, 0)[looks == 0])
    others = [of_class(some, 0)[looks == k].mean(axis=(0, 1, 2)) for k in (1, 2)]
    assert np.abs(others[0] - others[1]).max() > 1
    with pytest.raises(BadInput, match="kinds and spread"):
        replace(SMALL, kinds=2, spread=0.5)


def test_the_frames_of_a_fish_share_its_look() -> None:
    truth = painted(replace(SMALL, spread=1.0, groups=3)).truth
    for fish in np.unique(truth["fish"]):
        assert len(set(truth["morph"][truth["fish"] == fish])) == 1


def test_blur_takes_detail_away() -> None:
    # easy water: the camera's noise, which comes after the lens, does not hide the lens
    sharpness = [detail(of_class(painted(replace(SMALL, difficulty=0.0, blur=b)), 0)) for b in (0.0, 0.3, 1.0)]
    assert sharpness[1] < 0.8 * sharpness[0]
    assert sharpness[2] < 0.8 * sharpness[1]


def test_dark_takes_light_away() -> None:
    light = [of_class(painted(replace(SMALL, dark=d)), 0).mean() for d in (0.0, 0.5, 1.0)]
    assert light[1] == pytest.approx(0.54 * light[0], rel=0.1)
    assert light[2] < 0.2 * light[0]


def test_duplicates_are_copies_of_training_images_of_the_class() -> None:
    reef = replace(SMALL, n=60, duplicates=0.5)
    result, sound = painted(reef), painted(replace(reef, duplicates=1e-9))
    assert result.split is not None
    assert sound.split is not None
    assert np.array_equal(result.split, sound.split)
    for species in range(reef.species):
        assert np.bincount(result.split[result.labels == species]).tolist() == [42, 9, 9]
    copies = np.flatnonzero(result.truth["duplicate_of"] >= 0)
    sources = result.truth["duplicate_of"][copies]
    assert len(copies) == round(0.5 * (result.split > 0).sum())
    assert (result.split[copies] > 0).all()
    assert (result.split[sources] == 0).all()
    assert np.array_equal(result.labels[copies], result.labels[sources])
    assert (sound.truth["duplicate_of"] < 0).all()
    rest = np.setdiff1d(np.arange(len(result.labels)), copies)
    assert np.array_equal(result.images[rest], sound.images[rest])
    pair = np.abs(result.images[copies].astype(int) - result.images[sources]).mean(axis=(1, 2, 3))
    before = np.abs(sound.images[copies].astype(int) - sound.images[sources]).mean(axis=(1, 2, 3))
    assert pair.min() > 0, "a copy is re-encoded, not identical"
    assert pair.mean() < 0.4 * before.mean()
    assert np.array_equal(result.images, painted(reef).images)


def test_a_split_keeps_the_frames_of_a_fish_together() -> None:
    result = painted(replace(SMALL, n=60, groups=5, duplicates=0.2))
    assert result.groups is not None
    assert result.split is not None
    assert all(len(set(result.split[result.groups == group])) == 1 for group in np.unique(result.groups))
    assert set(result.split.tolist()) == {0, 1, 2}


def test_a_class_of_one_image_goes_to_train() -> None:
    result = painted(Reef(species=3, n=30, imbalance=30, duplicates=0.5), 16)
    assert result.split is not None
    assert result.split[result.labels == 2].tolist() == [0]


# options


def test_no_options_are_the_defaults() -> None:
    assert parse("") == parse("  ") == Reef()


def test_options_are_read() -> None:
    assert parse("species=6, n=100,noise=0.1,lookalike=none") == Reef(species=6, n=100, noise=0.1)
    assert parse("lookalike=0.25").lookalike == 0.25


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("fish=3", ["'fish=3'", "species", "difficulty"]),
        ("species", ["'species'", "name=value"]),
        ("species=6,", ["''"]),
        ("species=6,species=7", ["species", "twice"]),
        ("species=1", ["species", "1", "2", "64"]),
        ("species=6.5", ["species", "'6.5'", "whole number"]),
        ("noise=much", ["noise", "'much'", "0.0", "1.0"]),
        ("noise=nan", ["noise", "nan"]),
        ("noise=none", ["noise", "'none'"]),
        ("imbalance=inf", ["imbalance", "inf"]),
        ("imbalance=0.5", ["imbalance", "0.5", "1.0"]),
        ("lookalike=-0.1", ["lookalike", "-0.1"]),
        ("n=" + "9" * 400, ["n"]),
        ("species=4,victim=4", ["victim", "4", "0 to 3"]),
        ("species=4,victim=3,victims=2", ["victims", "1 to 1"]),
    ],
)
def test_bad_options_are_named_with_what_is_allowed(options: str, said: Any) -> None:
    with pytest.raises(BadInput) as refusal:
        parse(options)
    assert all(word in str(refusal.value) for word in said)


def test_bad_values_are_refused_in_code_too() -> None:
    for bad in ({"n": 2.5}, {"n": True}, {"noise": "0.1"}, {"noise": None}):
        with pytest.raises(BadInput):
            Reef(**bad)


@pytest.mark.parametrize("size", [15, 1025])
def test_bad_image_sizes_are_refused(size: int) -> None:
    with pytest.raises(BadInput, match=str(size)):
        render(Reef(), size)


def test_a_reef_too_large_for_memory_is_refused() -> None:
    with pytest.raises(BadInput, match="8 GiB"):
        render(Reef(species=64, n=100_000), 64)


share = st.floats(0, 1)


@given(
    st.builds(
        Reef,
        species=st.integers(8, 64),
        n=st.integers(1, 1000),
        seed=st.integers(0, 2**32 - 1),
        groups=st.integers(1, 100),
        noise=share,
        mix=share,
        imbalance=st.floats(1, 10_000),
        lookalike=st.none() | share,
        kinds=st.integers(1, 8),
        blur=share,
        dark=share,
        victim=st.integers(0, 4),
        victims=st.integers(1, 4),
        duplicates=share,
        difficulty=share,
        fauna=st.integers(0, 2**32 - 1),
    )
)
def test_written_options_are_read_back(reef: Any) -> None:
    assert parse(str(reef)) == reef


@given(st.text(max_size=40) | st.from_regex(r"[a-z]{1,10}=[-0-9.e_]{0,12}(,[a-z]+=[0-9.]*)?", fullmatch=True))
def test_any_text_is_read_or_refused_politely(text: str) -> None:
    # anything but BadInput fails the test
    with suppress(BadInput):
        assert isinstance(parse(text), Reef)
