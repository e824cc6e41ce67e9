"""The command: see the package."""

from __future__ import annotations

import argparse
import json
import sys

from benchmarks.loops import images
from benchmarks.loops.plan import HALVES, Loop, loops


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loops", description="Diagnosis of loops of people.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("list", "the plan"),
        ("train", "run and record what is not there yet; resumes where it stopped"),
        ("score", "diagnose the kept traces"),
        ("curves", "diagnose the clinic's traces by their curves alone"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        usual = None if name in ("list", "train") else "locked"
        command.add_argument("--half", choices=HALVES, default=usual, help=f"one half alone ({usual or 'both'})")
        command.add_argument("--only", default="", metavar="TEXT", help="loops with this in their names")
        if name != "train":
            command.add_argument("--json", action="store_true", help="one JSON object")
        else:
            command.add_argument("--workers", type=int, default=2, help="processes of one thread each (2)")
            command.add_argument("--renew", action="store_true", help="also what was recorded by older probes")
        if name in ("score", "curves"):
            command.add_argument("--show-misses", action="store_true", help="each miss of the locked half too")
    asked = parser.parse_args()
    chosen = [loop for loop in loops() if asked.only in loop.name and asked.half in (None, loop.half)]
    match asked.command:
        case "list":
            print(_plan_text(chosen, as_json=asked.json))
        case "train":
            return _train(chosen, asked)
        case "curves":
            from benchmarks.loops.curves import curves_text

            show = asked.show_misses or asked.half == "calibration"
            print(curves_text(half=asked.half, only=asked.only, as_json=asked.json, show=show))
        case _:
            from benchmarks.loops.score import score_text

            show = asked.show_misses or asked.half == "calibration"
            print(score_text(chosen, half=asked.half, as_json=asked.json, show=show))
    return 0


def _plan_text(chosen: list[Loop], *, as_json: bool) -> str:
    rows = [
        {"name": loop.name, "half": loop.half, "kind": loop.kind, "accepted": loop.accepted}
        | {"data": loop.base.data, "net": loop.base.net, "optimiser": loop.base.optimiser, "seed": loop.seed}
        | {"story": loop.slip.story if loop.slip else ""}
        for loop in chosen
    ]
    if as_json:
        return json.dumps(rows, indent=1)
    sick = sum(bool(loop.kind) for loop in chosen)
    lines = [f"{row['half']:<12}{row['kind'] or 'healthy':<24}{row['name']:<72}{row['story']}" for row in rows]
    return "\n".join([*lines, f"{sick} loops with a slip, {len(chosen) - sick} healthy ones."])


def _train(chosen: list[Loop], asked: argparse.Namespace) -> int:
    from benchmarks.loops import record

    here = [loop for loop in chosen if images.absent(loop.base.data) is None]
    for reason in {images.absent(loop.base.data) for loop in chosen if loop not in here}:
        print(f"{len(chosen) - len(here)} loops are left out. {reason}", file=sys.stderr)
    due = [loop for loop in here if record.wanted(loop, renew=asked.renew)]
    print(f"{len(here) - len(due)} of {len(here)} loops are there already.")
    failures = record.make_all(due, asked.workers) if due else {}
    for name, reason in failures.items():
        print(f"{name}: {reason}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
