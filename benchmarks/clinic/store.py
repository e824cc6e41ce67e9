"""How traces are kept: one compressed file a run, from which the trace is rebuilt that rules read.

Kept are all series (float32; steps once for all series that share them), confusion matrices, the predictions on
validation (float16) and their labels. Left out are the pictures for pages, with their paths. The file is a NumPy
archive compressed by LZMA.
"""

from __future__ import annotations

import io
import json
import lzma
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netvet.recipe import Recipe, parse
from netvet.trace import Observation, Trace

FOLDER = Path(__file__).parent / "traces"
KEPT = {"train_confusion": np.int32, "val_confusion": np.int32, "val_probabilities": np.float16, "val_labels": np.int16}
FULL = {"train_confusion": np.int64, "val_confusion": np.int64, "val_probabilities": np.float32, "val_labels": np.int64}
_DROPPED = ("examples", "environment")


@dataclass(frozen=True)
class Kept:
    """A run as it is kept.

    `recipe`: as in the plan (its source by the clinic's own name). `seconds`: of the training and of each exam.
    """

    name: str
    recipe: Recipe
    trace: Trace
    seconds: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def path(name: str, folder: Path | None = None) -> Path:
    """Where a run is kept."""
    return (folder or FOLDER) / f"{name}.npz.xz"


def write(kept: Kept, folder: Path | None = None) -> Path:
    """Keep a run: under another name first, then renamed, so that a file that is there is whole."""
    head, body = _pack(kept)
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
    recipe = parse(head["recipe"])
    trace = Trace(
        _observations(head, stored),
        recipe=recipe,
        arrays={
            (array, where): stored[f"array {i}"].astype(FULL[array]) for i, (array, where) in enumerate(head["arrays"])
        },
        units=head["units"],
        meta=head["meta"],
    )
    return Kept(head["name"], recipe, trace, head["seconds"], head["failed"])


def _pack(kept: Kept) -> tuple[bytes, dict[str, NDArray[Any]]]:
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
    for array, kind in KEPT.items():
        found = trace.array(array)
        if found is not None:
            body[f"array {len(arrays)}"] = found.astype(kind)
            arrays.append([array, ""])
    head = {
        "name": kept.name,
        "recipe": kept.recipe.model_dump(mode="json"),
        "series": rows,
        "units": units,
        "arrays": arrays,
        "meta": {key: value for key, value in trace.meta.items() if key not in _DROPPED},
        "seconds": kept.seconds,
        "failed": kept.failed,
    }
    return json.dumps(head, separators=(",", ":")).encode(), body


def _single(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """float32; what is too large for it is infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


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
