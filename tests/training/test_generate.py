"""Images that a GAN adds: painted once and exactly, refused where they are bad, and seen by the training alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from netvet.base.errors import BadInput
from netvet.images.dataset import ImageSet, load
from netvet.recipe import Recipe
from netvet.trace import Trace
from netvet.training import batches, train
from netvet.training.generate.adding import META, SHEET, generate_for
from netvet.training.generate.gan import enlarged, generate_images, seen
from netvet.training.generate.networks import LATENT, Discriminator, Generator
from netvet.training.generate.quality import FEWEST, judge
from netvet.training.pool import Added, Pool
from tests.small import Interrupt, same
from tests.trained import shifted

CPU = torch.device("cpu")
Images = NDArray[np.uint8]


def asking(recipe: Recipe, images: ImageSet, steps: int = 2, count: int = 10) -> Recipe:
    """The recipe with generated images of the first class."""
    return recipe.change({"augment.generated": {"images": {images.classes[0]: count}, "steps": steps}})


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge who refuses nothing, for GANs of two steps."""
    monkeypatch.setattr("netvet.training.generate.quality.Judgement.objection", lambda _self: "")


@pytest.mark.parametrize("side", [8, 15, 16, 32, 40, 48, 64, 224])
def test_the_networks_fit_every_size(side: int) -> None:
    small = min(side, 64)
    made = Generator(3, side)(torch.randn(2, LATENT), torch.tensor([0, 2]))
    assert made.shape[2] == made.shape[3] >= small
    assert bool(((made >= 0) & (made <= 1)).all())
    assert Discriminator(3, side)(torch.rand(2, 3, small, small), torch.tensor([0, 2])).shape == (2,)


def test_the_class_matters_to_both_networks() -> None:
    torch.manual_seed(0)
    painter, critic = Generator(2, 16), Discriminator(2, 16)
    torch.nn.init.normal_(painter.last_norm.shift.weight)
    latent, one, other = torch.randn(4, LATENT), torch.zeros(4, dtype=torch.int64), torch.ones(4, dtype=torch.int64)
    made = painter(latent, one)
    assert not torch.allclose(made, painter(latent, other))
    assert not torch.allclose(critic(made, one), critic(made, other))


def test_painting_learns_and_is_exact_by_seed(images: ImageSet) -> None:
    """After some steps the pictures have the colours of the class; the same seed gives the very same ones."""

    rows, pixels = seen(images)
    labels = images.labels[rows]

    def painted(steps: int, seed: int = 1) -> Images:
        made = generate_images(pixels, labels, {0: 24}, steps=steps, seed=seed, flip=True, device=CPU)
        assert made is not None
        return made[0]

    state = torch.get_rng_state()
    once = painted(3)
    assert torch.equal(state, torch.get_rng_state())
    assert np.array_equal(once, painted(3))
    assert not np.array_equal(once, painted(3, seed=2))
    real = pixels[labels == 0].mean(axis=(0, 1, 2))
    before, after = (np.abs(made.mean(axis=(0, 1, 2)) - real).mean() for made in (once, painted(60)))
    assert after < 0.8 * before


def test_a_gan_sees_training_images_alone(images: ImageSet) -> None:
    rows, pixels = seen(images)
    assert np.array_equal(rows, images.indices("train"))
    assert np.array_equal(pixels, images.images[rows])


def test_a_gan_sees_a_large_set_in_part_and_small() -> None:
    found = load("reef:species=2,n=20", image_size=80, val=0.1, test=0.1)
    many = np.tile(found.indices("train"), 50)
    large = replace(found, images=found.images[many], labels=found.labels[many], split=np.zeros(len(many), np.int8))
    rows, pixels = seen(large)
    assert np.bincount(large.labels[rows]).max() <= 500
    assert pixels.shape == (len(rows), 64, 64, 3)


def test_painting_stops_when_told(images: ImageSet) -> None:
    asked: list[int] = []
    rows, pixels = seen(images)

    def go_on(step: int) -> bool:
        asked.append(step)
        return step < 2

    assert (
        generate_images(pixels, images.labels[rows], {0: 4}, steps=9, seed=0, flip=True, device=CPU, go_on=go_on)
        is None
    )
    assert asked == [0, 1, 2]


def test_pictures_are_enlarged() -> None:
    flat = np.full((2, 64, 64, 3), 7, np.uint8)
    assert np.array_equal(enlarged(flat, 96), np.full((2, 96, 96, 3), 7, np.uint8))
    assert enlarged(flat, 64) is flat


