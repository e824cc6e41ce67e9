"""The visit: what is told while it goes on, and a diagnosis whatever cannot be had for it."""

from __future__ import annotations

import json
import signal
import sqlite3
from pathlib import Path

import pytest

from netvet import pipeline
from netvet.base.errors import BadInput
from netvet.cli import reading
from netvet.images.dataset import ImageSet
from netvet.recipe import Recipe
from netvet.rules import diagnose
from netvet.testing import altered, healthy_trace
from netvet.trace import Trace, TraceWriter


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
    assert diagnose(Trace.open(run)).exams
    return run


def test_a_watched_loop_is_diagnosed_without_exams(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ill(tmp_path, recipe=None)
    asked: list[str] = []
    found = pipeline.examine(run, on_exam=asked.append)
    assert found.verdict in ("sick", "undecided")
    assert found.exams
    assert asked == []
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
    assert list(found.exams) == asked


def test_an_answer_that_cannot_be_written(
    tmp_path: Path, recipe: Recipe, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ill(tmp_path, recipe=recipe)

    def locked(_run: Path) -> TraceWriter:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(pipeline, "TraceWriter", locked)
    with pytest.raises(BadInput, match="cannot be written"):
        pipeline.run_exam_on("lr-range", run, images)
    assert pipeline.examine(run, images=images).exams


def test_what_is_told_of_a_checkup(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    told: list[str] = []
    report = pipeline.checkup(
        recipe.change({"stop.epochs": 1}),
        out=tmp_path,
        budget=0,
        images=images,
        on_step=lambda step, steps: told.append("step"),
        on_epoch=lambda report: told.append("epoch"),
        on_trained=lambda outcome: told.append("trained"),
        on_exam=lambda name: told.append("exam"),
        on_diagnosis=lambda found: told.append("diagnosis"),
        on_update=lambda progress: told.append("update"),
        on_trial=lambda trial: told.append("trial"),
    )
    assert list(dict.fromkeys(told)) in (
        ["step", "epoch", "trained", "diagnosis"],
        ["step", "epoch", "trained", "exam", "diagnosis"],
    )
    assert report.run == tmp_path
    assert (tmp_path / "report.html").is_file()


def test_a_checkup_that_is_stopped_says_how_far_it_came(tmp_path: Path, recipe: Recipe, images: ImageSet) -> None:
    def stop(step: int, _steps: int) -> None:
        if step == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(pipeline.Stopped) as stopped:
        pipeline.checkup(recipe, out=tmp_path, budget=0, images=images, on_step=stop)
    assert isinstance(stopped.value, KeyboardInterrupt)
    assert (stopped.value.outcome.steps, stopped.value.outcome.finished) == (2, False)
    assert pipeline.checkup(recipe, out=tmp_path, budget=0, images=images, resume=True).recipe == recipe
