"""The command: see the package."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from benchmarks.audit import cost, labels, photographs, quality, twins
from netvet.base.errors import BadInput

PARTS = ("labels", "quality", "twins", "growth", "cost")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit", description="How good the audit is.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of {', '.join(PARTS)} (all but cost)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--data", help="the folder of f4k23")
    parser.add_argument("--seeds", type=int, default=3, help="plantings, and random splits (3)")
    parser.add_argument("--sizes", default=",".join(map(str, twins.SIZES)), help="growth: numbers of images")
    parser.add_argument("--images", default="1000,10000", help="cost: numbers of painted images (1000,10000)")
    parser.add_argument("--features", default="auto", help="cost: auto, pretrained, handmade or none (auto)")
    parser.add_argument("--no-photographs", action="store_true", help="cost: painted images alone")
    asked = parser.parse_args()
    for part in asked.parts:
        if part not in PARTS:
            parser.error(f"{part} is no part of it: choose from {', '.join(PARTS)}")
    try:
        data = photographs.folder(asked.data)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    out: dict[str, Any] = {"cores": os.cpu_count()}
    for part in asked.parts or PARTS[:-1]:
        found, lines = _run(part, data, asked)
        out[part] = found
        if not asked.json:
            print("\n".join(lines) + "\n", flush=True)
    if asked.json:
        print(json.dumps(out))
    return 0


def _run(part: str, data: str, asked: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """What was measured, and its table."""
    found: dict[str, Any]
    match part:
        case "labels":
            found = labels.measure(data, asked.seeds)
            return found, labels.text(found)
        case "quality":
            found = quality.measure(data)
            return found, quality.text(found)
        case "twins":
            found = twins.measure(data, asked.seeds)
            return found, twins.text(found)
        case "growth":
            found = twins.grow(data, tuple(_numbers(asked.sizes)))
            return found, twins.growth_text(found)
        case _:
            found = cost.compare(None if asked.no_photographs else data, _numbers(asked.images), asked.features)
            return found, cost.text(found)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


if __name__ == "__main__":
    sys.exit(main())
