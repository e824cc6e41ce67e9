"""A diagnosis in words: the verdict, and the whole of it as text."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from netvet.base.console import block, draws, say, sparkline
from netvet.base.pages import called
from netvet.base.words import clean, grouped, listed, number, percent
from netvet.locale import _, ngettext
from netvet.trace import Series

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from netvet.rules._diagnosis import Diagnosis


def headline(diagnosis: Diagnosis) -> str:
    """The verdict in one or two words, with the root cause."""
    root = diagnosis.root
    if diagnosis.verdict == "sick" and root is not None:
        return _("Sick: {rule}.").format(rule=clean(called(root.rule)))
    return {
        "healthy": _("Healthy."),
        "unfinished": _("Unfinished."),
        "sick": _("Sick."),
        "undecided": _("Undecided."),
        "no-fault-found": _("No fault found."),
    }[diagnosis.verdict]


def reason(diagnosis: Diagnosis) -> str:
    """The sentence after the headline."""
    root = diagnosis.root
    if root is not None:
        return clean(root.message)
    if diagnosis.grounds:
        return clean(diagnosis.grounds)
    if diagnosis.verdict == "healthy":
        return _("No symptoms.")
    if diagnosis.symptoms:
        names = listed([clean(s.rule) for s in diagnosis.symptoms])
        open_question = ngettext(
            "Symptom: {symptoms}. No cause that explains it was found.",
            "Symptoms: {symptoms}. No cause that explains them was found.",
            len(diagnosis.symptoms),
        ).format(symptoms=names)
        if diagnosis.suspects:
            near = listed([clean(f.rule) for f in diagnosis.suspects])
            open_question += " " + _("Closest candidates: {names}.").format(names=near)
        if diagnosis.exams:
            exams = listed([clean(e) for e in diagnosis.exams])
            open_question += " " + _("Exams that may settle it: {exams}.").format(exams=exams)
        return open_question
    return _("Too little was measured for a diagnosis.")


def to_mend(fix: str) -> str:
    """What is to be written, with its label."""
    return _("To mend: {code}").format(code=clean(fix))


def diagnosis_text(diagnosis: Diagnosis) -> str:
    """A diagnosis as plain text of at most 100 columns, without colour."""
    from rich.console import Console

    page = io.StringIO()
    console = Console(file=page, width=100, color_system=None, force_terminal=False, legacy_windows=False)
    print_diagnosis(console, diagnosis)
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines()).strip("\n")


def print_diagnosis(console: Console, diagnosis: Diagnosis) -> None:
    """The verdict, the root cause with its numbers, and below it what else was found, ruled out or not assessed."""
    from rich.padding import Padding
    from rich.text import Text

    style = {"sick": "bold red", "healthy": "bold green"}.get(diagnosis.verdict, "bold yellow")
    first = Text(headline(diagnosis), style)
    first.append(" " + reason(diagnosis), "not bold default")
    say(console, first)
    root = diagnosis.root
    if root is not None:
        first_of_each = {series.name: series for series in reversed(root.evidence)}
        for series in [s for s in root.evidence if first_of_each[s.name] is s][:3]:
            limit = root.limit if series is root.evidence[0] else None
            say(console, Padding(_curve(console, series, limit), (0, 0, 0, 2)))
        facts = [_("confidence {share}").format(share=percent(root.confidence, 0))]
        if root.explains:
            facts.append(_("explains {names}").format(names=clean(", ".join(root.explains))))
        if root.remedies:
            facts.append(_("may help: {names}").format(names=clean(", ".join(root.remedies))))
        say(console, Padding(Text("; ".join(facts), "dim"), (0, 0, 0, 2)))
        if root.fix:
            say(console, Padding(Text(to_mend(root.fix), "bold"), (0, 0, 0, 2)))
    groups = {
        _("Also found"): [f for f in diagnosis.findings if f is not root and f.severity == "illness"],
        _("Suspected, not proven"): list(diagnosis.suspects),
        _("Notes"): list(diagnosis.notes),
    }
    for title, findings in groups.items():
        block(
            console,
            title,
            [(called(f.rule), f"{f.message} {to_mend(f.fix)}" if f.fix else f.message) for f in findings],
        )
    block(console, _("Ruled out"), [(called(r.rule), r.message) for r in diagnosis.ruled_out])
    lacking = grouped(list(diagnosis.not_assessed.items()))
    block(
        console, _("Not assessed"), [(names, _("needs {observations}").format(observations=n)) for names, n in lacking]
    )
    if diagnosis.exams:
        exams = clean(", ".join(diagnosis.exams))
        say(console, Text(_("Exams worth running: {exams}").format(exams=exams)))


def _curve(console: Console, series: Series, limit: float | None) -> Text:
    from rich.text import Text

    line, kind = Text(series.title), series.observed.kind
    if series.where:
        line.append(f", {clean(series.where)}")
    line.append(": ")
    line.append(number(series.telling, kind), "bold")
    if limit is not None:
        line.append(" " + _("(limit {value})").format(value=number(limit, kind)))
    if draws(console.encoding):
        line.append("  " + sparkline(series.values), "cyan")
    return line
