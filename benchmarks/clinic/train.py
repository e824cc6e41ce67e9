"""Trains the runs of the plan, takes the exams that each calls for (or all), and keeps their traces.

Two processes by default, each with one thread. Run folders (weights, full traces) stay in `clinic/runs` in netvet's
cache folder, so that an exam which is new or has changed is taken without training again. A run counts as trained when
its folder says that it is finished by the very recipe of the plan; one that was broken off is begun anew.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import shutil
import time
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from benchmarks.clinic import datasets, store
from benchmarks.clinic.plan import Run
from netvet.base.errors import BadInput
from netvet.exams import run_exam
from netvet.images.store import folder
from netvet.recipe import parse
from netvet.trace import FILE, Trace, TraceWriter

if TYPE_CHECKING:
    from netvet.images.dataset import ImageSet

ATTEMPTS = 2
"""How often a run is begun whose process died."""
Exams = Literal["ordered", "all", "none"]
"""Which exams are taken on a run: those that its diagnosis orders, as a checkup does; every one; or none."""
_NOTE = "clinic"  # a key of the trace's meta
_HELD = 4  # image sets that a process keeps in memory


@dataclass
class Note:
    """What the clinic writes into a run's folder: the plan's recipe, seconds, and exams that could not be taken."""

    recipe: dict[str, object] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def run_folder(run: Run) -> Path:
    """Where a run is trained."""
    return folder() / "clinic" / "runs" / run.name


def note(run: Run) -> Note | None:
    """What the clinic wrote when the run was trained; None where it was not, or not by this recipe."""
    try:
        meta = Trace.open(run_folder(run)).meta if (run_folder(run) / FILE).exists() else {}
    except BadInput:
        return None
    if not meta.get("finished") or _NOTE not in meta:
        return None
    found = Note(**meta[_NOTE])
    return found if parse(found.recipe) == run.recipe else None


def wanted(run: Run, retake: Sequence[str] = (), *, which: Exams = "ordered") -> bool:
    """Whether there is something left to do for a run."""
    kept = store.read(run.name) if store.path(run.name).exists() else None
    if kept is None or kept.recipe != run.recipe or retake:
        return True
    return bool(_due(kept.trace, {*kept.seconds, *kept.failed}, which))


def _due(trace: Trace, taken: Collection[str], which: Exams) -> tuple[str, ...]:
    """The exams that a run lacks."""
    from netvet.exams import exams
    from netvet.rules import diagnose

    if which == "none":
        return ()
    names = exams() if which == "all" else diagnose(trace, taken=tuple(taken)).exams
    return tuple(name for name in names if name not in taken)


def make(run: Run, retake: Sequence[str] = (), *, which: Exams = "ordered") -> store.Kept:
    """Train a run where that is not done, take the exams it lacks and those of `retake`, and keep its trace."""
    import torch

    from netvet.exams import ExamContext
    from netvet.training import train

    torch.set_num_threads(1)
    place = run_folder(run)
    recipe = run.recipe.change({"data.source": datasets.resolve(run.recipe.data.source)})
    images = _images(recipe.data.model_dump_json())
    known = note(run)
    if known is None:
        shutil.rmtree(place, ignore_errors=True)
        began = time.perf_counter()
        if not train(recipe, out=place, images=images).finished:
            raise KeyboardInterrupt
        known = Note(run.recipe.model_dump(mode="json"), {"training": time.perf_counter() - began})
    with TraceWriter(place) as record:
        record.meta(_NOTE, vars(known))
        taken = {*known.seconds, *known.failed} - set(retake)
        for name in (*retake, *_due(Trace.open(place), taken, which)):
            if name in taken:
                continue
            taken.add(name)
            began = time.perf_counter()
            known.failed.pop(name, None)
            try:
                run_exam(name, ExamContext(place, recipe, images, record))
            except Exception as error:  # an exam that fails must not end the run: it is recorded, and rules go without
                known.failed[name] = f"{type(error).__name__}: {error}".splitlines()[0]
            known.seconds[name] = time.perf_counter() - began
            record.meta(_NOTE, vars(known))
    trace = Trace.open(place)
    trace.meta.pop(_NOTE)
    trace.recipe = run.recipe
    kept = store.Kept(run.name, run.recipe, trace, known.seconds, known.failed)
    store.write(kept)
    return kept


_LOADED: dict[str, ImageSet] = {}


def _images(data: str) -> ImageSet:
    """The images of a recipe's data part; the last few are held."""
    from netvet.recipe import Data, Recipe
    from netvet.training import load_images

    if data not in _LOADED:
        while len(_LOADED) >= _HELD:
            _LOADED.pop(next(iter(_LOADED)))
        _LOADED[data] = load_images(Recipe(data=Data.model_validate_json(data)), progress=False)
    return _LOADED[data]


