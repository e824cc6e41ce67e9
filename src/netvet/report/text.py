"""The report on a terminal. Whatever the user named is printed as it is, never read as markup."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from netvet.locale import _, ngettext
from netvet.report import words
from netvet.rule import Diagnosis
from netvet.trace import Series
from netvet.trial import CONTROL, Trial, Verdict

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

    from netvet.trial import Progress

BLOCKS = "▁▂▃▄▅▆▇█"
PLAIN = str.maketrans({"−": "-", "–": "-", "×": "x", "…": "...", "→": ">", "∞": "inf"})


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

    style = {"sick": "bold red", "healthy": "bold green", "undecided": "bold yellow"}[diagnosis.verdict]
    headline = Text(words.headline(diagnosis), style)
    headline.append(" " + words.reason(diagnosis), "not bold default")
    _say(console, headline)
    root = diagnosis.root
    if root is not None:
        first_of_each = {series.name: series for series in reversed(root.evidence)}
        for series in [s for s in root.evidence if first_of_each[s.name] is s][:3]:
            limit = root.limit if series is root.evidence[0] else None
            _say(console, Padding(_curve(console, series, limit), (0, 0, 0, 2)))
        facts = [_("confidence {share}").format(share=words.percent(root.confidence, 0))]
        if root.explains:
            facts.append(_("explains {names}").format(names=words.clean(", ".join(root.explains))))
        if root.remedies:
            facts.append(_("may help: {names}").format(names=words.clean(", ".join(root.remedies))))
        _say(console, Padding(Text("; ".join(facts), "dim"), (0, 0, 0, 2)))
    groups = {
        _("Also found"): [f for f in diagnosis.findings if f is not root and f.severity == "illness"],
        _("Suspected, not proven"): list(diagnosis.suspects),
        _("Notes"): list(diagnosis.notes),
    }
    for title, findings in groups.items():
        _block(console, title, [(f.rule, f.message) for f in findings])
    _block(console, _("Ruled out"), [(r.rule, r.message) for r in diagnosis.ruled_out])
    lacking = words.grouped(list(diagnosis.not_assessed.items()))
    _block(
        console, _("Not assessed"), [(names, _("needs {observations}").format(observations=n)) for names, n in lacking]
    )
    if diagnosis.exams:
        exams = words.clean(", ".join(diagnosis.exams))
        _say(console, Text(_("Would tell more: {exams}").format(exams=exams)))


def print_trial(console: Console, trial: Trial) -> None:
    """The summary, every remedy against the control with its interval, and the confirmation on test."""
    from rich.table import Table
    from rich.text import Text

    _say(console, Text(words.clean(trial.summary), "bold"))
    if rows(trial):
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column(_("remedy"), no_wrap=True, overflow="fold")
        table.add_column(_("effect, points"), justify="right")
        table.add_column(_("95% interval"), justify="right", no_wrap=True)
        table.add_column(_("seeds"), justify="right")
        table.add_column(_("outcome"))
        for verdict in rows(trial):
            style = "green" if verdict.helped else ""
            name = words.clean(verdict.remedy)
            table.add_row(
                Text(_("{name}, on test").format(name=name) if verdict.split == "test" else name, style),
                Text(words.points(verdict.effect), style),
                Text("" if verdict.measurement else words.interval(*verdict.interval)),
                Text(str(verdict.seeds)),
                Text(outcome(verdict)),
            )
        _say(console, table)
    _say(console, Text(spent(trial), "dim"))


def rows(trial: Trial) -> list[Verdict]:
    """The verdicts on validation, the largest effect first and those without one last; then the one on test."""
    ranked = sorted(trial.verdicts, key=lambda v: -v.effect if math.isfinite(v.effect) else math.inf)
    return [*ranked, *([trial.confirmation] if trial.confirmation is not None else [])]


def arms_table(progress: Progress) -> RenderableType:
    """How a trial stands, for a live display: every arm with its interval so far, what is done now, the time spent."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(_("arm"))
    for title in (_("seeds"), _("mean"), _("effect, points"), _("95% interval")):
        table.add_column(title, justify="right")
    table.add_column("")
    for arm in progress.arms:
        dropped, control = arm.state == "dropped", arm.arm == CONTROL
        better = not dropped and not control and math.isfinite(arm.interval[0]) and arm.interval[0] > 0
        table.add_row(
            Text(_("control") if control else words.clean(arm.arm), "green" if better else ""),
            Text(str(arm.seeds)),
            Text(words.percent(arm.mean)),
            Text("" if control else words.points(arm.effect), "green" if better else ""),
            Text("" if control or not math.isfinite(arm.effect) else words.interval(*arm.interval)),
            Text(_("dropped") if dropped else ""),
            style="dim" if dropped else "",
        )
    clock = _("{spent} of {budget}").format(
        spent=words.duration(progress.spent), budget=words.duration(progress.budget)
    )
    line = Table.grid(padding=(0, 2, 0, 0))
    line.add_row(
        Text(clock),
        ProgressBar(total=1.0, completed=progress.share, width=20),
        Text(words.clean(progress.doing), "dim"),
    )
    return Group(table, line)


