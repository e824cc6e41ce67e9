"""The clinic's peers: the record, the map, the ports and the loop that the packages are hooked into."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.clinic.peers import __main__ as command
from benchmarks.clinic.peers import autotrainer, meaning, sagemaker, training
from benchmarks.clinic.peers.hooked import Step, Training
from benchmarks.clinic.peers.words import CRITICAL, INFO, WARNING, Book, Heard, Word, load, save
from benchmarks.clinic.plan import Run
from netvet.faults import REEF
from netvet.rules import rules
from netvet.testing import altered, healthy_trace
from netvet.trace import Trace
from netvet.training import train

SMALL = REEF.change({"data.source": "reef:species=3,n=24", "model.width": 4, "stop.epochs": 2, "batch_size": 16})


def codes(heard: Heard) -> list[str]:
    return [code for word in heard.words for code in word.codes]


def test_the_words_are_kept_and_read_back(tmp_path: Path) -> None:
    word = Word(("a", "b"), CRITICAL, 7, 3, "said")
    book = Book({"x": "1"}, {"run": "d"}, {"run": 4}, {"run": {"x": Heard((word,), "ValueError: no")}})
    save(book, tmp_path / "words.json.gz")
    assert load(tmp_path / "words.json.gz") == book
    assert load(tmp_path / "none.json.gz") == Book()
    first = (tmp_path / "words.json.gz").read_bytes()
    save(book, tmp_path / "words.json.gz")
    assert (tmp_path / "words.json.gz").read_bytes() == first  # the same words, the same file


def test_the_map_counts_for_names_that_exist() -> None:
    assert {name for by in meaning.MAP.values() for names in by.values() for name in names} <= set(rules())
    assert set(meaning.SEVERITY) == set(meaning.MAP) == {*training.PACKAGES, *meaning.PORTS}
    assert set(meaning.MAP["SageMaker Debugger (our port)"]) == set(sagemaker.RULES)
    assert all(f"| {peer} | {code} |" in meaning.table() for peer, by in meaning.MAP.items() for code in by)


def test_a_word_without_meaning_takes_its_place() -> None:
    heard = Heard((Word(("LR discontinuity",), INFO), Word(("Loss spike",), WARNING)))
    answer = meaning.meant("trainspotter", heard)
    assert answer[0] == ()
    assert not meaning.names_it(answer, "learning-rate-too-high", 1)
    assert meaning.names_it(answer, "learning-rate-too-high", 3)
    assert meaning.alarmed(heard)
    assert not meaning.alarmed(Heard(heard.words[:1]))


def test_answers_are_keyed_by_tool_and_run() -> None:
    book = Book(runs={"r": {"gradsnitch": Heard((Word(("GS004 Train/val divergence (overfitting)",), WARNING),))}})
    said = meaning.peer_answers({"r": healthy_trace()}, book)
    assert "over-capacity" in said["gradsnitch"]["r"][0]
    assert set(said) == set(meaning.MAP)
    assert "r" in said["AutoTrainer (our port)"]
    assert said["torchmortem"] == {}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"dead_fraction@features.2.act": 0.8}, "DeadRelu"),
        ({"loss": math.nan}, "ExplodingTensor"),
        ({"grad_rms@features.0.conv": 1e-9}, "VanishingGradient"),
        ({"update_ratio@features.0.conv": 1e-10}, "WeightUpdateRatio"),
        ({"loss": 2.0}, "UnchangedTensor"),
        ({"val_loss": 2.0}, "LossNotDecreasing"),
        ({"train_loss": 1.0, "val_loss": 1.2}, "Overfit"),
        ({"input_mean": 0.5}, "CheckInputImages"),
    ],
)
def test_a_rule_of_sagemaker_fires_by_its_published_limit(changes: dict[str, float], rule: str) -> None:
    assert rule in codes(sagemaker.hear(altered(healthy_trace(), changes)))


def test_rules_of_sagemaker_come_by_their_first_step() -> None:
    heard = sagemaker.hear(altered(healthy_trace(), {"dead_fraction@features.2.act": 0.8, "train_loss": 1.0}))
    steps = [word.step for word in heard.words]
    assert steps == sorted(steps)


def test_healthy_layers_leave_the_rules_on_layers_silent() -> None:
    quiet = {"DeadRelu", "ExplodingTensor", "VanishingGradient", "AllZero", "SaturatedActivation", "CheckInputImages"}
    assert not quiet & set(codes(sagemaker.hear(healthy_trace())))


def test_autotrainer_names_one_problem() -> None:
    flat = np.full(len(healthy_trace().series("val_accuracy")), 0.2)
    stuck: dict[str, object] = {"train_accuracy": flat, "val_accuracy": flat}
    assert codes(autotrainer.hear(_with(stuck))) == ["slow convergence"]
    places = healthy_trace().places("grad_rms")
    faded = stuck | {f"grad_norm@{places[0]}": 1e-6, f"grad_norm@{places[-1]}": 1.0}
    assert codes(autotrainer.hear(_with(faded))) == ["vanishing gradient"]
    dead = faded | {f"dead_fraction@{place}": 0.9 for place in healthy_trace().places("dead_fraction")}
    assert codes(autotrainer.hear(_with(dead))) == ["dying ReLU"]  # it comes before, as published
    assert codes(autotrainer.hear(_with({"train_loss": math.nan}))) == ["exploding gradient"]


def test_autotrainer_judges_a_vanishing_gradient_only_where_the_accuracy_is_low() -> None:
    places = healthy_trace().places("grad_rms")
    best = np.full(len(healthy_trace().series("val_accuracy")), 0.9)
    best[1:3] = (0.92, 0.99)  # it does learn
    high: dict[str, object] = {"train_accuracy": best, "val_accuracy": best, f"grad_norm@{places[0]}": 1e-6}
    assert "vanishing gradient" not in codes(autotrainer.hear(_with(high)))


def _with(changes: dict[str, object]) -> Trace:
    return altered(healthy_trace(), changes)  # type: ignore[arg-type]  # curves of several kinds


class Counts:
    """A peer that counts, and one that breaks."""

    breaks_at = -1

    def __init__(self, given: Training) -> None:
        self.classes, self.steps, self.epochs = given.classes, 0, 0

    def step(self, step: Step) -> None:
        assert step.logits.shape == (len(step.rows), self.classes) == (len(step.images), self.classes)
        assert step.number == self.steps
        assert math.isfinite(step.grad_norm)
        if step.number == self.breaks_at:
            raise RuntimeError("out of words")
        self.steps += 1

    def epoch(self, step: int, val_loss: float) -> None:
        assert math.isfinite(val_loss)
        self.epochs += 1

    def heard(self) -> Heard:
        return Heard((Word((f"{self.steps} steps",), INFO, times=self.epochs),))

    def close(self) -> None:
        pass


class Breaks(Counts):
    breaks_at = 3


def test_the_run_is_netvets_own_and_one_that_breaks_leaves_the_rest_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "PACKAGES", {"counts": Counts, "breaks": Breaks})
    said = training.attend(SMALL, out=tmp_path / "attended")
    outcome = train(SMALL, out=tmp_path / "plain", watched=False)
    assert said["counts"] == Heard((Word((f"{outcome.steps} steps",), INFO, times=2),))
    assert said["breaks"].error == "RuntimeError: out of words"
    assert said["breaks"].words[0].codes == ("3 steps",)
    _same_weights(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("torchmortem") is None, reason="in .venv-peers only")
def test_the_packages_leave_the_run_as_it_is(tmp_path: Path) -> None:
    said = training.attend(SMALL, out=tmp_path / "attended")
    train(SMALL, out=tmp_path / "plain", watched=False)
    assert not any(heard.error for heard in said.values())
    _same_weights(tmp_path)
    unknown = {peer: set(codes(heard)) - set(meaning.MAP[peer]) for peer, heard in said.items()}
    assert not any(unknown.values()), unknown


def _same_weights(folder: Path) -> None:
    here, there = (torch.load(folder / name / "last.pt", weights_only=False)["model"] for name in ("attended", "plain"))
    assert all(torch.equal(here[key], there[key]) for key in here)


def test_a_missing_environment_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "ENVIRONMENT", tmp_path / "none")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert command.main(["--limit", "1"]) == 2
    assert "peers_environment.sh" in capsys.readouterr().err


def test_a_run_is_trained_again_when_its_recipe_or_its_cap_changes() -> None:
    book = Book(digests={"run": command.digest(SMALL)})
    run = Run("run", "locked", SMALL, "reef", "cnn")
    assert command._kept(run, book, None)
    assert command._kept(run, book, 5)
    assert not command._kept(run, book, 1)


def test_a_row_of_the_table_has_shares_and_their_intervals() -> None:
    row = command._row("tool", [True, False], [True, True], [], 3).split()
    assert row == ["tool", "2", "50%", "9%", "to", "91%", "100%", "34%", "to", "100%", "0", "-", "3"]