def test_the_pool_without_additions_is_the_set(recipe: Recipe, images: ImageSet) -> None:
    pool = Pool(images)
    for sampler in ("shuffle", "oversample"):
        chosen = recipe.change({"sampler.name": sampler})
        assert np.array_equal(pool.order(chosen, 2), batches.order(chosen, images, 2))
    assert pool.steps_per_epoch(recipe) == batches.steps_per_epoch(recipe, images)
    rows = images.indices("train")[:5]
    pixels, labels = pool.batch(rows, CPU)
    assert torch.equal(pixels, batches.pixels(images, rows, CPU))
    assert labels.tolist() == images.labels[rows].tolist()


def test_the_pool_shows_what_was_added(recipe: Recipe, images: ImageSet) -> None:
    made = np.random.default_rng(0).integers(0, 256, (7, *images.images.shape[1:]), np.uint8)
    pool = Pool(images, Added(made, np.full(7, 1)))
    count, train_rows = len(images.labels), images.indices("train")
    order = pool.order(recipe, 0)
    assert sorted(order) == [*train_rows, *range(count, count + 7)]
    assert pool.counts()[1] == np.bincount(images.labels[train_rows])[1] + 7
    rows = np.array([count + 3, train_rows[0], count])
    pixels, labels = pool.batch(rows, CPU)
    assert labels.tolist() == [1, images.labels[train_rows[0]], 1]
    expected = np.stack([made[3], images.images[train_rows[0]], made[0]])
    assert np.array_equal((pixels.permute(0, 2, 3, 1) * 255).round().numpy(), expected)