def outcome(verdict: Verdict) -> str:
    """What became of a remedy, in a few words."""
    if verdict.measurement:
        parts = [_("measures on other images: {treated}").format(treated=words.percent(verdict.treated))]
    else:
        parts = [_("helps") if verdict.helped else _("not shown to help")]
    if verdict.cured is not None:
        parts.append(_("cured") if verdict.cured else _("not cured"))
    if verdict.stuck is not None:
        words_of = _("AUC of {name} {effect}, of the others {others}")
        gain, paid = (f"{value:+.2f}".replace("-", "−") for value in (verdict.stuck.effect, verdict.stuck.others))
        parts.append(words_of.format(name=words.clean(verdict.stuck.name), effect=gain, others=paid))
    if verdict.new_findings:
        parts.append(_("new: {names}").format(names=words.clean(", ".join(verdict.new_findings))))
    if verdict.against != CONTROL:
        parts.append(_("against {arm}").format(arm=words.clean(verdict.against)))
    return ", ".join(parts)


def spent(trial: Trial) -> str:
    """How many runs the trial took, of what length, and the time."""
    runs = ngettext("{n} run", "{n} runs", len(trial.runs)).format(n=len(trial.runs))
    return _("{runs} of {epochs} of {full} epochs; {spent} of {budget} spent.").format(
        runs=runs,
        epochs=trial.epochs,
        full=trial.full_epochs,
        spent=words.duration(trial.spent_seconds),
        budget=words.duration(trial.budget_seconds),
    )


def sparkline(series: Series, width: int = 24) -> str:
    """The curve in one line of blocks; empty for fewer than two finite values."""
    import numpy as np

    values = series.values[np.isfinite(series.values)]
    if len(values) < 2:
        return ""
    bins = [part.mean() for part in np.array_split(values, min(width, len(values)))]
    low, high = min(bins), max(bins)
    if high <= low:
        return BLOCKS[0] * len(bins)
    return "".join(BLOCKS[round((b - low) / (high - low) * (len(BLOCKS) - 1))] for b in bins)


def _curve(console: Console, series: Series, limit: float | None) -> Text:
    from rich.text import Text

    line = Text(words.quantity(series.name))
    if series.where:
        line.append(f", {words.clean(series.where)}")
    line.append(": ")
    line.append(words.number(words.telling(series), series.name), "bold")
    if limit is not None:
        line.append(" " + _("(limit {value})").format(value=words.number(limit, series.name)))
    if _draws(console.encoding):
        line.append("  " + sparkline(series), "cyan")
    return line


def _say(console: Console, what: RenderableType) -> None:
    """Print; what the terminal's encoding lacks is replaced, so that no terminal breaks off a report."""
    if _draws(console.encoding):
        console.print(what)
        return
    with console.capture() as held:
        console.print(what)
    text = held.get().translate(PLAIN).encode(console.encoding, "replace").decode(console.encoding)
    console.file.write(text)


def _draws(encoding: str) -> bool:
    return encoding.lower().startswith("utf")


def _block(console: Console, title: str, lines: list[tuple[str, str]]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    if not lines:
        return
    _say(console, Text(title, "bold"))
    for name, text in lines:
        line = Text(words.clean(name), "cyan")
        line.append(": " + words.clean(text), "default")
        _say(console, Padding(line, (0, 0, 0, 2)))
