"""One species that is not learnt, by each cause, diagnosed and cured: `python -m benchmarks.stuck_cures`.

Each cause is planted in one class, in the strength that pushes it lowest, on photographs (f4k23, by the clinic's own
sources; $NETVET_DATA, else ../shared/data/f4k23), or on the rendered reef where photographs cannot have it. The net is
trained and given to `netvet treat` with nothing but the run's folder. With `--stronger`, where the class stays below an
AUC of `ENOUGH`, a second trial is given the stronger remedies by name.

    healthy     AUC of the class on validation, one against the rest, without the fault (one run)
    sick        its AUC and recall in the control, mean over the trial's seeds
    diagnosed   the first finding
    remedy      the one that did most for the class, of those that surely helped it if any did
    treated     its AUC and recall with that; the gain with its 95 % interval, paired by seed
    others      what the mean AUC of the other classes gained, and the class that lost most
    says        what the trial says of the class, and of the data that it takes where nothing helps

What is finished stays in the folder `--out` (a temporary one by default) and is not made again.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.clinic import class_sets, classes, datasets
from benchmarks.clinic.photographs import TWIN
from benchmarks.cures import START, trained, treated
from netvet.pipeline import examine
from netvet.recipe import Recipe
from netvet.reef.species import fauna
from netvet.trace import Trace
from netvet.training import load_images
from netvet.trials import CONTROL, FILE, Trial

ENOUGH = 0.85
"""AUC that a cured class is asked for."""
SMALL = {"data.image_size": 32, "data.val": 0.3, "stop.epochs": 6, "batch_size": 16}
FREQUENT = (
    *("Dascyllus_reticulatus", "Plectroglyphidodon_dickii", "Neoniphon_sammara", "Hemigymnus_fasciatus"),
    "Myripristis_kuntee",
)
"""From the fourth to the eighth of the species, by the number of their photographs."""
SPECIES = class_sets.SPECIES["first", "even"]
EVEN = "f4k23:classes=7,each=115,val=0.3"
MANY = "f4k23:classes=12,each=60,val=0.3"
STEEP = "f4k23:classes=5,each=300,imbalance=4.8,val=0.3"
DETAIL = "reef:species=4,n=400,imbalance=16"
PAINTED = fauna(4, 0)[0][1]
"""The second species of `DETAIL`."""


@dataclass(frozen=True)
class Cause:
    """A cause, planted in the class `victim`.

    `healthy`: the source without it. `planted`: options of the source that plant it, with `changes` of the recipe.
    `also`: what else differs from `START`, in health too. `words`: what is planted. `stronger`: remedies for a second
    trial.
    """

    name: str
    rule: str
    healthy: str
    victim: str
    words: str
    planted: Mapping[str, float] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    also: Mapping[str, Any] = field(default_factory=dict)
    stronger: tuple[str, ...] = ()

    def recipe(self, *, sick: bool) -> Recipe:
        """With or without the fault. Raises BadInput where the photographs are missing."""
        source = datasets.setting(self.healthy, **self.planted) if sick else self.healthy
        changes = dict(self.changes) if sick else {}
        recipe = {"data.source": datasets.resolve(source), **START, **SMALL, **self.also, **changes}
        return Recipe().change(recipe)


CAUSES = (
    Cause(
        "few", "class-imbalance", EVEN, SPECIES[3], "1 training photograph, the others some 70",
        {"victim": 3, "few": 1}, stronger=("transfer",),
    ),
    Cause(
        "wrong-labels", "label-noise", EVEN, SPECIES[3], "80 % of its training labels swapped with any others",
        {"victim": 3, "mix": 0.8, "sound": 1},
    ),
    Cause(
        "two-names", "look-alike-classes", STEEP, SPECIES[0] + TWIN, "a quarter of a species under a second name",
        {"victim": 0, "dealt": 0.25}, stronger=("transfer",),
    ),
    Cause(
        "dark", "low-quality-images", STEEP, SPECIES[3], "two species with 1 % of the light",
        {"victim": 2, "victims": 2, "dark": 0.99},
    ),
    Cause(
        "one-name", "scattered-class", MANY, "+".join(FREQUENT), "five species under one name, 12 photographs of each",
        {"victim": 3, "merged": 5}, also={"stop.epochs": 12}, stronger=("transfer",),
    ),
    Cause(
        "augmented", "harmful-augmentation", EVEN, SPECIES[3], "turned, moved, lit, coloured and blanked, it alone",
        changes=classes.augmented(SPECIES[3], 1),
        also={"model.name": "resnet", "model.depth": 7, "model.width": 12, "stop.epochs": 12},
    ),
    Cause(
        "lost-detail", "weak-features", DETAIL, PAINTED, "differs from a larger class in 13 bars alone",
        {"lookalike": 0, "fine": 12.8},
    ),
)  # fmt: skip
"""One entry a cause."""


def answer(
    cause: Cause, out: Path, budget: str, *, remedies: Sequence[str] = (), stronger: bool = False
) -> dict[str, Any]:
    """Train, diagnose, treat (with these remedies alone, where there are any): one row of the table."""
    recipe, run = cause.recipe(sick=True), out / cause.name / "sick"
    images = load_images(recipe, progress=False)
    trace = trained(recipe, run, images)
    found = examine(run, images=images)
    first = next(iter(found.findings), None)
    sound = cause.recipe(sick=False)
    well = trained(sound, out / cause.name / "healthy", load_images(sound, progress=False))
    victim = cause.victim
    row: dict[str, Any] = {
        "planted": cause.words,
        "victim": victim,
        "healthy": statistics.mean(well.last("val_auc", part) for part in victim.removesuffix(TWIN).split("+")),
        "once": {"auc": trace.last("val_auc", victim), "recall": trace.last("val_recall", victim)},
        "diagnosed": first.rule if first is not None else found.verdict,
        "where": first.where if first is not None else "",
        "finding": first.message if first is not None else "",
        "first": told(treated(run, budget, *remedies), victim),
    }
    if stronger and cause.stronger and not row["first"]["treated"] >= ENOUGH:
        again = out / cause.name / "stronger"
        if not again.exists():
            shutil.copytree(run, again, ignore=shutil.ignore_patterns(FILE))
        row["stronger"] = told(treated(again, budget, *cause.stronger), victim)
    return row


def told(trial: Trial, victim: str) -> dict[str, Any]:
    """What a trial says of the class that is stuck; nan where it saw none."""
    best = trial.for_the_class
    stuck = best.stuck if best is not None else None
    arms = (CONTROL, best.remedy if best is not None else "")
    recalls = [
        [Trace.open(Path(run.folder)).last("val_recall", victim) for run in trial.runs if run.arm == arm]
        for arm in arms
    ]
    return {
        "stuck": stuck.name if stuck is not None else "",
        "remedy": best.remedy if best is not None else None,
        "sick": stuck.control if stuck is not None else math.nan,
        "treated": stuck.treated if stuck is not None else math.nan,
        "recall": [statistics.mean(each) if each else math.nan for each in recalls],
        "interval": stuck.interval if stuck is not None else None,
        "helped": stuck.helped if stuck is not None else False,
        "seeds": best.seeds if best is not None else 0,
        "epochs": trial.epochs,
        "others": stuck.others if stuck is not None else math.nan,
        "others_interval": stuck.others_interval if stuck is not None else None,
        "worst": [stuck.worst, stuck.worst_effect] if stuck is not None else None,
        "cured": best.cured if best is not None else None,
        "tried": {v.remedy: round(v.stuck.treated, 4) for v in trial.verdicts if v.stuck is not None},
        "test": trial.confirmation.remedy if trial.confirmation is not None else None,
        "says": trial.summary,
    }


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The rows as text, a line a trial."""
    head = f"{'':14}{'diagnosed':22}{'remedy':20}{'healthy':>8}{'sick':>6}{'treated':>9}{'interval':>18}{'seeds':>6}"
    lines = [head + f"{'recall':>14}{'others':>8}  cured"]
    for name, row in rows.items():
        for trial in filter(None, (row["first"], row.get("stronger"))):
            low, high = trial["interval"] or (math.nan, math.nan)
            before, after = trial["recall"]
            lines.append(
                f"{name:14}{row['diagnosed']:22}{trial['remedy'] or 'none':20}{row['healthy']:8.2f}{trial['sick']:6.2f}"
                f"{trial['treated']:9.2f}{f'{low:+.2f} to {high:+.2f}':>18}{trial['seeds']:6d}"
                f"{f'{before:.0%} to {after:.0%}':>14}{trial['others']:+8.3f}  {trial['cured']}"
            )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stuck_cures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--out", type=Path, help="folder of the runs")
    parser.add_argument("--budget", default="4m", help="of each trial (4m)")
    parser.add_argument("--cause", action="append", choices=[each.name for each in CAUSES], help="only this one")
    parser.add_argument("--remedy", action="append", help="give the trials this remedy alone; may be repeated")
    parser.add_argument("--stronger", action="store_true", help="try the stronger remedies where a class stays behind")
    chosen = parser.parse_args(arguments)
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for cause in CAUSES:
            if not chosen.cause or cause.name in chosen.cause:
                place, asked = chosen.out or Path(folder), chosen.remedy or ()
                rows[cause.name] = answer(cause, place, chosen.budget, remedies=asked, stronger=chosen.stronger)
                print(f"{cause.name}: {rows[cause.name]['first']['says']}", file=sys.stderr)
    print(json.dumps(rows) if chosen.json else table(rows))


if __name__ == "__main__":
    main()
