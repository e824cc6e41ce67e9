"""A run's folder held by one process, and a process that is asked to stop rather than cut off."""

from __future__ import annotations

import fcntl
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from netvet.base.errors import BadInput
from netvet.locale import _
from netvet.recipe import Recipe
from netvet.trace import Trace


@contextmanager
def run_lock(run: Path) -> Iterator[None]:
    """Hold a run's folder for this process."""
    try:
        run.mkdir(parents=True, exist_ok=True)
        lock: IO[str] = (run / ".lock").open("w")
    except OSError as error:
        sentence = _("The folder {run} cannot be written ({problem}): choose another --out.")
        raise BadInput(sentence.format(run=run, problem=error.strerror)) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sentence = _("Another netvet process is using {run}: wait for it, or choose another --out.")
            raise BadInput(sentence.format(run=run)) from None
        yield


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, so that a step is never cut in two; a second Ctrl-C ends at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(_number: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def recorded(run: Path, recipe: Recipe) -> Recipe:
    """The recipe of the run that is to go on; the caller's must agree where it says more than the default."""
    recorded = Trace.open(run).recipe
    if recorded is None:
        raise BadInput(_("{run} was not trained by netvet, so --resume cannot continue it.").format(run=run))
    asked = recorded.differences(recipe)
    if recipe != Recipe(data=recipe.data) and asked:
        field, (was, now) = next(iter(asked.items()))
        raise BadInput(
            _("{run} was trained with {field}={was}, not {now}: omit --set and --recipe to continue it.").format(
                run=run, field=field, was=was, now=now
            )
        )
    return recorded
