"""Runs loops of the plan, each in a process of one thread, and keeps their traces.

A kept trace says by which loop it was made and by which recorder (a digest of `netvet.watching`, the probes and the
loops' own code), so that what is there is not run again, and all of it can be renewed, and resumed, when watching has
learnt to measure more.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from zlib import crc32

import netvet
from benchmarks.clinic import store
from benchmarks.loops import truth
from benchmarks.loops.plan import Loop, loops
from netvet.base.errors import BadInput
from netvet.trace import Trace

FOLDER = Path(__file__).parent / "traces"
NOTE = "loop"
"""The key of a trace's meta under which the loop is described."""
MOST = 4096
"""Numbers of an array that is kept; samples of weights and predictions are left out."""


@cache
def recorder() -> str:
    """A digest of the code that makes a trace."""
    house, here = Path(netvet.__file__).parent, Path(__file__).parent
    files = sorted((house / "watching").rglob("*.py"))
    files += [here / "script.py", here / "nets.py", here / "images.py", *sorted((here / "slips").glob("*.py"))]
    return f"{crc32(b''.join(file.read_bytes() for file in files)):08x}"


def wanted(loop: Loop, *, renew: bool = False, folder: Path = FOLDER) -> bool:
    """Whether a loop is to be run: it was not, or another of its name was, or (`renew`) by another recorder."""
    try:
        note = store.read(loop.name, folder).trace.meta[NOTE]
    except FileNotFoundError:
        return True
    return bool(note["text"] != loop.text or (renew and note["recorder"] != recorder()))


def make(loop: Loop, folder: Path = FOLDER) -> dict[str, Any]:
    """Run a loop and keep its trace. Returns what is noted of it.

    What netvet raises ends the loop, as it would end a person's; it is noted as `error`.
    """
    import torch

    from benchmarks.loops import script

    torch.set_num_threads(1)
    began = time.perf_counter()
    error = ""
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = script.written(loop.base, loop.seed)
        if loop.slip is not None:
            loop.slip.change(program)
        try:
            script.run(program, Path(place))
        except Exception as raised:  # the loop's end, and no fault of the benchmark: a miss is scored
            error = f"{type(raised).__name__}: {raised}".splitlines()[0]
        trace = _opened(Path(place))
        true = truth.measured(program)
    note = {"text": loop.text, "recorder": recorder(), "half": loop.half, "kind": loop.kind, "error": error}
    note |= {"story": loop.slip.story if loop.slip else "", **true.to_json()}
    trace.meta[NOTE] = note
    seconds = {"training": round(time.perf_counter() - began, 2)}
    kept = store.Kept(loop.name, None, trace, seconds)
    store.write(kept, folder, [key for key, values in trace._arrays.items() if _small(key[0], values.size)])
    return {**note, **seconds}


def _opened(place: Path) -> Trace:
    try:
        return Trace.open(place)
    except BadInput:
        return Trace()


def _small(name: str, size: int) -> bool:
    return name not in ("weight_start", "val_probabilities") and size <= MOST


def _made(name: str) -> dict[str, Any]:
    return make(next(loop for loop in loops() if loop.name == name))


def make_all(chosen: Iterable[Loop], workers: int) -> dict[str, str]:
    """Run loops in processes; says what was done. Returns those that failed, with the reason."""
    names = [loop.name for loop in chosen]
    os.environ["OMP_NUM_THREADS"] = "1"
    failures: dict[str, str] = {}
    began = time.monotonic()
    with ProcessPoolExecutor(max(1, min(workers, len(names))), mp_context=get_context("spawn")) as pool:
        asked = {pool.submit(_made, name): name for name in names}
        for done, future in enumerate(as_completed(asked), start=1):
            name = asked[future]
            try:
                told = future.result()
                line = f"validation {told['val']:.2f}, {told['training']:.1f} s {told['error']}"
            except Exception as error:  # one loop that cannot be run must not end the others
                failures[name] = line = f"{type(error).__name__}: {error}"
            left = (time.monotonic() - began) / done * (len(names) - done) / 60
            print(f"{done}/{len(names)} {name}: {line}; {left:.0f} min left", file=sys.stderr, flush=True)
    return failures
