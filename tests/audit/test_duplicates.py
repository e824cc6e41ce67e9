"""Copies and near-duplicates: planted ones are found, unlike images are not, and the index loses next to nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from netvet.audit import duplicates
from netvet.audit.colours import likeness
from netvet.audit.image_stats import LUMA, ImageStats, look, shrink
from netvet.images.dataset import ImageSet, load
from netvet.reef import Reef, render


def pictures(n: int, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth pictures that have nothing in common."""
    noise = np.random.default_rng(seed).normal(size=(n, 64, 64, 3))
    smooth = gaussian_filter(noise, (0, 4, 4, 0))
    return np.clip(128 + 400 * smooth, 0, 255).astype(np.uint8)


def test_copies_and_relit_copies_are_found_and_nothing_else() -> None:
    images = pictures(300)
    images[250] = images[3]
    images[251] = images[3]
    images[260] = np.clip(images[7] * 0.7 + np.random.default_rng(1).normal(0, 4, images[7].shape), 0, 255)
    found = duplicates.find(look(images), np.arange(300) % 5, None)
    assert {tuple(pair) for pair in found.pairs.tolist()} == {(3, 250), (3, 251), (7, 260)}
    assert found.exact.tolist() == [True, True, False]
    assert found.similarity[2] > 0.95


def test_an_image_that_was_saved_again_and_moved_is_found() -> None:
    reef = render(Reef(species=3, n=80, duplicates=0.3), 64)
    rows = np.flatnonzero(reef.truth["duplicate_of"] >= 0)
    wanted = {(min(a, b), max(a, b)) for a, b in zip(rows, reef.truth["duplicate_of"][rows], strict=True)}
    found = duplicates.find(look(reef.images), reef.labels, None, reef.images)
    named = {tuple(pair) for pair in found.pairs.tolist()}
    assert len(wanted & named) >= 0.95 * len(wanted)
    assert len(wanted & named) >= 0.8 * len(named)


def test_what_lies_across_splits_and_what_has_two_labels() -> None:
    images = pictures(60)
    images[50], images[51], images[52] = images[0], images[1], images[2]
    labels = np.zeros(60, np.int64)
    labels[51] = 1
    split = np.zeros(60, np.int8)
    split[52] = 2
    found = duplicates.find(look(images), labels, None)
    assert found.pairs[found.conflicting(labels)].tolist() == [[1, 51]]
    assert found.pairs[found.across(split)].tolist() == [[2, 52]]


def test_a_thousand_copies_do_not_hide_a_near_duplicate() -> None:
    images = np.concatenate([np.repeat(pictures(1), 1000, axis=0), pictures(50, seed=2)])
    images[1049] = np.clip(images[1020] * 0.9 + 5, 0, 255)
    found = duplicates.find(look(images), np.zeros(1050, np.int64), None)
    assert int(found.exact.sum()) == 999
    assert (1020, 1049) in {tuple(pair) for pair in found.pairs.tolist()}


def test_images_of_a_group_need_less_likeness() -> None:
    images = pictures(80)
    blend = 0.72 * images[0].astype(float) + 0.28 * images[1]
    images[79] = np.clip(blend, 0, 255)
    groups = np.array([f"g{i}" for i in range(80)])
    labels = np.zeros(80, np.int64)
    apart = duplicates.find(look(images), labels, groups)
    groups[79] = "g0"
    together = duplicates.find(look(images), labels, groups)
    (similarity,) = together.similarity.tolist()
    assert duplicates.IN_GROUP < similarity < 0.96
    assert not len(apart.pairs)


def test_where_other_classes_come_as_close_the_limit_rises() -> None:
    """One camera, one background: all images of all classes look alike, and that means nothing."""
    background = pictures(1)[0].astype(float)
    images = np.clip(background + 0.35 * (pictures(400, seed=3).astype(float) - 128), 0, 255).astype(np.uint8)
    found = duplicates.find(look(images), np.arange(400) % 4, None)
    assert found.limit > duplicates.APART
    assert len(found.pairs) < 40


def test_the_number_of_candidates_grows_with_the_images_and_not_with_their_pairs() -> None:
    for n in (200, 800):
        codes = np.random.default_rng(0).normal(0, 0.01, (n, 4)).astype(np.float32)
        assert len(duplicates._neighbours(codes)) <= n * duplicates.NEAREST
    member = np.repeat(np.arange(3), [500, 40, 1])
    assert len(duplicates._mates(member)) == 40 * 39 // 2


def test_one_place_with_whoever_before_it_has_no_certain_pairs() -> None:
    """Sharp background, faint foregrounds: all thumbnails and all detail are alike, whatever the labels."""
    place = np.random.default_rng(0).integers(60, 200, (1, 64, 64, 3)).astype(float)
    images = np.clip(place + 0.02 * (pictures(200, seed=3).astype(float) - 128), 0, 255).astype(np.uint8)
    found = duplicates.find(look(images), np.arange(200) % 4, None, images)
    assert found.limit == duplicates.NONE
    assert not len(found.pairs)


def test_a_frame_is_no_likeness_and_a_letterbox_no_difference() -> None:
    images = pictures(200)
    images[:150, :12] = images[:150, -12:] = images[:150, :, :14] = images[:150, :, -14:] = 0
    narrow = np.array(Image.fromarray(images[199]).resize((64, 40), Image.Resampling.BILINEAR))
    images[150] = 255
    images[150, 12:52] = narrow
    found = duplicates.find(look(images), np.arange(200) % 5, None, images)
    assert found.pairs.tolist() == [[150, 199]]


