"""Trials: treated and untouched runs on the same seeds, and what may be said of the difference."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from netvet.base.errors import BadInput
from netvet.base.files import put
from netvet.base.jsonsafe import jsonsafe
from netvet.locale import _

CONTROL = "control"
FILE = "trial.json"
FOLDER = "trials"
AUC_OF = "auc of "
"""What precedes the class in the name of a metric: `auc of Zanclus_cornutus`, one against the rest, 0..1."""


@dataclass(frozen=True)
class ArmRun:
    """One training in a trial. `metrics` are those of its final model on validation; `seconds` its wall time.

    `findings`: the illnesses that its trace shows, symptoms included. `not_assessed`: rules that lacked an observation.
    """

    arm: str
    seed: int
    epochs: int
    metrics: Mapping[str, float]
    seconds: float
    folder: str
    findings: tuple[str, ...] = ()
    not_assessed: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> ArmRun:
        """From what `dataclasses.asdict` made of it."""
        lists = {name: tuple(tree[name]) for name in ("findings", "not_assessed")}
        return cls(**{**tree, **lists})


@dataclass(frozen=True)
class ClassEffect:
    """What a remedy did to the class `name`, which is stuck, and to the others; AUC one against the rest, 0..1.

    `control`, `treated`: its mean over the same seeds. `effect`, with its 95 % `interval`: as in `Verdict`. `others`,
    `others_interval`: the same of the mean AUC of all other classes. `worst`: the one that lost most, by
    `worst_effect`.
    """

    name: str
    control: float
    treated: float
    effect: float
    interval: tuple[float, float]
    others: float
    others_interval: tuple[float, float]
    worst: str = ""
    worst_effect: float = math.nan

    @property
    def helped(self) -> bool:
        """Whether the class surely gained."""
        return self.interval[0] > 0

    @property
    def others_lost(self) -> bool:
        """Whether the other classes, taken together, surely lost."""
        return self.others_interval[1] < 0


@dataclass(frozen=True)
class Verdict:
    """What a trial says of one remedy.

    `effect`: mean over seeds of treated minus control, in the metric (0..1 is 100 points). `interval`: 95 %, paired by
    seed, corrected for the number of remedies tried. `p`: two-sided, corrected likewise. `helped`: the interval lies
    above 0. `cured`: in most treated runs the finding is gone and so are the symptoms it explains; None where nothing
    ailed the run, or where the control's runs do not show it either. `new_findings`: illnesses of most treated runs
    that most of the control's do not have. `changes`: recipe field -> (before, after). `control`, `treated`: mean
    metric over the same seeds.

    `measurement`: the remedy changes what is measured on (another split), so the two accuracies are of different
    images: `effect`, `interval` and `p` are nan, `helped` is False and says nothing, `cured` is what counts, and
    `treated` is the honest accuracy. `against`: the arm that this one is compared with: where such a remedy is tried,
    the others are tried on its split. `stuck`: where a class is stuck, what became of it and of the others.
    `too_short`: the epochs of the runs, where these are fewer than the recipe's, the remedy pays late and no gain is
    sure: it is not decided; else 0.
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
    measurement: bool = False
    against: str = CONTROL
    stuck: ClassEffect | None = None
    too_short: int = 0


@dataclass(frozen=True)
class Trial:
    """A finished trial. `epochs`: of each run, out of `full_epochs` of the recipe. `confirmation`: the chosen remedy on
    test.

    `reused`: how many of the runs an earlier trial had made. `left_out`: remedies that there was no time to try.
    `interrupted`: by Ctrl-C, so that it rests on the runs that were finished. `worse`: remedies that were clearly worse
    in runs of so many epochs, and not tried in these. `image_size` (pixels a side), `sample` (of the training images,
    0..1): of all runs, where the budget asked for less than the recipe has.
    """

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
    reused: int = 0
    left_out: tuple[str, ...] = ()
    interrupted: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)
    worse: Mapping[str, int] = field(default_factory=dict)
    image_size: int | None = None
    sample: float | None = None

    @property
    def for_the_class(self) -> Verdict | None:
        """Of the remedies, the one that did most for the class that is stuck, before others one that surely helped it;
        None where none is stuck.
        """
        judged = [(v.stuck.helped, v.stuck.effect, v) for v in self.verdicts if v.stuck is not None]
        return max(judged, key=lambda each: each[:2])[2] if judged else None

    def save(self, run: Path) -> None:
        """Write `trial.json` into the run's folder, atomically. Numbers that are not finite are written as null."""
        put(run / FILE, json.dumps(jsonsafe(asdict(self)), indent=1, allow_nan=False))

    @classmethod
    def open(cls, run: Path) -> Trial | None:
        """The trial of a run; None where there was none. Raises BadInput where the file is damaged."""
        path = run / FILE
        if not path.is_file():
            return None
        try:
            tree = json.loads(path.read_text(encoding="utf-8"))
            tree["runs"] = tuple(ArmRun.from_json(r) for r in tree["runs"])
            tree["verdicts"] = tuple(_verdict(v) for v in tree["verdicts"])
            tree["confirmation"] = _verdict(tree["confirmation"]) if tree["confirmation"] else None
            tree["left_out"] = tuple(tree["left_out"])
            return cls(**tree)
        except (OSError, ValueError, KeyError, TypeError):
            raise BadInput(
                _("{file} is damaged or from another version: delete it and treat the run again.").format(file=path)
            ) from None


@dataclass(frozen=True)
class ArmProgress:
    """How one arm stands: `seeds` finished, `mean` metric, and against the control `effect` and its corrected interval
    so far.

    `state`: `dropped` out of the race, or still `racing`. What is not known yet is nan (an interval: infinite).
    """

    arm: str
    seeds: int
    mean: float
    effect: float
    interval: tuple[float, float]
    state: Literal["racing", "dropped"]


@dataclass(frozen=True)
class Progress:
    """How a trial stands: every arm, seconds `spent` of `budget`, what it is `doing`, and the `share` done of that,
    0..1.
    """

    arms: tuple[ArmProgress, ...]
    spent: float
    budget: float
    doing: str
    share: float = 0.0


class TrialListener:
    """Is told of a trial as it goes; override what you want to hear."""

    def on_update(self, progress: Progress) -> None:
        """Something changed: an arm, or how much of the run under way is done."""


def _verdict(tree: dict[str, Any]) -> Verdict:
    numbers = {name: _number(tree[name]) for name in ("effect", "p", "control", "treated")}
    lists = {"new_findings": tuple(tree["new_findings"])}
    changes = {name: (pair[0], pair[1]) for name, pair in tree["changes"].items()}
    interval = _interval(tree, "interval", "effect")
    stuck = _class_effect(tree["stuck"]) if tree.get("stuck") else None
    return Verdict(**{**tree, **numbers, **lists, "interval": interval, "changes": changes, "stuck": stuck})


def _class_effect(tree: dict[str, Any]) -> ClassEffect:
    numbers = {name: _number(tree[name]) for name in ("control", "treated", "effect", "others", "worst_effect")}
    intervals = {
        "interval": _interval(tree, "interval", "effect"),
        "others_interval": _interval(tree, "others_interval", "others"),
    }
    return ClassEffect(**{**tree, **numbers, **intervals})


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _interval(tree: dict[str, Any], name: str, effect: str) -> tuple[float, float]:
    """Without an effect there is no interval; with one, from a single seed, it is infinite."""
    low, high = tree[name]
    if low is None:
        return (math.nan, math.nan) if tree[effect] is None else (-math.inf, math.inf)
    return low, high
