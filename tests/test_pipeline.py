"""The visit: what is told while it goes on, and a diagnosis whatever cannot be had for it."""

from __future__ import annotations

import json
import signal
import sqlite3
from pathlib import Path

import numpy as np
import pytest

import netvet
from netvet import pipeline
from netvet.base.errors import BadInput
from netvet.cli import reading
from netvet.images.dataset import ImageSet
from netvet.metrics import Summary
from netvet.recipe import Recipe
from netvet.rules import Diagnosis, diagnose
from netvet.testing import altered, healthy_trace
from netvet.trace import Trace, TraceWriter
from netvet.training import EpochReport, Outcome
from netvet.trials import Progress, Trial


class Heard(netvet.Listener):
    """Writes down what it was told, in the order in which it was."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_step(self, step: int, steps: int) -> None:
        self.told.append("step")

    def on_epoch(self, report: EpochReport) -> None:
        self.told.append("epoch")

    def on_trained(self, outcome: Outcome) -> None:
        self.told.append("trained")

    def on_exam(self, name: str) -> None:
        self.told.append("exam")

    def on_diagnosis(self, found: Diagnosis) -> None:
        self.told.append("diagnosis")

    def on_update(self, progress: Progress) -> None:
        self.told.append("update")

    def on_trial(self, trial: Trial) -> None:
        self.told.append("trial")


def ill(run: Path, *, recipe: Recipe | None) -> Path:
    """A recorded run whose loss stays where it was, so that exams are called for."""
    trace = altered(healthy_trace(), {})
    with TraceWriter(run) as writer:
        if recipe is not None:
            writer.recipe(recipe)
        for key, value in trace.meta.items():
            writer.meta(key, value)
        flat = {"train_loss": 1.79, "val_loss": 1.79, "loss": 1.79, "train_accuracy": 0.17, "val_accuracy": 0.17}
        flat |= {"train_balanced_accuracy": 0.17, "val_balanced_accuracy": 0.17}
        for each in trace.observations():
            writer.add(each.step, each.name, flat.get(each.name, each.value), each.where)
    assert bool(diagnose(Trace.open(run)).exams) is (recipe is not None)
    return run


def test_a_watched_loop_is_diagnosed_without_exams(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ill(tmp_path, recipe=None)
    heard = Heard()
    found = pipeline.examine(run, listener=heard)
    assert found.verdict in ("sick", "undecided")
    assert not found.exams
    assert heard.told == []
    with pytest.raises(BadInput, match="in your own training loop"):
        pipeline.run_exam_on("lr-range", run)
    assert reading.diagnose(run, exams=True, fail_on=None, limit=[], json=True) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["verdict"] == found.verdict
    assert (run / "report.html").is_file()
    assert reading.diagnose(run, exams=True, fail_on=None, limit=[], json=False) == 0
    assert "report.html" in capsys.readouterr().out.replace("\n", "")


def test_data_that_has_moved(tmp_path: Path) -> None:
    run = ill(tmp_path / "run", recipe=Recipe().change({"data.source": str(tmp_path / "gone")}))
    assert pipeline.examine(run).exams


def test_an_exam_that_cannot_be_taken_hides_no_diagnosis(
    tmp_path: Path, recipe: Recipe, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run's weights are not there: the other exams are taken, and the diagnosis stands."""
    run = ill(tmp_path, recipe=recipe)
    asked: list[str] = []

    def take(name: str, _run: Path, _images: ImageSet) -> str:
        asked.append(name)
        raise BadInput("There are no weights.")

    monkeypatch.setattr(pipeline, "run_exam_on", take)
    found = pipeline.examine(run, images=images)
    assert found.verdict in ("sick", "undecided")
    assert {"reference", *found.exams} <= set(asked)
    assert len(asked) == len(set(asked))  # none twice


