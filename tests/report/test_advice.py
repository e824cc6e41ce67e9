"""What to do next: every sick or undecided report ends with a sentence and a command that can be run as it stands."""

from __future__ import annotations

import io
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from netvet.cli.app import app
from netvet.recipe import Recipe, load, parse_assignments
from netvet.report import Report, render_json
from netvet.report.advice import Advice, advise, prescribed
from netvet.report.html import render
from netvet.report.text import print_next
from netvet.rules import Diagnosis, Finding, rules
from netvet.trace import Trace
from netvet.trials import Trial, Verdict
from tests.report.conftest import fish_diagnosis, fish_trace, fish_trial

GAP = Finding("a gap", rule="generalisation-gap", kind="symptom")
LEAK = Finding("twins", where="val", rule="split-leakage", remedies=("group-split",))
UNDECIDED = Diagnosis((GAP,), {}, "undecided")


def reported(
    folder: Path, diagnosis: Diagnosis, trial: Trial | None = None, recipe: Recipe | None = None, *, own: bool = False
) -> Report:
    trace = fish_trace(recipe=recipe)
    return Report(folder, None if own else trace.recipe, trace, diagnosis, trial)


def advice(report: Report) -> Advice:
    found = advise(report)
    assert found is not None
    assert found.sentence.endswith((".", ":"))
    return found


def unproven(**changes: object) -> Trial:
    trial = fish_trial()
    return replace(trial, confirmation=None, chosen=None, **changes)  # type: ignore[arg-type]


def test_a_remedy_that_helped_is_taken_over(tmp_path: Path) -> None:
    recipe = Recipe().change({"optimizer.lr": 0.0003, "data.source": "my fish/photos"})
    trace = fish_trace(recipe=recipe)
    report = Report(tmp_path, recipe, trace, fish_diagnosis(trace), fish_trial())
    told = advice(report)
    assert "raise-learning-rate, which helped" in told.sentence
    words = shlex.split(told.command)
    assert words[:3] == ["netvet", "checkup", "my fish/photos"]
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml())
    taken = load(words[words.index("--recipe") + 1]).change(
        parse_assignments([words[i + 1] for i, word in enumerate(words) if word == "--set"])
    )
    assert recipe.differences(taken).keys() == {"optimizer.lr"}
    assert taken.optimizer.lr > recipe.optimizer.lr


def test_a_split_that_leaks_is_mended_first(tmp_path: Path) -> None:
    leaking = Diagnosis((LEAK,), {}, "sick")
    torn = reported(tmp_path, leaking, recipe=Recipe().change({"data.group": "none"}))
    assert advice(torn).sentence.startswith("First split by group")
    assert advice(torn).command.endswith("--set data.group=auto")
    alike = advice(reported(tmp_path, leaking))
    assert "or name their groups" in alike.sentence
    assert alike.command == "netvet inspect reef"


def test_without_a_trial_it_is_a_trial_with_time_enough(tmp_path: Path) -> None:
    told = advice(reported(tmp_path, UNDECIDED))
    assert told.command.startswith(f"netvet treat {shlex.quote(str(tmp_path))} --budget ")
    assert "augment, weight-decay and dropout" in told.sentence
    minutes = int(told.command.split()[-1].removesuffix("m"))
    assert minutes > 11 * 24 * 4.2 / 60  # eleven runs of 24 epochs


def test_an_open_exam_comes_before_remedies_without_a_cause(tmp_path: Path) -> None:
    told = advice(reported(tmp_path, replace(UNDECIDED, exams=("lr-range",))))
    assert told.command.startswith(f"netvet exam lr-range {tmp_path} && netvet diagnose")


def test_after_a_trial_that_proved_nothing_it_is_a_longer_one_or_the_data(tmp_path: Path) -> None:
    short = advice(reported(tmp_path, UNDECIDED, unproven()))
    assert "more time" in short.sentence
    assert int(short.command.split()[-1].removesuffix("m")) >= 20  # twice the 600 seconds
    whole = unproven(epochs=24, budget_seconds=90_000.0)
    assert advice(reported(tmp_path, UNDECIDED, whole)).command == "netvet inspect reef"
    few = replace(GAP, kind="cause", rule="class-imbalance", needed="perch needs more images: 9.")
    needy = Diagnosis((few, GAP), {}, "sick")
    assert advice(reported(tmp_path, needy, whole)).sentence == few.needed


def test_a_run_that_is_still_rising_goes_on_for_longer(tmp_path: Path) -> None:
    told = advice(reported(tmp_path, Diagnosis((), {}, "unfinished")))
    assert told.command.endswith("--set stop.epochs=48")


@pytest.mark.parametrize("verdict", ["healthy", "no-fault-found"])
def test_nothing_is_to_be_done_for_a_run_that_nothing_ails(tmp_path: Path, verdict: str) -> None:
    report = reported(tmp_path, Diagnosis((), {}, verdict))  # type: ignore[arg-type]
    assert advise(report) is None
    assert prescribed(report) == []


def test_a_loop_of_one_s_own_is_mended_in_its_code(tmp_path: Path) -> None:
    loop = Finding("sums", rule="uncleared-gradients", fix="optimizer.zero_grad()")
    told = advice(reported(tmp_path, Diagnosis((loop, GAP), {}, "sick"), own=True))
    assert "Write optimizer.zero_grad() in your loop" in told.sentence
    rate = Finding("low", rule="learning-rate-too-low", remedies=("raise-learning-rate",))
    assert advice(reported(tmp_path, Diagnosis((rate,), {}, "sick"), own=True)).command == (
        "netvet explain raise-learning-rate"
    )
    blind = replace(UNDECIDED, not_assessed={"dead-relu": ("dead_fraction",)})
    assert "record dead_fraction too" in advice(reported(tmp_path, blind, own=True)).sentence
    assert advice(reported(tmp_path, UNDECIDED, own=True)).command


@pytest.mark.parametrize("name", [name for name, rule in rules().items() if rule.kind == "cause"])
@pytest.mark.parametrize("own", [False, True])
def test_every_cause_has_a_next_step_that_the_command_line_knows(tmp_path: Path, name: str, own: bool) -> None:
    finding = Finding("x", where="val", rule=name, remedies=tuple(rules()[name].remedies))
    told = advice(reported(tmp_path, Diagnosis((finding, GAP), {}, "sick"), own=own))
    for command in told.command.split(" && "):
        _function, bound, _ignored = app.parse_args(shlex.split(command)[1:], print_error=False, exit_on_error=False)
        assert bound.arguments


def test_all_three_reports_tell_it(tmp_path: Path) -> None:
    report = replace(reported(tmp_path, UNDECIDED), untried="A budget of 5 s is too small.")
    told = advice(report)
    tree = render_json(report)
    assert tree["next"] == {"sentence": told.sentence, "command": told.command}
    assert tree["untried"] == report.untried
    assert [each["remedy"] for each in tree["prescription"]] == ["augment", "weight-decay", "dropout"]
    page = render(report)
    assert page.index("What to do next") < page.index('id="cause"')
    assert told.sentence in page
    assert report.untried in page
    console = Console(width=60, record=True, file=io.StringIO())
    print_next(console, report)
    printed = console.export_text()
    assert report.untried in printed
    assert f"  {told.command}\n" in printed
    assert printed.index("Worth a trial") < printed.index("Next: ")


def test_a_watched_run_that_is_read_alone_has_no_prescription(tmp_path: Path) -> None:
    assert prescribed(Report(tmp_path, None, Trace([], meta={}), UNDECIDED)) == []
    assert isinstance(fish_trial().verdicts[0], Verdict)
