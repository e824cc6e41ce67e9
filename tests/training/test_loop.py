"""The loop: exact by seed, exact after an interruption, and clear about what it cannot do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from netvet.base.errors import BadInput
from netvet.images.dataset import ImageSet
from netvet.recipe import Recipe
from netvet.trace import FILE, Trace
from netvet.training import batches, evaluate, load_images, predict, train
from netvet.training.checkpoint import BEST, LAST
from tests.small import SMALL, Interrupt, same, weights


def test_same_recipe_same_weights_watched_or_not(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    train(recipe, out=tmp_path / "a", images=images)
    train(recipe, out=tmp_path / "b", images=images, watched=False)
    train(recipe.change({"seed": 1}), out=tmp_path / "c", images=images)
    assert same(tmp_path / "a", tmp_path / "b")
    assert not same(tmp_path / "a", tmp_path / "c")


def test_the_trace_holds_what_the_rules_read(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    outcome = train(recipe, out=tmp_path / "run", images=images)
    trace = Trace.open(tmp_path / "run")
    assert outcome.finished
    assert trace.recipe == recipe
    assert trace.meta["finished"] is True
    assert len(trace.series("loss")) == outcome.steps == 3 * trace.meta["steps_per_epoch"]
    assert list(trace.series("epoch").values) == [1, 2, 3]
    assert len(trace.series("val_accuracy")) == 3
    assert set(trace.places("class_images")) == set(images.classes)
    assert trace.places("grad_norm")
    confusion = trace.array("val_confusion")
    assert confusion is not None
    assert confusion.sum() == len(images.indices("val"))
    probabilities = trace.array("val_probabilities")
    assert probabilities is not None
    assert np.allclose(probabilities.sum(1), 1, atol=1e-4)


def test_interrupted_in_the_middle_of_an_epoch_it_goes_on_exactly(
    tmp_path: Path, recipe: Recipe, images: ImageSet
) -> None:
    train(recipe, out=tmp_path / "whole", images=images)

    stopped = train(recipe, out=tmp_path / "cut", images=images, listener=Interrupt(6))
    assert not stopped.finished
    assert stopped.steps == 6
    resumed = train(recipe, out=tmp_path / "cut", images=images, resume=True)
    assert resumed.finished
    assert same(tmp_path / "whole", tmp_path / "cut")
    whole, cut = (Trace.open(tmp_path / name) for name in ("whole", "cut"))
    for name in ("loss", "val_accuracy", "learning_rate"):
        assert np.array_equal(whole.series(name).values, cut.series(name).values), name
    for where in whole.places("weight_distance"):
        assert np.array_equal(
            whole.series("weight_distance", where).values, cut.series("weight_distance", where).values
        )


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    train(recipe, out=tmp_path / "run", images=images)
    before = weights(tmp_path / "run")
    assert train(recipe, out=tmp_path / "run", images=images, resume=True).finished
    assert all(torch.equal(before[name], value) for name, value in weights(tmp_path / "run").items())


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine", "plateau", "cyclic", "one-cycle"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_every_schedule_resumes_exactly(
    tmp_path: Path, recipe: Recipe, images: ImageSet, schedule: str, optimizer: str
) -> None:
    chosen = recipe.change(
        {"schedule.name": schedule, "schedule.patience": 1, "schedule.step_size": 1, "optimizer.name": optimizer}
    )
    train(chosen, out=tmp_path / "whole", images=images, watched=False)

    train(chosen, out=tmp_path / "cut", images=images, watched=False, listener=Interrupt(7, signal.SIGTERM))
    train(chosen, out=tmp_path / "cut", images=images, watched=False, resume=True)
    assert same(tmp_path / "whole", tmp_path / "cut")


def test_early_stopping_keeps_the_best_weights(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    chosen = recipe.change({"stop.early_stopping": 1, "stop.epochs": 30, "optimizer.lr": 0.2})
    outcome = train(chosen, out=tmp_path / "run", images=images)
    assert outcome.epochs < 30
    best = torch.load(tmp_path / "run" / BEST, weights_only=True)["model"]
    assert all(torch.equal(best[name], value) for name, value in weights(tmp_path / "run").items())


def test_a_run_that_blows_up_ends_and_stays_readable(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    chosen = recipe.change(
        {"optimizer.lr": 1e12, "schedule.name": "constant", "model.norm_after": "none", "stop.epochs": 9}
    )
    outcome = train(chosen, out=tmp_path / "run", images=images)
    assert outcome.finished
    assert outcome.epochs < 9
    assert not np.isfinite(Trace.open(tmp_path / "run").series("loss").values).all()


def test_oversampling_draws_classes_equally() -> None:
    recipe = Recipe().change({"data.source": "reef:species=4,n=60,imbalance=10", "sampler.name": "oversample"})
    images = load_images(recipe.change({"data.image_size": 16}), progress=False)
    drawn = np.bincount(images.labels[np.concatenate([batches.order(recipe, images, e) for e in range(20)])])
    assert drawn.max() / drawn.min() < 1.3


def test_every_image_once_an_epoch(recipe: Recipe, images: ImageSet) -> None:
    first, second = (batches.order(recipe, images, epoch) for epoch in (0, 1))
    assert sorted(first) == sorted(images.indices("train"))
    assert list(first) != list(second)


def test_refusals(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    train(recipe, out=tmp_path / "run", images=images, watched=False)
    with pytest.raises(BadInput, match="already holds a run"):
        train(recipe, out=tmp_path / "run", images=images)
    with pytest.raises(BadInput, match=r"model\.depth"):
        train(recipe.change({"model.depth": 4}), out=tmp_path / "run", images=images, resume=True)
    with pytest.raises(BadInput, match="no recorded run"):
        train(recipe, out=tmp_path / "nothing", images=images, resume=True)
    (tmp_path / "run" / LAST).write_bytes(b"torn")
    with pytest.raises(BadInput, match="damaged"):
        evaluate(tmp_path / "run", images, "test")


def test_evaluate_and_predict(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    from PIL import Image

    train(recipe, out=tmp_path / "run", images=images, watched=False)
    summary = evaluate(tmp_path / "run", images, "val")
    trace = Trace.open(tmp_path / "run")
    assert summary.numbers["accuracy"] == pytest.approx(trace.last("val_accuracy"))
    Image.fromarray(images.images[0]).save(tmp_path / "fish.png")
    (tmp_path / "torn.png").write_bytes(b"\x89PNG")
    good, bad = predict(tmp_path / "run", [tmp_path / "fish.png", tmp_path / "torn.png"])
    assert len(good.classes) == 3
    assert sum(good.probabilities) == pytest.approx(1, abs=1e-3)
    assert bad.problem


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(3))
def test_killed_at_a_random_moment_it_resumes_to_the_same_weights(tmp_path: Path, attempt: int) -> None:
    """`kill -9` at a moment that differs every time, twice, then --resume: the weights of an unbroken run."""
    recipe = Recipe().change({**SMALL, "stop.epochs": 12, "data.source": "reef:species=3,n=60"})
    script = (
        "import sys; from pathlib import Path; from netvet.recipe import load; from netvet.training import loop\n"
        "loop.CHECKPOINT_SECONDS = 0.2\n"
        "loop.train(load(sys.argv[1]), out=sys.argv[2], resume=Path(sys.argv[2], 'trace.sqlite').exists())"
    )
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml())

    def start(out: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", script, str(tmp_path / "recipe.yaml"), str(out)]
        return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})

    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert start(whole).wait() == 0
    pause = np.random.default_rng(time.time_ns())
    for _ in range(2):
        process = start(cut)
        while not (cut / FILE).exists() and process.poll() is None:
            time.sleep(0.02)
        time.sleep(float(pause.uniform(0.05, 2.5)))
        process.kill()
        process.wait()
    process = start(cut)
    assert process.wait() == 0
    assert same(whole, cut)
    assert np.array_equal(Trace.open(whole).series("loss").values, Trace.open(cut).series("loss").values)


def test_frozen_epochs_train_the_last_layer_alone(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    frozen = recipe.change({"model.frozen": 1})
    train(frozen, out=tmp_path / "end", images=images)
    trace = Trace.open(tmp_path / "end")
    steps = trace.meta["steps_per_epoch"]
    _stop_after(1, tmp_path / "first", frozen, images)
    _stop_after(steps, tmp_path / "epoch", frozen, images)
    first, epoch, end = (weights(tmp_path / name) for name in ("first", "epoch", "end"))
    assert {name for name in first if not torch.equal(first[name], epoch[name])} == {"head.weight", "head.bias"}
    assert all(not torch.equal(first[name], end[name]) for name in first if name.endswith("weight"))
    assert trace.series("update_ratio", "head").steps[0] == 0
    assert min(trace.series("update_ratio", "features.0.conv").steps) >= steps


def test_a_run_that_stopped_in_a_frozen_epoch_goes_on_exactly(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    frozen = recipe.change({"model.frozen": 2})
    train(frozen, out=tmp_path / "whole", images=images)
    _stop_after(3, tmp_path / "cut", frozen, images)
    train(frozen, out=tmp_path / "cut", images=images, resume=True)
    assert same(tmp_path / "whole", tmp_path / "cut")


def _stop_after(steps: int, run: Path, recipe: Recipe, images: ImageSet) -> None:
    """Train so many steps of a run, and interrupt it."""
    assert not train(recipe, out=run, images=images, listener=Interrupt(steps)).finished
