"""From curves alone: how often netvet raises an alarm on the clinic's runs when all it has is what a log has.

A log has the loss, accuracies and the learning rate; no gradients, no activations, no classes, no recipe. An alarm is a
verdict `sick`, or any symptom; a run that is called sick is counted besides. Which runs are sick is the clinic's own
answer, from the whole trace. The clinic's peers that read logs are counted alike: any warning is an alarm.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from benchmarks.clinic import harm, store
from benchmarks.clinic.plan import Run, runs
from benchmarks.loops.score import line, share
from netvet.rules import diagnose
from netvet.trace import Trace

CURVES = (
    *("loss", "train_loss", "val_loss", "train_accuracy", "val_accuracy"),
    *("train_balanced_accuracy", "val_balanced_accuracy", "learning_rate", "epoch"),
)
"""What is left of a trace."""
META = ("epochs", "steps_per_epoch", "finished")


@dataclass(frozen=True)
class Case:
    """A run of the clinic, whether it is sick, and what its curves say."""

    run: Run
    sick: bool
    verdict: str
    found: tuple[str, ...]

    @property
    def alarm(self) -> bool:
        """Whether anything was found that is an illness or a symptom."""
        return self.verdict == "sick" or bool(self.found)


def curves(trace: Trace) -> Trace:
    """A trace with nothing but its curves."""
    rows = [each for each in trace.observations() if each.name in CURVES and not each.where]
    return Trace(rows, meta={key: trace.meta[key] for key in META if key in trace.meta})


def cases(chosen: Iterable[Run]) -> list[Case]:
    """The kept runs that are healthy, and those in which the fault did harm."""
    found = []
    for run in chosen:
        try:
            trace = store.read(run.name).trace
            control = store.read(run.control).trace if run.control else None
        except FileNotFoundError:
            continue
        if control is not None:
            judged = (
                harm.class_harm(trace, control, run.victims) if run.of_class else harm.harm(run.rule, trace, control)
            )
            if not judged.took:
                continue
        said = diagnose(curves(trace))
        signs = tuple(dict.fromkeys(f.rule for f in said.findings if f.severity == "illness"))
        found.append(Case(run, control is not None, said.verdict, signs))
    return found


def figures(found: Iterable[Case]) -> dict[str, Any]:
    """Share of alarms, and of runs called sick, on sick and on healthy runs; those of stuck classes by themselves."""
    told: dict[str, Any] = {}
    groups = {"sick": (True, False), "sick_class": (True, True), "healthy": (False, None)}
    held = list(found)
    for name, (sick, of_class) in groups.items():
        mine = [case for case in held if case.sick == sick and of_class in (None, case.run.of_class)]
        told[f"alarm_on_{name}"] = share(sum(case.alarm for case in mine), len(mine))
        told[f"called_sick_of_{name}"] = share(sum(case.verdict == "sick" for case in mine), len(mine))
    every = [case for case in held if case.sick]
    told["alarm_on_all_sick"] = share(sum(case.alarm for case in every), len(every))
    told["by_rule"] = {
        rule: share(sum(c.alarm for c in every if c.run.rule == rule), sum(c.run.rule == rule for c in every))
        for rule in sorted({case.run.rule for case in every})
    }
    return told


def curves_text(*, half: str | None, only: str, as_json: bool, show: bool) -> str:
    """The figures, as a table or as JSON."""
    found = cases(run for run in runs() if half in (None, run.half) and only in run.name)
    counted = {"half": half, **figures(found)}
    if as_json:
        return json.dumps(counted, indent=1)
    lines = [line(name, row) for name, row in counted.items() if isinstance(row, dict) and "hits" in row]
    lines += ["", *(line(rule, row) for rule, row in counted["by_rule"].items())]
    if show:
        lines += [
            "",
            *(
                f"false alarm: {case.run.name}: {', '.join(case.found)}"
                for case in found
                if not case.sick and case.alarm
            ),
        ]
        lines += [f"no alarm: {case.run.name}" for case in found if case.sick and not case.alarm]
    return "\n".join(lines)
