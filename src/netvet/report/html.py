"""The report as one HTML file: it works offline, loads nothing, runs nothing."""

from __future__ import annotations

import datetime
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netvet import __version__
from netvet.base import words
from netvet.base.files import put
from netvet.locale import _, language
from netvet.remedies import remedies
from netvet.report import advice, facts, pictures, tables
from netvet.report.charts import Chart, classes, curves, evidence, layers, trials
from netvet.report.generated import paintings
from netvet.report.model import Report
from netvet.report.pages import page_html
from netvet.rules import Finding, headline, reason, rules, to_mend
from netvet.trace import Trace

if TYPE_CHECKING:
    from jinja2 import Environment

FILE = "report.html"
MOST_REJECTED = 20


@dataclass(frozen=True)
class Tile:
    """One key number. `kind`: "" or "warn"."""

    value: str
    label: str
    kind: str = ""


@dataclass(frozen=True)
class Fact:
    """A short line: `name` and `text`, what is `more` to read, and what there is to see."""

    name: str
    text: str
    more: str = ""
    gallery: pictures.ShownGallery | None = None


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
    made.filters.update(pretty=words.pretty, percent=words.percent, number=words.number, numeral=words.numeral)
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
        "quoted": shlex.quote(str(report.run)),
        "version": __version__,
        "made": datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        "verdict": diagnosis.verdict,
        "headline": headline(diagnosis),
        "reason": reason(diagnosis),
        "next": advice.advise(report),
        "untried": report.untried,
        "warnings": _warnings(report),
        "tiles": _tiles(report),
        "root": root,
        "root_page": Markup(_rule_page(root.rule)) if root else "",  # noqa: S704 - rendered with HTML switched off
        "confidence": words.percent(root.confidence, 0) if root else "",
        "fix": to_mend(root.fix) if root and root.fix else "",
        "root_gallery": pictures.of_finding(trace, root) if root else None,
        "others": [_finding(f, trace) for f in diagnosis.findings if f is not root],
        "ruled_out": [Fact(r.rule, r.message) for r in diagnosis.ruled_out],
        "not_assessed": words.grouped(list(diagnosis.not_assessed.items())),
        "open_exams": list(diagnosis.exams),
        "prescription": [] if report.trial and report.trial.verdicts else _prescription(report),
        "trial": report.trial,
        "trial_lines": tables.trial_lines(report),
        "rows": tables.rows(report),
        "charts": {
            key: [(Markup(c.svg), c.title) for c in group]  # noqa: S704 - written by our own charts
            for key, group in charts.items()
        },
        "confusions": facts.top_confusions(matrix, names) if matrix is not None else [],
        "wrong": pictures.wrong(trace),
        "leaked": pictures.leaked(trace),
        "paintings": paintings(trace),
        "doubtful": any(map(facts.invalidates, diagnosis.findings)),
        "data_lines": tables.data_lines(report),
        "class_table": tables.class_table(report),
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
        ("generated", _("Generated images"), page["paintings"]),
        ("data", _("Data"), page["data_lines"] or page["class_table"]),
        ("replay", _("How to reproduce it"), page["recipe"] or page["environment"]),
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
        "train_accuracy": _("training accuracy, of the batches as they were trained on"),
        "train_eval_accuracy": _("training accuracy"),
        "val_accuracy": _("validation accuracy"),
        "val_balanced_accuracy": _("balanced, validation"),
    }
    if report.trace.recipe is not None:
        labels["train_accuracy"] = labels["train_eval_accuracy"]
    doubtful = any(map(facts.invalidates, report.diagnosis.findings))
    tiles = [
        Tile(words.percent(numbers[name]), label, "warn" if doubtful and name.startswith("val") else "")
        for name, label in labels.items()
        if name in numbers
    ]
    confirmed = report.trial.confirmation if report.trial else None
    if confirmed is not None and confirmed.helped and math.isfinite(confirmed.treated):
        measured = words.metric(report.trial.metric) if report.trial else ""
        label = _("{metric} on test, with {remedy}").format(metric=measured, remedy=confirmed.remedy)
        tiles.append(Tile(words.percent(confirmed.treated), label))
    elif doubtful:
        share = facts.leaked(report.trace).get("val", math.nan)
        tiles.append(Tile(words.percent(share, 0), _("of validation leaked"), "warn"))
    return tiles


def _warnings(report: Report) -> list[str]:
    lines = []
    trace = report.trace
    if facts.stopped_early(report):
        planned = trace.meta.get("epochs")
        lines.append(
            _("The run was stopped after epoch {done} of {planned}.").format(
                done=facts.epochs_done(trace), planned=planned if planned is not None else "?"
            )
        )
    lines += [f.message for f in report.diagnosis.findings if facts.invalidates(f) and f is not report.diagnosis.root]
    return lines


def _finding(finding: Finding, trace: Trace) -> Fact:
    numbers = [
        f"{s.title} {words.number(s.telling, s.observed.kind)}"
        for s in finding.evidence[:2]
        if math.isfinite(s.telling)
    ]
    if finding.limit is not None and numbers:
        kind = finding.evidence[0].observed.kind
        numbers.append(_("limit {value}").format(value=words.number(finding.limit, kind)))
    what = {"symptom": _("symptom"), "cause": _("cause")}[finding.kind]
    if finding.suspected:
        what = _("suspected, not proven")
    elif finding.severity == "note":
        what = _("note")
    shown = pictures.of_finding(trace, finding)
    text = f"{finding.message} {to_mend(finding.fix)}" if finding.fix else finding.message
    return Fact(f"{finding.rule} · {what}", text, "; ".join(numbers), shown)


def _rule_page(name: str) -> str:
    """The rule's page as HTML. Empty for a rule that this version does not have."""
    known = rules().get(name)
    return page_html(known.page) if known is not None else ""


def _prescription(report: Report) -> list[Fact]:
    """Remedies worth a trial, with what each would change."""
    known = remedies()
    if report.recipe is None:
        names = dict.fromkeys(name for f in report.diagnosis.findings if f.kind == "cause" for name in f.remedies)
        return [Fact(name, known[name].title if name in known else "") for name in names]
    return [Fact(p.remedy, known[p.remedy].title, advice.what_changes(report, p)) for p in advice.prescribed(report)]
