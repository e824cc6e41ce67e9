"""What the clinic trains on: parts of f4k23 (photographs of fish) and of Fashion-MNIST, and the rendered reef.

A plan names its source as the reef does, `f4k23:classes=8,each=150` or `fashion:each=170,noise=0.3`, so that it reads
the same on every machine; `resolve` turns the name into a CSV in netvet's cache folder. Options: `classes` (the most
frequent ones), `only` (names with + between them), `each` (images of a class, whole trajectories where there are such),
`skip` (images of a class that are passed over first, as far as `each` are left), `imbalance` (size of the largest class
over that of the smallest; geometric between), `noise` (share of wrong labels), `val` (share of each class, in whole
trajectories, that is validated on: the split is given then). What else an f4k23 source plants in one class is in
`photographs`.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clinic import fashion, photographs
from benchmarks.clinic.photographs import lot as _lot
from netvet.base.errors import BadInput
from netvet.images.store import folder

FAMILIES = ("f4k23", "fashion", "reef")
Row = tuple[str, str, str]
"""Path, label and group ("": none) of an image."""


@dataclass(frozen=True)
class Options:
    """What follows the colon of a source: see the module."""

    classes: int | None = None
    only: tuple[str, ...] = ()
    each: int = 150
    skip: int = 0
    imbalance: float = 1.0
    noise: float = 0.0
    val: float = 0.0
    victim: int = 3
    victims: int = 1
    mix: float = 0.0
    sound: int = 0
    dealt: float = 0.0
    fine: float = 0.0
    merged: int = 0
    few: int = 0
    dark: float = 0.0
    blur: float = 0.0


def family(source: str) -> str:
    """`f4k23`, `fashion` or `reef`."""
    return source.partition(":")[0]


def setting(source: str, **options: float) -> str:
    """The source with some options put in the place of those it has.

    >>> setting("fashion:each=150", imbalance=20)
    'fashion:each=150,imbalance=20'
    """
    name, _, text = source.partition(":")
    known = dict(part.split("=", 1) for part in text.split(",")) if text else {}
    known |= {key: f"{value:g}" for key, value in options.items()}
    return f"{name}:" + ",".join(f"{key}={value}" for key, value in known.items())


def absent(name: str) -> str | None:
    """Why the sources of a family cannot be used here; None where they can."""
    if name == "f4k23":
        root = _photographs()
        found = (root / "manifest.csv").is_file()
        return None if found else f"The photographs f4k23 are not at {root}: set NETVET_DATA to their folder."
    return fashion.absent() if name == "fashion" else None


def resolve(source: str) -> str:
    """What `netvet` can load: a CSV in the cache folder, or the reef as it is. Raises BadInput."""
    name = family(source)
    if name == "reef":
        return source
    reason = absent(name)
    if reason is not None:
        raise BadInput(reason)
    root, rows = fashion.rows() if name == "fashion" else _fish()
    options = parse(source)
    chosen = photographs.plant(root, choose(rows, options), names(rows, options), options)
    path = folder() / "clinic" / f"{source.replace(':', '-').replace(',', '-')}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    with partial.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        columns = 2 if not any(group for _, _, group, _ in chosen) else 4 if options.val else 3
        table.writerow(("path", "label", "group", "split")[:columns])
        table.writerows((str(root / where), label, group, part)[:columns] for where, label, group, part in chosen)
    partial.replace(path)
    return str(path)


def parse(source: str) -> Options:
    """The options of a source. Raises BadInput for one that is not known."""
    given = [part.partition("=")[::2] for part in source.partition(":")[2].split(",") if part]
    values: dict[str, object] = {}
    for name, text in given:
        match name:
            case "classes" | "each" | "skip" | "victim" | "victims" | "merged" | "few" | "sound":
                values[name] = int(text)
            case "imbalance" | "noise" | "val" | "mix" | "dealt" | "fine" | "dark" | "blur":
                values[name] = float(text)
            case "only":
                values[name] = tuple(text.split("+"))
            case _:
                raise BadInput(f"{source} has the option {name}, which the clinic does not know.")
    return Options(**values)  # type: ignore[arg-type]  # matched above


def names(rows: list[Row], options: Options) -> list[str]:
    """The classes of a set, the most frequent of the whole first."""
    counts = Counter(label for _, label, _ in rows)
    return sorted(options.only or counts, key=lambda label: (-counts[label], label))[: options.classes]


def choose(rows: list[Row], options: Options) -> list[Row]:
    """The rows that a set has, in an order that depends on their names alone."""
    chosen: list[Row] = []
    known = names(rows, options)
    for place, name in enumerate(known):
        share = options.imbalance ** (-place / max(1, len(known) - 1))
        mine = [row for row in rows if row[1] == name]
        mine.sort(key=lambda row: (_lot(row[2] or row[0]), row[0]))  # whole groups, drawn by lot
        start = max(0, min(options.skip, len(mine) - options.each))
        start = next(
            (i for i in range(start, len(mine)) if i == 0 or not mine[i][2] or mine[i][2] != mine[i - 1][2]), 0
        )
        chosen += mine[start : start + max(1, round(options.each * share))]
    return [_mislabelled(row, known, options.noise) for row in chosen]


def _mislabelled(row: Row, known: list[str], noise: float) -> Row:
    path, label, group = row
    if _lot(f"noise {path}") >= noise * 2**32:
        return row
    others = [name for name in known if name != label]
    return path, others[_lot(f"label {path}") % len(others)], group


def _photographs() -> Path:
    given = os.environ.get("NETVET_DATA")
    if given:
        return next((p for p in (Path(given), Path(given) / "f4k23") if (p / "manifest.csv").is_file()), Path(given))
    return Path(__file__).parents[3] / "shared" / "data" / "f4k23"


def _fish() -> tuple[Path, list[Row]]:
    root = _photographs().absolute()
    with (root / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return root, [(row["path"], row["label"], row["group"]) for row in csv.DictReader(file)]
