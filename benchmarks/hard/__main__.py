"""The command: see docs/clinic.md."""

from __future__ import annotations

import argparse

from benchmarks.clinic import store
from benchmarks.hard.plan import runs
from benchmarks.hard.run import TRACES, make
from benchmarks.hard.score import case, table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hard", description="Faults of one class on hard data.")
    parser.add_argument("command", choices=("plan", "run", "score"))
    parser.add_argument("--half", choices=("setting", "locked"))
    parser.add_argument("--only", default="", metavar="TEXT", help="runs with this in their names")
    parser.add_argument("--again", action="store_true", help="with run: take the exams anew on what was trained")
    parser.add_argument("--bare", action="store_true", help="with run: train what is not there yet, without exams")
    parser.add_argument("--few", action="store_true", help="with run: only the exams that no symptom orders")
    parser.add_argument("--every", action="store_true", help="with score: a line a run")
    asked = parser.parse_args()
    chosen = [each for each in runs() if asked.only in each.name and asked.half in (None, each.of.half)]
    match asked.command:
        case "plan":
            print("\n".join(f"{each.of.half} {each.name} {' '.join(each.victims[:2])}" for each in chosen))
        case "run":
            for at, each in enumerate(chosen, 1):
                if asked.again or asked.bare or not store.path(each.name, TRACES).exists():
                    print(
                        f"[{at}/{len(chosen)}] {each.name}: {make(each, bare=asked.bare, few=asked.few):.0f} s",
                        flush=True,
                    )
        case _:
            print(table([found for each in chosen if (found := case(each)) is not None], every=asked.every))


if __name__ == "__main__":
    main()
