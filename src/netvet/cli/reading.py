"""The commands that read a recorded run: diagnose, exam, predict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from netvet.base import words
from netvet.base.errors import BadInput
from netvet.cli import showing
from netvet.locale import _

if TYPE_CHECKING:
    from netvet.report import Report


def diagnose(run: Path, exams: bool, fail_on: str | None, limit: Sequence[str], json: bool) -> int:
    """Say what ails a recorded run."""
    from netvet.cli.following import SaysExams
    from netvet.pipeline import examine
    from netvet.report import Report
    from netvet.report.json import next_step
    from netvet.report.text import print_next
    from netvet.rules import diagnose as read
    from netvet.rules import print_diagnosis, read_limits
    from netvet.trace import Trace

    limits = read_limits(limit)
    if exams:
        with showing.status(_("Diagnosing")) as say:
            found = examine(run, listener=SaysExams(say), limits=limits)
    else:
        found = read(Trace.open(run), run=str(run), limits=limits)
    report = Report.open(run, limits=limits)
    page = _written(report)
    if json:
        showing.json_out({**found.to_json(), "next": next_step(report)})
    else:
        print_diagnosis(showing.out(), found)
        print_next(showing.out(), report)
        if page is not None:
            showing.report_line(page)
    return 1 if fail_on == "sick" and found.verdict == "sick" else 0


def _written(report: Report) -> Path | None:
    """The report's path; None where the run's folder cannot be written, which must not hide a diagnosis."""
    from netvet.report import write

    try:
        return write(report)
    except OSError:
        return None


def exam(name: str, run: Path, json: bool) -> int:
    """Take one exam."""
    from netvet.pipeline import run_exam_on

    with showing.status(showing.exam_line(name)):
        answer = run_exam_on(name, run)
    if json:
        showing.json_out({"schema": 1, "run": str(run), "exam": name, "answer": answer})
    else:
        showing.out().print(escape(answer))
    return 0


def predict(run: Path, images: Sequence[Path], json: bool) -> int:
    """Name the class of images."""
    from netvet.training import predict as name_them

    if not images:
        raise BadInput(_("No image was given: write netvet predict RUN IMAGE..."))
    answers = name_them(run, images)
    if json:
        showing.json_out(
            [
                {
                    "path": a.path,
                    "classes": list(a.classes),
                    "probabilities": list(a.probabilities),
                    "problem": a.problem,
                }
                for a in answers
            ]
        )
    else:
        for answer in answers:
            if answer.problem:
                text = _("cannot be read: {problem}").format(problem=_(answer.problem))
            else:
                text = ", ".join(
                    f"{c} {words.percent(p, 0)}" for c, p in zip(answer.classes, answer.probabilities, strict=True)
                )
            showing.out().print(f"{escape(answer.path)}: {escape(text)}", soft_wrap=True)
    return 2 if all(a.problem for a in answers) else 0
