"""The three questions people bring, on photographs, each diagnosed and cured: `python -m benchmarks.cures`.

A loss that stays high (a learning rate 100 times too low, and one 30 times too high), early layers that do not learn
(20 ReLU layers whose first weights are a tenth of He's), ReLU layers that died (first biases of -3). Each is planted in
a recipe that trains well on f4k23 ($NETVET_DATA, else ../shared/data/f4k23; split by trajectory), trained, and given to
`netvet treat` with nothing but the run's folder. Then the healthy recipe is trained with the seeds and the epochs of
the trial, and the chosen remedy is held against it.

    diagnosed   the first finding, and what it says
    healthy     balanced validation accuracy of the healthy recipe, mean over the trial's seeds
    sick        of the control
    treated     of the chosen remedy
    repaired    treated over healthy; 0.9 is asked for

What is finished stays in the folder `--out` (a temporary one by default) and is not made again.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.throughput import source
from netvet.images.dataset import ImageSet
from netvet.pipeline import examine
from netvet.recipe import Recipe
from netvet.trace import FILE, Trace
from netvet.training import load_images, train
from netvet.trials import CONTROL, Trial
from netvet.trials.budget import shortened

START = {"data.image_size": 48, "model.width": 16, "stop.epochs": 10}
DEEP = {"model.depth": 20, "model.pool_every": 5, "data.image_size": 32, "model.width": 12}
BARE = {"model.norm_after": "none", "optimizer.lr": 0.02}


@dataclass(frozen=True)
class Question:
    """A healthy recipe, and the fault that is planted in it."""

    name: str
    healthy: Mapping[str, Any]
    fault: Mapping[str, Any]


QUESTIONS = (
    Question("lr-100-times-too-low", {"optimizer.lr": 0.05}, {"optimizer.lr": 0.0005}),
    Question("lr-30-times-too-high", BARE, {"optimizer.lr": 0.6}),
    Question(
        "20-layers-small-weights",
        {**DEEP, "optimizer.name": "adam", "optimizer.lr": 0.001, "model.norm_after": "none"},
        {"model.init": "small"},
    ),
    Question("dead-relu", BARE, {"model.bias": -3.0}),
)


def answer(question: Question, data: Path, out: Path, budget: str) -> dict[str, Any]:
    """Train, diagnose, treat, and compare with health: one row of the table."""
    healthy = Recipe().change({"data.source": str(data), **START, **question.healthy})
    sick, run = healthy.change(dict(question.fault)), out / question.name / "sick"
    images = load_images(sick, progress=False)
    trained(sick, run, images)
    found = examine(run, images=images)
    trial = treated(run, budget)
    seeds = sorted(each.seed for each in trial.runs if each.arm == (trial.chosen or CONTROL))
    reference = []
    for seed in seeds:
        recipe = shortened(healthy, trial.epochs).change({"seed": seed})
        well = trained(recipe, out / question.name / f"healthy-{seed}", images)
        reference.append(well.last("val_balanced_accuracy"))
    chosen = next((each for each in trial.verdicts if each.remedy == trial.chosen), None)
    dead = [Trace.open(run).last("dead_fraction", place) for place in Trace.open(run).places("dead_fraction")]
    first = found.findings[0] if found.findings else None
    mean = statistics.mean(reference)
    return {
        "diagnosed": first.rule if first is not None else found.verdict,
        "says": first.message if first is not None else "",
        "dead_units": max(dead, default=math.nan),
        "remedy": trial.chosen,
        "healthy": mean,
        "sick": chosen.control if chosen is not None else math.nan,
        "treated": chosen.treated if chosen is not None else math.nan,
        "interval": list(chosen.interval) if chosen is not None else None,
        "cured": chosen.cured if chosen is not None else None,
        "seeds": len(seeds),
        "epochs": trial.epochs,
        "repaired": chosen.treated / mean if chosen is not None else 0.0,
        "tried": {each.remedy: round(each.treated, 4) for each in trial.verdicts},
    }


def trained(recipe: Recipe, run: Path, images: ImageSet) -> Trace:
    """The trace of a finished run in this folder; trained, or gone on with, where it is not there."""
    if not (run / FILE).exists() or not Trace.open(run).meta.get("finished"):
        train(recipe, out=run, images=images, resume=run.exists())
    return Trace.open(run)


def treated(run: Path, budget: str, *remedies: str) -> Trial:
    """The trial of a run: `netvet treat` on its folder, with these remedies or its own, where there was none."""
    trial = Trial.open(run)
    if trial is None:
        named = [word for name in remedies for word in ("--remedy", name)]
        command = [sys.executable, "-m", "netvet", "treat", str(run), "--budget", budget, *named]
        subprocess.run(command, check=True, stdout=sys.stderr)
        trial = Trial.open(run)
    assert trial is not None
    return trial


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cures", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--out", type=Path, help="folder of the runs")
    parser.add_argument("--budget", default="4m", help="of each trial (4m)")
    parser.add_argument("--question", action="append", choices=[each.name for each in QUESTIONS], help="only this one")
    chosen = parser.parse_args(arguments)
    data, table = source(), {}
    with tempfile.TemporaryDirectory() as folder:
        for question in QUESTIONS:
            if not chosen.question or question.name in chosen.question:
                row = answer(question, data, chosen.out or Path(folder), chosen.budget)
                table[question.name] = row
                print(f"{question.name}: {row['says']}", file=sys.stderr)
    if chosen.json:
        print(json.dumps(table))
        return
    print(f"{'':25}{'diagnosed':24}{'remedy':22}{'healthy':>8}{'sick':>7}{'treated':>9}{'repaired':>10}{'seeds':>7}")
    for name, row in table.items():
        print(
            f"{name:25}{row['diagnosed']:24}{row['remedy'] or 'nothing helped':22}{row['healthy']:8.1%}"
            f"{row['sick']:7.1%}{row['treated']:9.1%}{row['repaired']:10.2f}{row['seeds']:7d}"
        )


if __name__ == "__main__":
    main()
