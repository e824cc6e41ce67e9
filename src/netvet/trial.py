"""Trials: treated and untouched runs on the same seeds, and what may be said of the difference."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

CONTROL = "control"
FILE = "trial.json"


@dataclass(frozen=True)
class ArmRun:
    """One training in a trial. `metrics` are those of its final model on validation; `seconds` its wall time."""

    arm: str
    seed: int
    epochs: int
    metrics: Mapping[str, float]
    seconds: float
    folder: str
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What a trial says of one remedy.

    `effect`: mean over seeds of treated minus control, in the metric (0..1 is 100 points). `interval`: 95 %, paired by seed,
    corrected for the number of remedies tried. `p`: two-sided, corrected likewise. `helped`: the interval lies above 0.
    `cured`: in the treated runs the finding is gone and so are the symptoms it explains; None where nothing ailed the run.
    `new_findings`: illnesses of treated runs that the control does not have. `changes`: recipe field -> (before, after).
    """

    remedy: str
    helped: bool
    cured: bool | None
    effect: float
    interval: tuple[float, float]
    p: float
    seeds: int
    split: str = "val"
    control: float = float("nan")
    treated: float = float("nan")
    new_findings: tuple[str, ...] = ()
    changes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """A finished trial. `epochs`: of each run, out of `full_epochs` of the recipe. `confirmation`: the chosen remedy on test."""

    metric: str
    epochs: int
    full_epochs: int
    budget_seconds: float
    spent_seconds: float
    runs: tuple[ArmRun, ...]
    verdicts: tuple[Verdict, ...]
    chosen: str | None
    confirmation: Verdict | None
    summary: str

    def save(self, run: Path) -> None:
        """Write `trial.json` into the run's folder, atomically."""
        part = run / (FILE + ".part")
        part.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        part.replace(run / FILE)

    @classmethod
    def open(cls, run: Path) -> Trial | None:
        """The trial of a run; None where there was none."""
        path = run / FILE
        if not path.is_file():
            return None
        tree = json.loads(path.read_text(encoding="utf-8"))
        tree["runs"] = tuple(ArmRun(**{**r, "findings": tuple(r["findings"])}) for r in tree["runs"])
        tree["verdicts"] = tuple(_verdict(v) for v in tree["verdicts"])
        tree["confirmation"] = _verdict(tree["confirmation"]) if tree["confirmation"] else None
        return cls(**tree)


def _verdict(tree: dict[str, Any]) -> Verdict:
    changes = {name: (pair[0], pair[1]) for name, pair in tree["changes"].items()}
    low, high = tree["interval"]
    return Verdict(**{**tree, "interval": (low, high), "new_findings": tuple(tree["new_findings"]), "changes": changes})