@pytest.mark.usefixtures("trusting")
def test_a_run_trains_on_them_and_says_so(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    chosen, name = asking(recipe, images, count=40), images.classes[0]
    outcome = train(chosen, out=tmp_path / "run", images=images)
    plain = train(recipe, out=tmp_path / "plain", images=images)
    assert outcome.steps > plain.steps
    trace, other = Trace.open(tmp_path / "run"), Trace.open(tmp_path / "plain")
    for observed in ("class_images", "train_images", "val_images"):
        for where in other.places(observed):
            assert trace.last(observed, where) == other.last(observed, where)
    assert trace.places("generated_images") == [name]
    assert trace.last("generated_images", name) == 40
    assert other.places("generated_images") == []
    assert any(name in note and "GAN" in note for note in trace.meta["data"]["notes"])
    made = trace.array("generated", name)
    assert made is not None
    assert made.shape == (40, 16, 16, 3)
    assert (tmp_path / "run" / SHEET).is_file()
    confusion = trace.array("train_confusion")
    assert confusion is not None
    assert confusion.sum() == len(batches.audience(images))


@pytest.mark.usefixtures("trusting")
def test_a_run_goes_on_with_the_same_pictures(
    tmp_path: Path, recipe: Recipe, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = asking(recipe, images)
    train(chosen, out=tmp_path / "whole", images=images, watched=False)

    train(chosen, out=tmp_path / "cut", images=images, watched=False, listener=Interrupt(6))

    def again(*_given: object, **_more: object) -> None:
        raise AssertionError("painted a second time")

    monkeypatch.setattr("netvet.training.generate.adding.generate_images", again)
    train(chosen, out=tmp_path / "cut", images=images, watched=False, resume=True)
    assert same(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.usefixtures("trusting")
def test_a_run_that_is_cut_off_while_painting_begins_that_anew(
    tmp_path: Path, recipe: Recipe, images: ImageSet
) -> None:
    chosen = asking(recipe, images, steps=4)
    train(chosen, out=tmp_path / "whole", images=images, watched=False)

    stopped = train(chosen, out=tmp_path / "cut", images=images, watched=False, listener=Interrupt(0))
    assert (stopped.finished, stopped.steps) == (False, 0)
    assert META not in Trace.open(tmp_path / "cut").meta
    assert train(chosen, out=tmp_path / "cut", images=images, watched=False, resume=True).finished
    assert Trace.open(tmp_path / "cut").recipe == chosen
    assert same(tmp_path / "whole", tmp_path / "cut")


def test_what_is_refused_is_not_trained_on(
    tmp_path: Path, recipe: Recipe, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generator that has collapsed: the run is that without it, bit for bit, and says why."""
    one = images.images[images.indices("train")[:1]]
    monkeypatch.setattr(
        "netvet.training.generate.adding.generate_images",
        lambda _real, _labels, wanted, **_more: {k: np.repeat(one, n, axis=0) for k, n in wanted.items()},
    )
    train(asking(recipe, images), out=tmp_path / "run", images=images, watched=False)
    train(recipe, out=tmp_path / "plain", images=images, watched=False)
    assert same(tmp_path / "run", tmp_path / "plain")
    trace = Trace.open(tmp_path / "run")
    assert any("all alike" in note for note in trace.meta["data"]["notes"])
    assert trace.meta[META]["classes"][images.classes[0]]["used"] == 0
    assert (tmp_path / "run" / SHEET).is_file()


def test_a_class_of_a_few_images_is_not_painted(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    rows = images.indices("train")
    mine = rows[images.labels[rows] == 0]
    split = images.split.copy()
    split[mine[FEWEST - 1 :]] = -1
    painted = generate_for(asking(recipe, images), replace(images, split=split), tmp_path)
    assert painted is not None
    assert painted.added is None
    assert f"{FEWEST - 1} training images" in painted.reported[0]


def test_a_class_that_is_none_is_named(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    with pytest.raises(BadInput, match="'carp', which is not a class of the data"):
        train(recipe.change({"augment.generated.images.carp": 9}), out=tmp_path / "run", images=images)


@pytest.fixture(scope="module")
def fish() -> tuple[Images, NDArray[np.int64], Images]:
    """Training images of four rendered species with their labels, and held-out ones of species 0."""
    found = load("reef:species=4,n=90,seed=3", image_size=32, val=0.4, test=0.0)
    rows, held = found.indices("train"), found.indices("val")
    return found.images[rows], found.labels[rows], found.images[held[found.labels[held] == 0]]


def test_real_images_are_accepted(fish: tuple[Images, NDArray[np.int64], Images]) -> None:
    real, labels, held = fish
    assert judge(held, real, labels, 0).objection() == ""


def _moved(images: Images, seed: int) -> Images:
    """Shifted by up to a pixel, a little lighter or darker, and noisy."""
    random = np.random.default_rng(seed)
    shifted = np.stack([np.roll(each, random.integers(-1, 2, 2), axis=(0, 1)) for each in images]).astype(np.float64)
    noisy = shifted * random.uniform(0.95, 1.05, (len(images), 1, 1, 1)) + random.normal(0, 4, shifted.shape)
    return noisy.round().clip(0, 255).astype(np.uint8)


def test_planted_failures_are_refused(fish: tuple[Images, NDArray[np.int64], Images]) -> None:
    real, labels, _held = fish
    own, random = real[labels == 0], np.random.default_rng(0)
    planted = {
        "constant": np.repeat(own[:1], 40, axis=0),
        "one mode": _moved(np.repeat(own[:1], 40, axis=0), 1),
        "two modes": _moved(np.repeat(own[:2], 20, axis=0), 2),
        "learnt by heart": _moved(own, 3),
        "another class": real[labels == 1],
        "the mean": _moved(np.repeat(own.mean(axis=0, keepdims=True).astype(np.uint8), 40, axis=0), 4),
        "noise": random.integers(0, 256, (40, 32, 32, 3), np.uint8),
    }
    said = {name: judge(made, real, labels, 0).objection() for name, made in planted.items()}
    assert all(said.values()), said
    assert "all alike" in said["constant"]
    assert "all alike" in said["one mode"]
    assert "copies" in said["learnt by heart"]
    assert "other classes" in said["another class"]


@pytest.mark.slow
@pytest.mark.trained
def test_a_real_one_on_the_reef(tmp_path: Path) -> None:
    """Trained for as long as the remedy trains it: used, or refused with a reason; its pictures are kept either way."""
    reef = shifted(Recipe().change({"data.source": "reef:species=6,n=110,imbalance=10", "data.image_size": 32}))
    found = load(reef.data.source, image_size=32)
    rows = found.indices("train")
    name = found.classes[int(np.bincount(found.labels[rows]).argmin())]
    recipe = reef.change({f"augment.generated.images.{name}": 100, "stop.epochs": 1})
    painted = generate_for(recipe, found, tmp_path)
    assert painted is not None
    about = Trace.open(tmp_path).meta[META]["classes"][name]
    assert (about["used"] == 100) == (painted.added is not None) == (painted.counts == {name: 100})
    assert about["used"] == 100 or "No generated images" in painted.reported[0]
    assert about["spread"] > 0.3  # whatever its pictures are like, it has not collapsed
    made = Trace.open(tmp_path).array("generated", name)
    assert made is not None
    assert made.shape == (100, 32, 32, 3)
