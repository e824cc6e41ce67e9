"""The report as JSON, schema 1: the diagnosis, and beside it the trial, the recipe and the environment."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from netvet.base.files import put
from netvet.base.jsonsafe import jsonsafe
from netvet.report.advice import advise, prescribed, what_changes
from netvet.report.facts import data, epochs_done, key_numbers
from netvet.report.model import Report
from netvet.rules import headline, reason

FILE = "report.json"


def render(report: Report) -> dict[str, Any]:
    """A tree of plain values that strict JSON holds: what is not a finite number is None."""
    trace, trial = report.trace, report.trial
    tree = {
        **report.diagnosis.to_json(),
        "sentence": f"{headline(report.diagnosis)} {reason(report.diagnosis)}",
        "exams_open": list(report.diagnosis.exams),
        "exams": trace.meta.get("exams", {}),
        "numbers": key_numbers(trace),
        "epochs": {"done": epochs_done(trace), "planned": trace.meta.get("epochs")},
        "data": data(trace),
        "trial": asdict(trial) if trial else None,
        "untried": report.untried,
        "prescription": [{"remedy": p.remedy, "changes": what_changes(report, p)} for p in prescribed(report)],
        "next": next_step(report),
        "recipe": report.recipe.model_dump(mode="json") if report.recipe else None,
        "environment": trace.meta.get("environment", {}),
    }
    plain: dict[str, Any] = jsonsafe(tree)
    return plain


def next_step(report: Report) -> dict[str, str] | None:
    """What to do next, as a tree: `sentence` and `command`."""
    advice = advise(report)
    return asdict(advice) if advice is not None else None


def write(report: Report) -> Path:
    """Write `report.json` into the run's folder, atomically."""
    return put(report.run / FILE, json.dumps(render(report), indent=1, ensure_ascii=True, allow_nan=False))