@dataclass(frozen=True)
class Order:
    """What a worker is asked to do."""

    run: Run
    retake: tuple[str, ...] = ()
    which: Exams = "ordered"


@dataclass(frozen=True)
class Reply:
    """What a worker says: `seconds` of a finished run, or why it ended."""

    name: str
    seconds: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    error: str = ""


def train_all(orders: Iterable[Order], *, workers: int = 2, minutes: float = math.inf) -> dict[str, str]:
    """Do all orders in processes of one thread each; says what was done and how long the rest takes.

    `minutes`: after so many none is begun any more. Returns the runs that failed, with the reason. A process that dies
    is replaced and its run begun anew, once.
    """
    waiting = deque(orders)
    total, done, began = len(waiting), 0, time.monotonic()
    attempts: dict[str, int] = {}
    failures: dict[str, str] = {}
    staff: dict[Connection, tuple[SpawnProcess, Order | None]] = {}
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        for _worker in range(min(workers, total)):
            _hire(staff)
        while waiting or any(order for _, order in staff.values()):
            if time.monotonic() - began > 60 * minutes:
                waiting.clear()
            for line, (process, order) in staff.items():
                if order is None and waiting:
                    line.send(waiting[0])
                    staff[line] = (process, waiting.popleft())
            for ready in wait([line for line, (_, order) in staff.items() if order is not None]):
                assert isinstance(ready, Connection)
                process, order = staff[ready]
                assert order is not None
                try:
                    reply: Reply = ready.recv()
                    staff[ready] = (process, None)
                except (EOFError, ConnectionResetError):
                    staff.pop(ready)
                    process.join()
                    _hire(staff)
                    attempts[order.run.name] = attempts.get(order.run.name, 0) + 1
                    if attempts[order.run.name] < ATTEMPTS:
                        waiting.appendleft(order)
                        continue
                    reply = Reply(order.run.name, error=f"the process died (exit {process.exitcode})")
                done += 1
                if reply.error:
                    failures[reply.name] = reply.error
                left = (time.monotonic() - began) / done * (total - done)
                print(f"[{done}/{total}] {_told(reply)}; {left / 60:.0f} min left", flush=True)
    finally:
        for line, (process, _order) in staff.items():
            line.close()
            process.terminate()
            process.join()
    return failures


def _hire(staff: dict[Connection, tuple[SpawnProcess, Order | None]]) -> None:
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    staff[mine] = (process, None)


def _work(line: Connection) -> None:
    """A worker: orders in, replies out, until the line is closed."""
    while True:
        try:
            order: Order = line.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            kept = make(order.run, order.retake, which=order.which)
            line.send(Reply(order.run.name, kept.seconds, kept.failed))
        except KeyboardInterrupt:
            return
        except Exception as error:  # the others go on; the reason is told at the end
            line.send(Reply(order.run.name, error=f"{type(error).__name__}: {error}".splitlines()[0]))


def _told(reply: Reply) -> str:
    if reply.error:
        return f"{reply.name}: FAILED, {reply.error}"
    training = reply.seconds.get("training", 0.0)
    rest = sum(reply.seconds.values()) - training
    failed = f", could not take {', '.join(reply.failed)}" if reply.failed else ""
    return f"{reply.name}: trained {training:.1f} s, exams {rest:.1f} s{failed}"
