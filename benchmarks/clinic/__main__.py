"""The command: see the package."""

from __future__ import annotations

import argparse
import math
import sys

from benchmarks.clinic import datasets, train
from benchmarks.clinic.plan import HALVES, Run, runs


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clinic", description="How good the diagnosis is.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("list", "the plan"),
        ("train", "train what is not there yet; resumes where it stopped"),
        ("score", "diagnose the kept traces"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        usual = "locked" if name == "score" else None
        command.add_argument("--half", choices=HALVES, default=usual, help=f"one half alone ({usual or 'both'})")
        command.add_argument("--only", default="", metavar="TEXT", help="runs with this in their names")
        command.add_argument("--healthy", action="store_true", help="the healthy runs alone")
        command.add_argument("--of-class", action="store_true", help="the runs of the plan of stuck classes alone")
        if name == "train":
            command.add_argument("--workers", type=int, default=2, help="processes of one thread each (2)")
            command.add_argument(
                "--minutes", type=float, default=math.inf, help="begin no run after so many (no limit)"
            )
            command.add_argument(
                "--exams",
                choices=("ordered", "all", "none"),
                default="ordered",
                help="those that the diagnosis orders (the default), every one, or none",
            )
            command.add_argument("--retake", nargs="+", default=[], metavar="EXAM", help="take these exams again")
        else:
            command.add_argument("--json", action="store_true", help="one JSON object")
        if name == "score":
            command.add_argument(
                "--classes", action="store_true", help="the causes of a stuck class alone, as Markdown"
            )
            command.add_argument("--early", action="store_true", help="also from parts of each run")
            command.add_argument(
                "--show-misses", action="store_true", help="a line for each miss of the locked half too"
            )
    asked = parser.parse_args()
    chosen = [
        run
        for run in runs()
        if asked.only in run.name
        and asked.half in (None, run.half)
        and not (asked.healthy and run.rule)
        and (run.of_class or not asked.of_class)
    ]
    match asked.command:
        case "train":
            return _train(chosen, asked)
        case "list":
            from benchmarks.clinic.table import plan_text

            print(plan_text(chosen, as_json=asked.json))
        case _:
            from benchmarks.clinic.table import score_text

            show = asked.show_misses or asked.half == "calibration"
            print(
                score_text(
                    chosen,
                    half=asked.half,
                    as_json=asked.json,
                    early=asked.early,
                    show=show,
                    only_classes=asked.classes,
                )
            )
    return 0


def _train(chosen: list[Run], asked: argparse.Namespace) -> int:
    missing = {name: reason for name in datasets.FAMILIES if (reason := datasets.absent(name)) is not None}
    for name, reason in missing.items():
        print(f"{sum(run.family == name for run in chosen)} runs are left out. {reason}", file=sys.stderr)
    here = [run for run in chosen if run.family not in missing]
    orders = [
        train.Order(run, tuple(asked.retake), asked.exams)
        for run in here
        if train.wanted(run, asked.retake, which=asked.exams)
    ]
    print(f"{len(here) - len(orders)} of {len(here)} runs are there already.")
    failures = train.train_all(orders, workers=asked.workers, minutes=asked.minutes)
    for name, reason in failures.items():
        print(f"{name}: {reason}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
