"""The report as one HTML file: it works offline, loads nothing, runs nothing."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netvet import __version__
from netvet.locale import _, language, ngettext
from netvet.report import facts, pictures, text, words
from netvet.report.charts import Chart, classes, curves, evidence, layers, trials
from netvet.report.files import put
from netvet.report.model import Report
from netvet.rule import Finding
from netvet.trial import Trial

if TYPE_CHECKING:
    from jinja2 import Environment

FILE = "report.html"
MOST_REJECTED = 20
FLATTERED = 0.01  # share of leaked images from which an accuracy is marked, as split-leakage fires


@dataclass(frozen=True)
class Tile:
    """One key number. `kind`: "" or "warn"."""

    value: str
    label: str
    kind: str = ""


@dataclass(frozen=True)
class Fact:
    """A short line: `name` and `text`, and what is `more` to read."""

    name: str
    text: str
    more: str = ""


@dataclass(frozen=True)
class Row:
    """One remedy in the trial table."""

    remedy: str
    changes: str
    effect: str
    interval: str
    outcome: str
    seeds: str
    helped: bool
    chosen: bool


def render(report: Report) -> str:
    """The page as one string of HTML."""
    template = _environment().get_template("report.html.jinja")
    return template.render(_page(report))


def write(report: Report) -> Path:
    """Write `report.html` into the run's folder, atomically."""
    return put(report.run / FILE, render(report))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("netvet.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: words.clean(value) if type(value) is str else value,
    )
    made.globals["_"] = _
    made.filters.update(pretty=words.pretty, percent=words.percent, number=words.number)
    return made


def _page(report: Report) -> dict[str, Any]:
    from markupsafe import Markup

    trace, diagnosis = report.trace, report.diagnosis
    root = diagnosis.root
    first = root or next(iter(diagnosis.findings), None)
    charts = {
        "evidence": evidence.charts(trace, first) if first else [],
        "forest": _some(trials.forest(report.trial) if report.trial else None),
        "training": _some(curves.loss(trace), curves.accuracy(trace), curves.learning_rate(trace)),
        "layers": _some(layers.gradient_flow(trace), layers.update_ratio(trace), layers.dead_units(trace)),
        "classes": _some(classes.auc(trace), classes.confusion_matrix(trace)),
    }
    drawn = {chart.title for chart in charts["evidence"]}
    charts["exams"] = _some(*(c for c in (curves.lr_range(trace),) if c is not None and c.title not in drawn))
    matrix = facts.confusion(trace)
    names = facts.class_names(trace)
    page = {
        "language": language(),
        "name": report.run.resolve().name,
        "run": str(report.run),
        "version": __version__,
        "made": datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        "verdict": diagnosis.verdict,
        "headline": words.headline(diagnosis),
        "reason": words.reason(diagnosis),
        "warnings": _warnings(report),
        "tiles": _tiles(report),
        "root": root,
        "root_page": Markup(_rule_page(root.rule)) if root else "",  # noqa: S704 - rendered with HTML switched off
        "confidence": words.percent(root.confidence, 0) if root else "",
        "others": [_finding(f) for f in diagnosis.findings if f is not root],
        "ruled_out": [Fact(r.rule, r.message) for r in diagnosis.ruled_out],
        "not_assessed": words.grouped(list(diagnosis.not_assessed.items())),
        "open_exams": list(diagnosis.exams),
        "prescription": [] if report.trial else _prescription(report),
        "trial": report.trial,
        "trial_lines": _trial_lines(report),
        "rows": _rows(report),
        "confirmation": text.confirmation(report.trial.confirmation)
        if report.trial and report.trial.confirmation
        else "",
        "charts": {
            key: [(Markup(c.svg), c.title) for c in group]  # noqa: S704 - written by our own charts
            for key, group in charts.items()
        },
        "confusions": facts.top_confusions(matrix, names) if matrix is not None else [],
        "wrong": pictures.wrong(trace),
        "leaked": pictures.leaked(trace),
        "data_lines": _data_lines(report),
        "class_table": _class_table(report),
        "rejected": facts.data(trace).get("rejected", [])[:MOST_REJECTED],
        "more_rejected": max(0, len(facts.data(trace).get("rejected", [])) - MOST_REJECTED),
        "notes": facts.data(trace).get("notes", []),
        "exams": [Fact(name, answer) for name, answer in _mapping(trace.meta.get("exams")).items()],
        "recipe": report.recipe.to_yaml() if report.recipe else "",
        "environment": list(_mapping(trace.meta.get("environment")).items()),
    }
    page["sections"] = _sections(page)
    return page


