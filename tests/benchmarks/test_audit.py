"""What the benchmark of the audit plants, and how it counts."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.audit import cost, labels, photographs, quality, twins
from netvet.audit.image_stats import look
from netvet.base.errors import BadInput
from netvet.images.dataset import load
from netvet.reef import Reef, render


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Rendered fish of three species, three frames of each, as files with a manifest."""
    root = tmp_path_factory.mktemp("tracks")
    painted = render(Reef(species=3, n=60, groups=3), 64)
    assert painted.groups is not None
    lines = ["path,label,group"]
    for i, image in enumerate(painted.images):
        Image.fromarray(image).save(root / f"{i}.png")
        lines.append(f"{i}.png,{painted.classes[int(painted.labels[i])]},{painted.groups[i]}")
    (root / "manifest.csv").write_text("\n".join(lines) + "\n")
    return str(root)


def test_a_tenth_of_the_labels_is_replaced_and_never_by_itself() -> None:
    truth = np.arange(400, dtype=np.int64) % 5
    given = labels.plant(truth, np.arange(400), 0)
    assert (given != truth).sum() == 40
    assert set(given.tolist()) == set(range(5))
    assert not np.array_equal(given, labels.plant(truth, np.arange(400), 1))


def test_a_trajectory_is_mislabelled_as_a_whole() -> None:
    truth = np.repeat(np.arange(4), 25)
    track = np.arange(100) // 5
    given = labels.plant(truth, track, 0)
    wrong = given != truth
    assert wrong.sum() == 10
    for each in np.unique(track[wrong]):
        assert wrong[track == each].all()
        assert len(np.unique(given[track == each])) == 1


def test_look_alikes_are_those_that_a_class_is_taken_for() -> None:
    predicted = np.array([[0.8, 0.1, 0.1], [0.4, 0.0, 0.6], [0.1, 0.8, 0.1], [0.3, 0.6, 0.1], [0.1, 0.6, 0.3]])
    truth = np.array([0, 0, 1, 1, 2])
    partner = labels.most_confused_with(predicted, truth)
    assert partner.tolist() == [2, 0, 1]  # class 1 is never missed: the likeliest after itself
    given = labels.plant(truth, np.arange(5), 0, partner, share=0.4)
    wrong = given != truth
    assert wrong.sum() == 2
    assert np.array_equal(given[wrong], partner[truth[wrong]])


def test_it_chooses_images_or_whole_trajectories() -> None:
    rows, member = np.arange(40, 80), np.arange(100) // 10
    random = np.random.default_rng(0)
    assert np.array_equal(quality.chosen(rows, "all", member, random), rows)
    assert len(np.unique(quality.chosen(rows, "half", member, random))) == 20
    tracks = quality.chosen(rows, "trajectories", member, random)
    assert np.bincount(member[tracks])[np.unique(member[tracks])].tolist() == [10, 10]


def test_it_spoils_as_strongly_as_it_says() -> None:
    images = render(Reef(species=2, n=10), 64).images
    dark, soft = quality.spoil(images, "dark", 0.5), quality.spoil(images, "blur", 1.0)
    assert dark.mean() / images.mean() == pytest.approx(0.5, abs=0.01)
    assert soft.mean() == pytest.approx(images.mean(), abs=1)
    assert (look(soft).detail < look(images).detail).all()
    rows = np.array([1, 3])
    mixed = quality.put(look(images), rows, look(dark))
    assert np.array_equal(mixed.light[rows], look(dark).light[rows])
    assert mixed.light[0] == look(images).light[0]


def test_quality_counts_what_is_named_and_listed(tracks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "STRENGTHS", {"blur": (0.5, 2.0), "dark": (0.3,)})
    found = quality.measure(tracks)
    strong = found["blur"]["2.0"]
    assert set(strong) == set(quality.PLANTED)
    assert strong["all"]["named"] == strong["half"]["named"] == 3
    assert min(strong["all"]["recall"], strong["half"]["recall"]) >= 0.9
    assert all(0 <= r["precision"] <= 1 for by_share in found["dark"].values() for r in by_share.values())
    assert any("median species" in line for line in quality.text(found))


def test_near_is_defined_apart_from_the_search(tracks: str) -> None:
    images = load(tracks, image_size=64, group="none")
    pairs = np.array([[0, 0], [0, 1], [0, 90]])
    close, apart = twins.similarity(images, pairs), twins.difference(images, pairs)
    assert close[0] == pytest.approx(1)
    assert apart[0] == 0
    assert close[1:].max() < 1
    assert apart[1:].min() > 0


def test_twins_counts_pairs_of_a_trajectory_that_lie_apart(tracks: str) -> None:
    found = twins.measure(tracks, 2)
    for name in ("ssim", "pixels"):
        for groups in ("known", "unknown"):
            assert 0 <= found[name][groups]["least"] <= found[name][groups]["found"] <= 1
        assert found[name]["known"]["found"] >= found[name]["unknown"]["found"]
        assert found[name]["known"]["pairs"] == found[name]["unknown"]["pairs"] > 0
    assert any("two trajectories" in line for line in twins.text(found))


def test_growth_is_fitted_in_logarithms() -> None:
    sizes = (1_000, 2_000, 4_000, 8_000)
    assert twins.slope({n: n * math.log(n) for n in sizes})["exponent"] == pytest.approx(1.13, abs=0.01)
    assert twins.slope({n: 3e-6 * n**2 for n in sizes})["low"] > 1.9


def test_growth_searches_each_size_once(tracks: str) -> None:
    found = twins.grow(tracks, (100, 200, 400), repeats=1)
    assert list(found["reef"]["seconds"]) == [100, 200, 400]
    assert found["photographs"]["seconds"][400]["pairs"] > found["photographs"]["seconds"][100]["pairs"]
    assert any("n log n" in line for line in twins.growth_text(found))


def test_painted_files_are_so_many(tmp_path: Path) -> None:
    root = cost.paint_files(tmp_path, 21)
    assert len(list(root.glob("*/*.jpg"))) == 21


def test_without_photographs_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="NETVET_DATA"):
        photographs.folder(str(tmp_path))


def test_both_orders_are_scored_on_the_same_probabilities() -> None:
    """Two classes apart in one feature: the planted errors lead both orders, and all is counted."""
    truth = np.arange(400, dtype=np.int64) % 2
    values = np.stack([truth * 4.0, np.zeros(400)], axis=1) + np.random.default_rng(0).normal(size=(400, 2))
    found = labels.judge(values.astype(np.float32), labels.plant(truth, np.arange(400), 0), truth, np.arange(400))
    assert found.auroc >= found.cleanlab_auroc > 0.9
    assert found.precision > 0.7
    assert found.listed_precision > 0.8 >= found.listed_recall * 0.8
    lines = labels.text(
        {"images": 400, "seeds": 1, "handmade": {"uniform": {"images": {"known": labels._summary([found])}}}}
    )
    assert "1 of 1" in lines[-1] or "0 of 1" in lines[-1]
