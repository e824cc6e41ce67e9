"""What a report shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from netvet.recipe import Recipe
from netvet.rules import Diagnosis, diagnose
from netvet.trace import Trace
from netvet.trials import Trial


@dataclass(frozen=True)
class Report:
    """A recorded run with what was found in it and what was tried against it.

    `recipe` is None where a user's own loop was watched; `trial` is None where nothing was tried, and `untried` says
    why where something should have been.
    """

    run: Path
    recipe: Recipe | None
    trace: Trace
    diagnosis: Diagnosis
    trial: Trial | None = None
    untried: str = ""

    @classmethod
    def open(cls, run: str | Path, *, limits: Mapping[str, Mapping[str, float]] | None = None) -> Report:
        """The report of a run folder as it stands now, diagnosed by these `limits` (see `diagnose`). Raises BadInput
        where there is no recorded run.
        """
        trace = Trace.open(run)
        folder = Path(run) if Path(run).is_dir() else Path(run).parent
        diagnosis = diagnose(trace, run=str(folder), limits=limits)
        return cls(folder, trace.recipe, trace, diagnosis, Trial.open(folder))
