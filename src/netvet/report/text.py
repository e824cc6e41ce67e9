"""The report on a terminal. Whatever the user named is printed as it is, never read as markup."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from netvet.base import words
from netvet.base.console import block, say
from netvet.locale import _, ngettext
from netvet.remedies import remedies
from netvet.report.advice import advise, prescribed, what_changes
from netvet.trials import CONTROL, Trial, Verdict

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from netvet.report.model import Report
    from netvet.trials import Progress


def print_trial(console: Console, trial: Trial) -> None:
    """The summary, every remedy against the control with its interval, and the confirmation on test."""
    from rich.table import Table
    from rich.text import Text

    say(console, Text(words.clean(trial.summary), "bold"))
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
        say(console, table)
    say(console, Text(spent(trial), "dim"))


def print_next(console: Console, report: Report) -> None:
    """What to do next, with its command on a line of its own; before it what is prescribed, where nothing was tried."""
    from rich.text import Text

    known = remedies()
    if report.untried:
        say(console, Text(words.clean(report.untried), "bold yellow"))
    if report.trial is None and report.recipe is not None:
        lines = [(p.remedy, f"{known[p.remedy].title} {what_changes(report, p)}") for p in prescribed(report)]
        block(console, _("Worth a trial"), lines)
    advice = advise(report)
    if advice is None:
        return
    say(console, Text(_("Next: {sentence}").format(sentence=words.clean(advice.sentence)), "bold"))
    if advice.command:
        console.print(Text(f"  {words.clean(advice.command)}", "cyan"), soft_wrap=True)


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
        parts = [_("measured on other images: {treated}").format(treated=words.percent(verdict.treated))]
    else:
        parts = [_("helps") if verdict.helped else _("not shown to help")]
        if verdict.too_short:
            parts = [_("not decided at {n} epochs").format(n=verdict.too_short)]
    if verdict.cured is not None:
        parts.append(_("cured") if verdict.cured else _("not cured"))
    if verdict.stuck is not None:
        words_of = _("AUC of {name} {effect}, of the others {others}")
        gain, paid = (words.numeral(value, "+.2f") for value in (verdict.stuck.effect, verdict.stuck.others))
        parts.append(words_of.format(name=words.clean(verdict.stuck.name), effect=gain, others=paid))
    if verdict.new_findings:
        parts.append(_("new: {names}").format(names=words.clean(", ".join(verdict.new_findings))))
    if verdict.against != CONTROL:
        parts.append(_("against {arm}").format(arm=words.clean(verdict.against)))
    return ", ".join(parts)


def spent(trial: Trial) -> str:
    """How many runs the trial took, of what length, and the time."""
    runs = ngettext("{n} run", "{n} runs", len(trial.runs)).format(n=len(trial.runs))
    return _("{runs} of {epochs} epochs each (the recipe has {full}); {spent} of {budget} spent.").format(
        runs=runs,
        epochs=trial.epochs,
        full=trial.full_epochs,
        spent=words.duration(trial.spent_seconds),
        budget=words.duration(trial.budget_seconds),
    )