def test_an_answer_that_cannot_be_written(
    tmp_path: Path, recipe: Recipe, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ill(tmp_path, recipe=recipe)

    def locked(_run: Path) -> TraceWriter:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(pipeline, "TraceWriter", locked)
    with pytest.raises(BadInput, match="not writable"):
        pipeline.run_exam_on("lr-range", run, images)
    assert pipeline.examine(run, images=images).exams


def test_what_is_told_of_a_checkup(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    heard, short = Heard(), recipe.change({"stop.epochs": 1})
    report = pipeline.checkup(short, out=tmp_path, budget=0, images=images, listener=heard)
    assert list(dict.fromkeys(heard.told)) in (
        ["step", "epoch", "trained", "diagnosis"],
        ["step", "epoch", "trained", "exam", "diagnosis"],
    )
    assert report.run == tmp_path
    assert (tmp_path / "report.html").is_file()


def test_a_checkup_that_is_stopped_says_how_far_it_came(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    class Stops(netvet.Listener):
        def on_step(self, step: int, steps: int) -> None:
            if step == 2:
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(pipeline.Stopped) as stopped:
        pipeline.checkup(recipe, out=tmp_path, budget=0, images=images, listener=Stops())
    assert isinstance(stopped.value, KeyboardInterrupt)
    assert (stopped.value.outcome.steps, stopped.value.outcome.finished) == (2, False)
    assert pipeline.checkup(recipe, out=tmp_path, budget=0, images=images, resume=True).recipe == recipe


class Told(Heard):
    """Writes down the sentences, too."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def on_notice(self, sentence: str) -> None:
        self.said.append(sentence)


def test_a_budget_for_no_trial_ends_with_a_prescription(
    tmp_path: Path, recipe: Recipe, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It once ended with exit code 2, after all the training."""
    monkeypatch.setattr(pipeline, "examine", lambda run, **_options: diagnose(Trace.open(run)))
    heard = Told()
    report = pipeline.checkup(recipe, out=tmp_path, budget=0.02, images=images, listener=heard)
    assert report.trial is None
    assert "too small for a trial" in report.untried
    assert "trial" not in heard.told
    assert len(heard.said) == 1
    assert "end with a prescription" in heard.said[0]
    assert json.loads((tmp_path / "report.json").read_text())["untried"] == report.untried
    assert report.untried in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("stage", ["examine", "treat"])
def test_ctrl_c_after_the_training_leaves_the_diagnosis_and_a_prescription(
    tmp_path: Path, recipe: Recipe, images: ImageSet, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    def stopped(*_given: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, stage, stopped)
    if stage == "treat":
        monkeypatch.setattr(pipeline, "examine", lambda run, **_options: diagnose(Trace.open(run)))
    short = recipe.change({"stop.epochs": 1})
    report = pipeline.checkup(short, out=tmp_path, budget=600, images=images)
    assert report.trial is None
    assert report.untried.startswith("Stopped before any")
    assert (tmp_path / "report.html").is_file()


def test_a_training_that_takes_most_of_the_budget_begins_anew_with_fewer_epochs(
    tmp_path: Path, recipe: Recipe, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "examine", lambda run, **_options: diagnose(Trace.open(run)))
    (tmp_path / "mine.txt").write_text("stays")
    heard, full = Told(), recipe.change({"stop.epochs": 6})
    report = pipeline.checkup(full, out=tmp_path, budget=0.02, images=images, shorten=True, listener=heard)
    assert report.recipe is not None
    assert report.recipe.stop.epochs == 3
    assert "begins anew with 3 epochs instead of 6" in " ".join(heard.said)
    assert len(report.trace.series("epoch_seconds")) == 3
    assert (tmp_path / "mine.txt").read_text() == "stays"


def test_where_there_is_time_it_is_not_shortened(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    told = pipeline.Foretelling(heard := Told(), recipe, 3600, 700, shorten=True)
    summary = Summary({"loss": 1.0}, {}, np.zeros((2, 2), np.int64))
    told.on_epoch(EpochReport(1, 24, summary, summary, 3.0, 69.0, True, 2.5))
    assert heard.said == []
    assert heard.told == ["epoch"]
