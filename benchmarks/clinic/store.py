"""How traces are kept: one compressed file a run, from which the trace is rebuilt that rules read.

Kept are all series (float32; steps once for all series that share them) and confusion matrices. Series of more than
`SHORT` values, which are those of optimiser steps, are rounded to `BITS` bits of mantissa, an error of at most a part
in 8,192. Of the 372 runs that were kept without rounding it changed no verdict, finding or confidence, and in nine
sentences the last digits of a number of four or more.
Left out are predictions, which no rule reads, and the pictures for pages with their paths. The file is a NumPy archive
compressed by LZMA.
"""

from __future__ import annotations

import io
import json
import lzma
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netvet.base.observed import Observed
from netvet.recipe import Recipe, parse
from netvet.trace import Observation, Trace

FOLDER = Path(__file__).parent / "traces"
KEPT = ("train_confusion", "val_confusion")
"""Arrays that are kept, as int32."""
WHOLE = tuple((array, "") for array in KEPT)
SHORT, BITS = 40, 12
_DROPPED = ("examples", "environment")


@dataclass(frozen=True)
class Kept:
    """A run as it is kept.

    `recipe`: as in the plan (its source by the clinic's own name), None of a loop that is none of netvet's. `seconds`:
    of the training and of each exam.
    """

    name: str
    recipe: Recipe | None
    trace: Trace
    seconds: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def path(name: str, folder: Path | None = None) -> Path:
    """Where a run is kept."""
    return (folder or FOLDER) / f"{name}.npz.xz"


def write(kept: Kept, folder: Path | None = None, arrays: Sequence[tuple[str, str]] = WHOLE) -> Path:
    """Keep a run: under another name first, then renamed, so that a file that is there is whole.

    `arrays`: name and place of those that are kept.
    """
    head, body = _pack(kept, arrays)
    buffer = io.BytesIO()
    named: dict[str, Any] = {"head": np.frombuffer(head, np.uint8), **body}
    np.savez(buffer, **named)
    target = path(kept.name, folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(f".{os.getpid()}")
    partial.write_bytes(lzma.compress(buffer.getvalue(), preset=9 | lzma.PRESET_EXTREME))
    partial.replace(target)
    return target


def read(name: str, folder: Path | None = None) -> Kept:
    """A kept run. Raises FileNotFoundError."""
    with np.load(io.BytesIO(lzma.decompress(path(name, folder).read_bytes())), allow_pickle=False) as archive:
        stored = {key: archive[key] for key in archive.files}
    head = json.loads(stored["head"].tobytes())
    recipe = None if head["recipe"] is None else parse(head["recipe"])
    trace = Trace(
        _observations(head, stored),
        recipe=recipe,
        arrays={(array, where): _wide(stored[f"array {i}"]) for i, (array, where) in enumerate(head["arrays"])},
        declared={series: Observed(unit=unit) for series, unit in head["units"].items()},
        meta=head["meta"],
    )
    return Kept(head["name"], recipe, trace, head["seconds"], head["failed"])


def _pack(kept: Kept, chosen: Sequence[tuple[str, str]]) -> tuple[bytes, dict[str, NDArray[Any]]]:
    trace = kept.trace
    grids: dict[bytes, int] = {}
    rows: list[list[object]] = []  # name, place, number of the steps
    values: list[NDArray[np.float32]] = []
    body: dict[str, NDArray[Any]] = {}
    units: dict[str, str] = {}
    for name in trace.names():
        for where in trace.places(name):
            series = trace.series(name, where)
            key = series.steps.tobytes()
            if key not in grids:
                grids[key] = len(grids)
                body[f"steps {grids[key]}"] = np.diff(series.steps, prepend=0).astype(np.int32)
            rows.append([name, where, grids[key]])
            values.append(_single(series.values))
            if series.unit:
                units[name] = series.unit
    flat = np.concatenate(values) if values else np.empty(0, np.float32)
    body["values"] = flat.view(np.uint8).reshape(-1, 4).T.copy()  # bytes of one weight side by side compress better
    arrays: list[list[str]] = []
    for array, where in chosen:
        found = trace.array(array, where)
        if found is not None:
            body[f"array {len(arrays)}"] = found.astype(np.float32 if found.dtype.kind == "f" else np.int32)
            arrays.append([array, where])
    head = {
        "name": kept.name,
        "recipe": None if kept.recipe is None else kept.recipe.model_dump(mode="json"),
        "series": rows,
        "units": units,
        "arrays": arrays,
        "meta": {key: value for key, value in trace.meta.items() if key not in _DROPPED},
        "seconds": kept.seconds,
        "failed": kept.failed,
    }
    return json.dumps(head, separators=(",", ":")).encode(), body


def _wide(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.float64 if array.dtype.kind == "f" else np.int64)


def _single(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """float32, long series rounded to `BITS` bits of mantissa; what is too large is infinite."""
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    if len(single) <= SHORT:
        return single
    mantissa, exponent = np.frexp(single)
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.ldexp(np.rint(mantissa * 2 ** (BITS + 1)) / 2 ** (BITS + 1), exponent).astype(np.float32)
    return np.where(np.isfinite(single), near, single)


def _observations(head: dict[str, Any], stored: dict[str, NDArray[Any]]) -> Iterator[Observation]:
    single = np.ascontiguousarray(stored["values"].T).view(np.float32).reshape(-1)
    values = single.astype(np.str_).astype(np.float64)  # by way of the shortest decimal: 0.9 is 0.9 again
    start = 0
    for name, where, grid in head["series"]:
        steps = np.cumsum(stored[f"steps {grid}"].astype(np.int64))
        end = start + len(steps)
        for step, value in zip(steps.tolist(), values[start:end].tolist(), strict=True):
            yield Observation(step, name, value, where)
        start = end
