"""The trace: everything that was measured during a run, with the recipe that was run.

One SQLite file in WAL mode: append-only, readable while it is written, whole after a kill
(https://sqlite.org/wal.html). Steps are optimiser steps from 0; values are floats; a place (`where`) is a module
path, a class or a file, "" is the run.
"""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netvet.base.errors import BadInput
from netvet.base.observed import Observed, unlabelled
from netvet.locale import _
from netvet.recipe import Recipe, parse

FILE = "trace.sqlite"
SCHEMA = """
CREATE TABLE IF NOT EXISTS observation (step INTEGER NOT NULL, name TEXT NOT NULL, place TEXT NOT NULL, value REAL);
CREATE TABLE IF NOT EXISTS array (step INTEGER NOT NULL, name TEXT NOT NULL, place TEXT NOT NULL, npy BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS unit (name TEXT PRIMARY KEY, unit TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS observed (name TEXT PRIMARY KEY, label TEXT NOT NULL, kind TEXT NOT NULL, telling TEXT);
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, json TEXT NOT NULL);
"""


PLAIN = Observed()
"""Of an observation that says nothing of itself."""


class Observation(NamedTuple):
    """One measured number. `step`: optimiser steps from 0. `where`: module path, class or file; "" is the run."""

    step: int
    name: str
    value: float
    where: str = ""


@dataclass(frozen=True, eq=False)
class Series:
    """One quantity at one place over the run: `steps` (n,) int64 ascending and `values` (n,) float64.

    `observed`: its printed name, unit and kind, as it was declared when it was recorded. `reading`: the number that a
    sentence reads off the curve where none was declared, such as a median; `read_as`: what it is, in words.
    """

    name: str
    where: str
    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    observed: Observed = PLAIN
    reading: float = float("nan")
    read_as: str = ""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def last(self) -> float:
        """The newest value; nan where there is none."""
        return float(self.values[-1]) if len(self) else float("nan")

    @property
    def first(self) -> float:
        """The oldest value; nan where there is none."""
        return float(self.values[0]) if len(self) else float("nan")

    @property
    def unit(self) -> str:
        """Its unit, in words; "" where none was declared."""
        return self.observed.unit

    @property
    def title(self) -> str:
        """What it is called in print, with what is read off it."""
        return ", ".join(filter(None, (self.observed.title(self.name), self.read_as)))

    @property
    def telling(self) -> float:
        """The value that stands for the curve: what a sentence reads off it; else of those that are finite the newest,
        or the highest or lowest where it was declared so; nan where there is none.
        """
        if np.isfinite(self.reading):
            return self.reading
        values = self.values[np.isfinite(self.values)]
        if not len(values):
            return float("nan")
        chosen = {"highest": values.max(), "lowest": values.min(), "last": values[-1]}
        return float(chosen[self.observed.telling])


