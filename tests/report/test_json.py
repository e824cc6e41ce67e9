from __future__ import annotations

import json as plain
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import netvet
from netvet.report import Report, html, json, render_json, write
from netvet.rules import Diagnosis
from netvet.trace import Observation, Trace, TraceWriter
from netvet.trials import Trial
from tests.report.conftest import HOSTILE, fish_diagnosis, fish_trace, fish_trial


def strict(text: str) -> dict[str, object]:
    def refuse(name: str) -> object:
        raise AssertionError(name)

    tree = plain.loads(text, parse_constant=refuse)
    assert isinstance(tree, dict)
    return tree


def test_schema_1_with_the_root_cause_first(report: Report) -> None:
    tree = render_json(report)
    assert tree["schema"] == 1
    assert tree["verdict"] == "sick"
    assert tree["findings"][0]["rule"] == "learning-rate-too-low"
    assert set(tree["findings"][0]) == {
        "rule", "kind", "severity", "where", "message", "confidence", "explains", "evidence", "remedies",
    }  # fmt: skip
    assert {"rule": "stuck-class", "needs": ["val_recall", "recipe"]} in tree["not_assessed"]
    assert tree["trial"]["chosen"] == "raise-learning-rate"
    assert tree["recipe"]["optimizer"]["lr"] == 0.05
    assert tree["environment"]["torch"] == "2.14.1"
    assert 0.8 < tree["numbers"]["val_accuracy"] < 0.9


def test_what_is_written_is_strict_json(report: Report) -> None:
    path = json.write(report)
    assert path == report.run / "report.json"
    tree = strict(path.read_text(encoding="utf-8"))
    assert tree == plain.loads(plain.dumps(render_json(report)))


def test_numbers_that_json_lacks_become_null(tmp_path: Path) -> None:
    trace = fish_trace(HOSTILE, 2)
    nan = Trace([o._replace(value=float("nan")) for o in trace.observations()], recipe=trace.recipe, meta=trace.meta)
    report = Report(tmp_path, None, nan, fish_diagnosis(nan), fish_trial())
    tree = strict(json.write(report).read_text(encoding="utf-8"))
    assert tree["recipe"] is None
    assert tree["numbers"] == {}


def test_a_report_is_opened_from_a_run_folder(tmp_path: Path) -> None:
    with TraceWriter(tmp_path) as writer:
        for step in range(30):
            writer.add(step, "loss", 1.0)
    fish_trial().save(tmp_path)
    report = Report.open(tmp_path)
    assert report.recipe is None
    assert isinstance(report.diagnosis, Diagnosis)
    assert isinstance(report.trial, Trial)
    assert report.trial.chosen == "raise-learning-rate"
    page = write(report)
    assert page == tmp_path / "report.html"
    assert {p.name for p in tmp_path.iterdir()} >= {"report.html", "report.json"}
    assert replace(Report.open(tmp_path / "trace.sqlite"), trace=report.trace).run == tmp_path


def test_reading_a_report_needs_no_torch_and_no_matplotlib(tmp_path: Path) -> None:
    code = (
        "import sys; from netvet.report import Report; from netvet.report import text, json;"
        "bad = {'torch', 'matplotlib', 'jinja2'} & set(sys.modules); sys.exit(', '.join(bad) or None)"
    )
    home = {**os.environ, "PYTHONPATH": str(Path(netvet.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], check=True, env=home)


def test_pages_of_one_trace_are_alike(tmp_path: Path) -> None:
    trace = Trace([Observation(i, "loss", 3.0 - i) for i in range(3)])
    report = Report(tmp_path, None, trace, Diagnosis((), {}, "undecided"))
    first, second = (html.render(report).split("</header>")[1] for _ in range(2))
    assert first == second