def _sections(page: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Ids and names of the sections that the page will have, for the links at its top."""
    charts = page["charts"]
    known = [
        ("cause", _("Why"), charts["evidence"] or page["others"] or page["ruled_out"]),
        ("treatment", _("Treatment"), page["trial"] or page["prescription"]),
        ("training", _("Training"), charts["training"]),
        ("layers", _("Layers"), charts["layers"]),
        ("classes", _("Classes"), charts["classes"]),
        ("images", _("Images"), page["wrong"] or page["leaked"]),
        ("data", _("Data"), page["data_lines"] or page["class_table"]),
        ("replay", _("To repeat it"), page["recipe"] or page["environment"]),
    ]
    return [(name, title) for name, title, there in known if there]


def _some(*charts: Chart | None) -> list[Chart]:
    return [chart for chart in charts if chart is not None]


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _tiles(report: Report) -> list[Tile]:
    """The three or four numbers that matter most."""
    numbers = facts.key_numbers(report.trace)
    labels = {
        "train_accuracy": _("training accuracy"),
        "val_accuracy": _("validation accuracy"),
        "val_balanced_accuracy": _("balanced, validation"),
    }
    leaked = facts.leaked(report.trace).get("val", 0.0)
    tiles = [
        Tile(words.percent(numbers[name]), label, "warn" if leaked >= FLATTERED and name.startswith("val") else "")
        for name, label in labels.items()
        if name in numbers
    ]
    confirmed = report.trial.confirmation if report.trial else None
    if confirmed is not None and math.isfinite(confirmed.treated):
        tiles.append(Tile(words.percent(confirmed.treated), _("test, with {remedy}").format(remedy=confirmed.remedy)))
    elif leaked >= FLATTERED:
        tiles.append(Tile(words.percent(leaked, 0), _("of validation leaked"), "warn"))
    return tiles


def _warnings(report: Report) -> list[str]:
    lines = []
    trace = report.trace
    if facts.stopped_early(report):
        planned = trace.meta.get("epochs")
        lines.append(
            _("The run was broken off after epoch {done} of {planned}.").format(
                done=facts.epochs_done(trace), planned=planned if planned is not None else "?"
            )
        )
    splits = {"val": _("validation"), "test": _("test")}
    leaked = [
        _("{share} of the {split} images").format(share=words.percent(share), split=splits[split])
        for split, share in facts.leaked(trace).items()
        if share >= FLATTERED
    ]
    if leaked and not any(f.rule == "split-leakage" for f in report.diagnosis.findings):
        lines.append(_("{images} have a twin in training: the accuracy flatters.").format(images=words.listed(leaked)))
    return lines


def _finding(finding: Finding) -> Fact:
    numbers = [
        f"{words.quantity(s.name)} {words.number(words.telling(s), s.name)}"
        for s in finding.evidence[:2]
        if math.isfinite(words.telling(s))
    ]
    if finding.limit is not None and numbers:
        numbers.append(_("limit {value}").format(value=words.number(finding.limit, finding.evidence[0].name)))
    kind = {"symptom": _("symptom"), "cause": _("cause")}[finding.kind]
    if finding.severity == "note":
        kind = _("note")
    return Fact(f"{finding.rule} · {kind}", finding.message, "; ".join(numbers))


def _rule_page(name: str) -> str:
    """The rule's page as HTML; raw HTML in it stays text. Empty for a rule that this version does not have."""
    from markdown_it import MarkdownIt

    from netvet.rule import rules

    known = rules().get(name)
    if known is None:
        return ""
    text = re.sub(r"(https?://\S+)\n", r"\1  \n", known.page.replace("\n## ", "\n### "))  # a reference a line
    return str(MarkdownIt("commonmark", {"html": False}).render(text))


def _prescription(report: Report) -> list[Fact]:
    """Remedies worth a trial, with what each would change."""
    from netvet.remedy import prescribe, remedies

    known = remedies()
    if report.recipe is None:
        names = dict.fromkeys(name for f in report.diagnosis.findings if f.kind == "cause" for name in f.remedies)
        return [Fact(name, known[name].title if name in known else "") for name in names]
    return [
        Fact(p.remedy, known[p.remedy].title, _changes(report.recipe.differences(p.recipe)))
        for p in prescribe(report.recipe, report.diagnosis)
    ]


def _changes(changes: Mapping[str, tuple[Any, Any]]) -> str:
    return "; ".join(f"{path}: {_value(before)} → {_value(after)}" for path, (before, after) in changes.items())


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return {"None": "none", "True": "true", "False": "false"}.get(str(value), str(value))


def _rows(report: Report) -> list[Row]:
    trial = report.trial
    if trial is None:
        return []
    return [
        Row(
            remedy=v.remedy,
            changes=_changes(v.changes),
            effect=words.points(v.effect),
            interval="" if v.measurement else words.interval(*v.interval),
            outcome=text.outcome(v),
            seeds=ngettext("{n} seed", "{n} seeds", v.seeds).format(n=v.seeds),
            helped=v.helped,
            chosen=v.remedy == trial.chosen,
        )
        for v in trials.ranked(trial)
    ]


def _confirmation(trial: Trial | None) -> str:
    return text.confirmation(trial.confirmation) if trial is not None and trial.confirmation is not None else ""


def _trial_lines(report: Report) -> list[str]:
    trial = report.trial
    if trial is None:
        return []
    effects = _("Points of {metric}: treated minus control, same seeds; 95% intervals, corrected for all remedies.")
    return [*text.spent(trial), effects.format(metric=words.pretty(trial.metric))]


def _data_lines(report: Report) -> list[str]:
    data = facts.data(report.trace)
    lines = []
    if all(isinstance(data.get(key), int) for key in ("images", "train", "val", "test")):
        lines.append(
            _("{images} images: {train} training, {val} validation, {test} test.").format(
                **{key: f"{data[key]:,}" for key in ("images", "train", "val", "test")}
            )
        )
    counts = [row.train for row in facts.class_rows(report.trace) if math.isfinite(row.train)]
    if len(counts) > 1 and min(counts) > 0:
        lines.append(
            _("{k} classes of {low} to {high} training images, {ratio} to 1.").format(
                k=len(counts),
                low=f"{min(counts):,.0f}",
                high=f"{max(counts):,.0f}",
                ratio=words.number(round(max(counts) / min(counts), 1)),
            )
        )
    if "grouped" in data:
        lines.append(
            _("Split by group: images of one group stay together.")
            if data["grouped"]
            else _("Split image by image, without groups.")
        )
    return lines


def _class_table(report: Report) -> list[dict[str, Any]]:
    rows = [row for row in facts.class_rows(report.trace) if math.isfinite(row.train)]
    most = max((row.train for row in rows), default=0.0)
    return [
        {
            "name": row.name,
            "counts": [words.number(v) for v in (row.train, row.val, row.test)],
            "recall": words.percent(row.recall, 0),
            "auc": f"{row.auc:.3f}" if np.isfinite(row.auc) else "–",
            "width": round(100 * row.train / most, 1) if most else 0.0,
        }
        for row in sorted(rows, key=lambda r: -r.train)
    ]