class Trace:
    """A recorded run, as it stood when it was opened. Rules read nothing else.

    >>> trace = Trace([Observation(0, "loss", 2.0), Observation(1, "loss", 1.5)])
    >>> trace.series("loss").last
    1.5
    >>> trace.places("loss"), trace.places("dead_fraction")
    ([''], [])
    """

    def __init__(
        self,
        observations: Iterable[Observation] = (),
        *,
        recipe: Recipe | None = None,
        arrays: Mapping[tuple[str, str], NDArray[Any]] | None = None,
        declared: Mapping[str, Observed] | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        rows: dict[tuple[str, str], list[tuple[int, float]]] = {}
        for step, name, value, where in observations:
            rows.setdefault((name, where), []).append((step, value))
        self.declared: dict[str, Observed] = dict(declared or {})
        self._series: dict[str, dict[str, Series]] = {}
        for (name, where), points in rows.items():
            points.sort(key=lambda point: point[0])
            steps = np.array([p[0] for p in points], dtype=np.int64)
            values = np.array([p[1] for p in points], dtype=np.float64)
            self._series.setdefault(name, {})[where] = Series(name, where, steps, values, self._observed(name))
        self._arrays = dict(arrays or {})
        self.meta: dict[str, Any] = dict(meta or {})
        self.recipe = recipe

    @classmethod
    def open(cls, run: str | Path) -> Trace:
        """The trace of a run folder (or of a trace file), as it stands now. Raises BadInput where there is none."""
        path = Path(run)
        path = path / FILE if path.is_dir() else path
        if not path.is_file():
            raise BadInput(
                _(
                    "There is no recorded run in {run}: give a folder that `netvet train` or `netvet.watch` wrote."
                ).format(run=run)
            )
        try:
            with _reader(path) as base:
                observations = [
                    Observation(step, name, float("nan") if value is None else value, place)
                    for step, name, value, place in base.execute("SELECT step, name, value, place FROM observation")
                ]
                arrays = {
                    (name, place): np.load(io.BytesIO(npy), allow_pickle=False)
                    for name, place, npy in base.execute("SELECT name, place, npy FROM array ORDER BY step, rowid")
                }
                declared = _declared(base)
                meta = {key: json.loads(text) for key, text in base.execute("SELECT key, json FROM meta")}
        except (sqlite3.DatabaseError, ValueError):
            sentence = _("{path} is not a trace written by netvet, or it is damaged: train again.")
            raise BadInput(sentence.format(path=path)) from None
        recipe = parse(meta.pop("recipe")) if "recipe" in meta else None
        return cls(observations, recipe=recipe, arrays=arrays, declared=declared, meta=meta)

    def series(self, name: str, where: str = "") -> Series:
        """What was measured under this name at this place; empty where nothing was."""
        found = self._series.get(name, {}).get(where)
        if found is not None:
            return found
        return Series(name, where, np.empty(0, np.int64), np.empty(0, np.float64), self._observed(name))

    def _observed(self, name: str) -> Observed:
        """What is known of it: as declared; where that is a unit at most, as before traces kept labels."""
        said = self.declared.get(name, PLAIN)
        known = unlabelled().get(name)
        return said if known is None or said != Observed(unit=said.unit) else replace(known, unit=said.unit)

    def places(self, name: str) -> list[str]:
        """Where this was measured, in the order of first measurement (for layers: the order of the forward pass)."""
        return list(self._series.get(name, {}))

    def names(self) -> list[str]:
        """Every name that has observations."""
        return list(self._series)

    def last(self, name: str, where: str = "") -> float:
        """The newest value; nan where nothing was measured."""
        return self.series(name, where).last

    def array(self, name: str, where: str = "") -> NDArray[Any] | None:
        """The newest array under this name (a confusion matrix, pairs of images); None where there is none."""
        return self._arrays.get((name, where))

    def observations(self) -> Iterator[Observation]:
        """All numbers, series by series."""
        for places in self._series.values():
            for series in places.values():
                for step, value in zip(series.steps, series.values, strict=True):
                    yield Observation(int(step), series.name, float(value), series.where)


class TraceWriter:
    """Appends to the trace of a run folder; one writer at a time.

    Rows are held in memory until `flush`, which is one transaction: a kill loses at most what came after it.
    Values that are not finite are kept: nan as NULL, the infinities as they are.
    """

    def __init__(self, run: Path) -> None:
        run.mkdir(parents=True, exist_ok=True)
        self.path = run / FILE
        self._rows: list[Observation] = []
        self._arrays: list[tuple[int, str, str, bytes]] = []
        self._declared: dict[str, Observed] = {}
        self._base = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute("PRAGMA synchronous=NORMAL")
        self._base.executescript(SCHEMA)

    def add(self, step: int, name: str, value: float, where: str = "") -> None:
        """Remember one number."""
        self._rows.append(Observation(step, name, value, where))

    def add_array(self, step: int, name: str, values: NDArray[Any], where: str = "") -> None:
        """Remember an array; the newest of a name and place is what `Trace.array` gives."""
        buffer = io.BytesIO()
        np.save(buffer, values, allow_pickle=False)
        self._arrays.append((step, name, where, buffer.getvalue()))

    def declare(self, observed: Mapping[str, Observed]) -> None:
        """State what observations of these names are: printed name, unit and kind."""
        self._declared |= observed

    def meta(self, key: str, value: object) -> None:
        """Keep a plain value (anything JSON holds) for the whole run, at once."""
        self._base.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def get_meta(self, key: str) -> Any:
        """A plain value kept earlier; None where there is none."""
        row = self._base.execute("SELECT json FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def recipe(self, recipe: Recipe) -> None:
        """Keep the recipe that is run."""
        self.meta("recipe", recipe.model_dump(mode="json"))

    def flush(self) -> None:
        """Write what was remembered, in one transaction."""
        if not (self._rows or self._arrays or self._declared):
            return
        self._base.execute("BEGIN")
        try:
            self._base.executemany("INSERT INTO observation (step, name, value, place) VALUES (?, ?, ?, ?)", self._rows)
            self._base.executemany("INSERT INTO array VALUES (?, ?, ?, ?)", self._arrays)
            units = [(name, each.unit) for name, each in self._declared.items() if each.unit]
            said = [(name, each.label, each.kind, each.telling) for name, each in self._declared.items()]
            self._base.executemany("INSERT OR REPLACE INTO unit VALUES (?, ?)", units)
            self._base.executemany("INSERT OR REPLACE INTO observed VALUES (?, ?, ?, ?)", said)
            self._base.execute("COMMIT")
        except sqlite3.Error as error:
            if self._base.in_transaction:
                self._base.execute("ROLLBACK")
            raise BadInput(
                _("The trace {path} cannot be written ({error}): free some space and use --resume.").format(
                    path=self.path, error=error
                )
            ) from None
        self._rows, self._arrays, self._declared = [], [], {}

    def forget_after(self, step: int) -> None:
        """Drop what was measured at `step` and later: a resumed run measures it again."""
        self._rows = [row for row in self._rows if row.step < step]
        self._arrays = [array for array in self._arrays if array[0] < step]
        for table in ("observation", "array"):
            self._base.execute(f"DELETE FROM {table} WHERE step >= ?", (step,))  # noqa: S608 - fixed names

    def forget(self, name: str) -> None:
        """Drop what was measured under a name: an exam that is taken again replaces its earlier answer."""
        self._rows = [row for row in self._rows if row.name != name]
        self._arrays = [array for array in self._arrays if array[1] != name]
        for table in ("observation", "array"):
            self._base.execute(f"DELETE FROM {table} WHERE name = ?", (name,))  # noqa: S608 - fixed names

    def close(self) -> None:
        """Write what is left and close the file."""
        try:
            self.flush()
        finally:
            self._base.close()

    def __enter__(self) -> TraceWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _declared(base: sqlite3.Connection) -> dict[str, Observed]:
    """What the trace says of its observations; one of before labels were kept has their units."""
    units = dict(base.execute("SELECT name, unit FROM unit"))
    known = {name: Observed(unit=unit) for name, unit in units.items()}
    if base.execute("SELECT 1 FROM sqlite_master WHERE name = 'observed'").fetchone() is None:
        return known
    for name, label, kind, telling in base.execute("SELECT name, label, kind, telling FROM observed"):
        known[name] = Observed(label, units.get(name, ""), kind, telling)
    return known


@contextmanager
def _reader(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write and closes itself."""
    base = sqlite3.connect(path, timeout=30)
    try:
        base.execute("PRAGMA query_only=ON")
        yield base
    finally:
        base.close()