def test_an_animal_that_turned_is_found_within_its_group_and_not_within_a_place() -> None:
    """Other pictures with the same colours: of one animal where groups have one label, of a place where they mix."""
    random, images = np.random.default_rng(0), pictures(80)
    tint = random.integers(0, 120, (40, 1, 1, 3)).repeat(2, axis=0)
    images = np.clip(images // 4 + tint, 0, 255).astype(np.uint8)
    groups, species = np.arange(80) // 2, np.arange(80) // 2 % 4
    animals = duplicates.find(look(images), species, groups.astype(np.str_))
    assert len({(a, b) for a, b in animals.pairs.tolist()} & {(k, k + 1) for k in range(0, 80, 2)}) >= 36
    places = duplicates.find(look(images), np.arange(80) % 4, groups.astype(np.str_))
    assert not len(places.pairs)


def test_a_chain_through_all_classes_is_no_fold() -> None:
    chain = np.stack([np.arange(49), np.arange(1, 50)], axis=1)
    pairs = np.concatenate([chain, [[60, 61]], [[0, 70]]])
    exact = np.arange(len(pairs)) == len(pairs) - 1
    found = duplicates.Duplicates(pairs, np.ones(len(pairs), np.float32), exact, 0.95)
    mixed = duplicates.folds(found, np.arange(100) % 4)
    assert mixed[60] == mixed[61]
    assert mixed[0] == mixed[70]
    assert len(set(mixed[:50].tolist())) == 50
    assert len(set(duplicates.folds(found, np.zeros(100, np.int64))[:50].tolist())) == 1


def test_clusters_follow_chains() -> None:
    found = duplicates.Duplicates(np.array([[0, 1], [1, 4]]), np.ones(2, np.float32), np.zeros(2, np.bool_), 0.95)
    number = duplicates.clusters(found, 5)
    assert number[0] == number[1] == number[4]
    assert len({number[0], number[2], number[3]}) == 3


@pytest.fixture(scope="module")
def fish(f4k23: Path) -> tuple[ImageSet, ImageStats]:
    images = load(str(f4k23), image_size=64, group="none")
    return images, look(images.images)


def test_twins_of_a_track_across_a_random_split_are_found(fish: tuple[ImageSet, ImageStats]) -> None:
    """Against the structural similarity (and, apart from it, the correlation at 32 px) of all pairs of each track."""
    images, looks = fish
    assert images.known_groups is not None
    track = np.unique(images.known_groups, return_inverse=True)[1]
    pairs = [np.argwhere(np.triu(np.ones((len(r), len(r))), 1)) for r in _rows(track)]
    all_pairs = np.concatenate([rows[pair] for rows, pair in zip(_rows(track), pairs, strict=True)])
    across = all_pairs[(images.split[all_pairs] == 0).sum(axis=1) == 1]
    luma = np.concatenate([images.images[at : at + 512] @ LUMA for at in range(0, len(track), 512)])
    found = duplicates.find(looks, images.labels, images.known_groups)
    named = {tuple(pair) for pair in found.pairs[found.across(images.split)].tolist()}
    small = shrink(luma[..., None], 32).reshape(len(luma), -1)
    small = small - small.mean(axis=1, keepdims=True)
    small /= np.linalg.norm(small, axis=1, keepdims=True)
    for near in (_similar(luma, across) >= 0.8, (small[across[:, 0]] * small[across[:, 1]]).sum(axis=1) >= 0.85):
        wanted = {(min(pair), max(pair)) for pair in across[near].tolist()}
        assert len(wanted) > 200
        assert len(wanted & named) / len(wanted) >= 0.95


def test_without_groups_the_index_finds_what_all_pairs_find(fish: tuple[ImageSet, ImageStats]) -> None:
    images, looks = fish
    found = duplicates.find(looks, images.labels, None)
    centred = duplicates._centred(looks.thumbnails)
    wanted = set()
    for start in range(0, len(centred), 512):
        one, other = np.nonzero(centred[start : start + 512] @ centred.T >= max(0.95, found.limit))
        pairs = np.stack([one + start, other], axis=1)
        pairs = pairs[likeness(looks.colours, pairs) >= duplicates.SAME_COLOURS]
        wanted |= {(a, b) for a, b in pairs.tolist() if a < b}
    exact = {tuple(pair) for pair in found.pairs[found.exact].tolist()}
    copied = {row for _first, row in exact}
    wanted = {pair for pair in wanted if not copied & set(pair)}
    named = {tuple(pair) for pair in found.pairs.tolist()}
    assert len(wanted) > 500
    assert len(wanted & named) / len(wanted) >= 0.99
    foreign = images.labels[found.pairs[:, 0]] != images.labels[found.pairs[:, 1]]
    assert foreign.mean() < 0.06


def _rows(track: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    order = np.argsort(track, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(track[order])) + 1)


def _similar(luma: NDArray[np.float32], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean structural similarity of each pair (Wang et al. 2004; Gaussian window of 1.5 px)."""
    found = []
    for part in np.array_split(pairs, max(1, len(pairs) // 256)):
        a, b = (luma[part[:, k]].astype(np.float64) for k in (0, 1))
        ma, mb, aa, bb, ab = (gaussian_filter(v, (0, 1.5, 1.5)) for v in (a, b, a * a, b * b, a * b))
        top = (2 * ma * mb + 6.5025) * (2 * (ab - ma * mb) + 58.5225)
        found.append((top / ((ma**2 + mb**2 + 6.5025) * (aa - ma**2 + bb - mb**2 + 58.5225))).mean(axis=(1, 2)))
    return np.concatenate(found)
