from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from netvet.base.console import BLOCKS, sparkline
from netvet.report import text
from netvet.rules import Diagnosis, diagnosis_text, print_diagnosis
from netvet.trials import ArmProgress, Progress, Verdict
from tests.report.conftest import HOSTILE, fish_diagnosis, fish_trace, fish_trial

BRACKETS = "[bold red]a[/] [/] [link=file:///etc/passwd]x[/link]"


def console(encoding: str = "utf-8") -> tuple[Console, io.BytesIO]:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    return Console(file=file, width=100, color_system=None, legacy_windows=False), raw


def diagnosis() -> Diagnosis:
    return fish_diagnosis(fish_trace(["a", "b"], 3))


def test_the_root_cause_comes_first_with_its_number_and_limit() -> None:
    lines = diagnosis_text(diagnosis()).splitlines()
    assert lines[0].startswith("Sick: learning-rate-too-low. The learning rate peaks at 0.0003")
    page = "\n".join(lines)
    assert "Highest learning rate: 0.05 (limit 0.06)" in page
    assert page.index("Also found") < page.index("Notes") < page.index("Ruled out") < page.index("Not assessed")
    assert "batch-norm-mismatch, group-x: needs norm_mean_gap" in page
    assert str(diagnosis()) == page
    assert all(len(line) <= 100 for line in lines)


def test_the_line_that_mends_a_loop_is_shown() -> None:
    found = diagnosis()
    root, symptom, note = found.findings
    root, note = replace(root, fix="optimizer.step()"), replace(note, fix="model.train()")
    page = diagnosis_text(replace(found, findings=(root, symptom, note)))
    assert "\n  To mend: optimizer.step()\n" in page
    assert "31% of the units in features.8 are 0. To mend: model.train()" in page
    assert "To mend" not in diagnosis_text(found)


def test_each_verdict_has_its_sentence() -> None:
    assert diagnosis_text(Diagnosis((), {}, "healthy")) == "Healthy. No symptoms."
    assert diagnosis_text(Diagnosis((), {}, "undecided")) == "Undecided. Too little was measured for a diagnosis."
    symptom = replace(diagnosis().findings[1], rule="loss-plateau")
    open_ = diagnosis_text(Diagnosis((symptom,), {}, "undecided", exams=("lr-range",)))
    assert open_.startswith("Undecided. Symptom: loss-plateau. No cause that explains it was found.")
    assert "lr-range" in open_


@pytest.mark.parametrize("name", [*HOSTILE, BRACKETS])
def test_user_text_is_not_markup(name: str) -> None:
    found = diagnosis()
    findings = tuple(replace(f, message=name, rule=name, where=name) for f in found.findings)
    page = diagnosis_text(replace(found, findings=findings, not_assessed={name: (name,)}, exams=(name,)))
    assert "\x1b" not in page
    if name == BRACKETS:
        assert "[bold red]a[/]" in page
    trial = fish_trial()
    out, raw = console()
    text.print_trial(out, replace(trial, summary=name, verdicts=(replace(trial.verdicts[0], remedy=name),)))
    assert b"\x1b" not in raw.getvalue()


def test_the_trial_table_has_every_arm_with_its_interval() -> None:
    out, raw = console()
    text.print_trial(out, fish_trial())
    page = raw.getvalue().decode()
    assert "+11.1 to +17.3" in page
    assert "no interval" in page
    assert re.search(r"raise-learning-rate, on test +\+12.7 +\+9.2 to \+16.2 +3 +helps, cured", page)
    assert page.index("raise-learning-rate ") < page.index("augment ") < page.index("drop-deep-batch-norm ")


def test_a_remedy_of_the_measurement_claims_no_effect() -> None:
    nan, trial = float("nan"), fish_trial()
    mended = Verdict("group-split", False, True, nan, (nan, nan), nan, 3, treated=0.61, measurement=True)
    other = replace(trial.verdicts[2], against="group-split")
    out, raw = console()
    text.print_trial(out, replace(trial, verdicts=(mended, other), chosen=None, confirmation=None))
    page = raw.getvalue().decode()
    assert re.search(r"group-split +– +3 +measured on other images: 61.0%, cured", page)
    assert "against group-split" in page


def test_the_live_table_shows_arms_time_and_what_is_done() -> None:
    nan, inf = float("nan"), float("inf")
    arms = (
        ArmProgress("control", 3, 0.71, nan, (-inf, inf), "racing"),
        ArmProgress("raise-learning-rate", 3, 0.85, 0.14, (0.1, 0.18), "racing"),
        ArmProgress(BRACKETS, 1, 0.6, -0.11, (-inf, inf), "dropped"),
        ArmProgress("dropout", 0, nan, nan, (-inf, inf), "racing"),
    )
    out, raw = console()
    out.print(text.arms_table(Progress(arms, 61.0, 600.0, BRACKETS, 0.4)))
    page = raw.getvalue().decode()
    for part in ("control", "71.0%", "+14.0", "+10.0 to +18.0", "dropped", "1 min 1 s of 10 min", "[bold red]a[/]"):
        assert part in page, part


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_any_terminal_can_print_it(encoding: str) -> None:
    out, raw = console(encoding)
    print_diagnosis(out, diagnosis())
    text.print_trial(out, fish_trial())
    page = raw.getvalue().decode(encoding)
    assert "Sick: learning-rate-too-low." in page
    assert ("▁" in page) == (encoding == "utf-8")


def test_sparklines() -> None:
    def line(*values: float) -> str:
        return sparkline(np.array(values, np.float64))

    assert line(0, 1, 2, 3, 4, 5, 6, 7) == BLOCKS
    assert line(3, 3, 3) == "▁▁▁"
    assert line() == line(1) == line(float("nan"), 1) == ""
    assert line(0, float("nan"), 7) == "▁█"
    assert len(line(*range(1000))) == 24
