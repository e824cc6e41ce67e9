"""The trace: appended to, read while it is written, whole after a kill."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from netvet.base.errors import BadInput
from netvet.base.observed import Observed, Telling
from netvet.recipe import Recipe
from netvet.trace import FILE, Observation, Trace, TraceWriter

WRITE_FOR_EVER = """
import sys
from pathlib import Path
import numpy as np
from netvet.trace import TraceWriter
with TraceWriter(Path(sys.argv[1])) as writer:
    step = 0
    while True:
        for _ in range(100):
            writer.add(step, "loss", float(step))
            writer.add(step, "grad_norm", float(step), "features.0")
            step += 1
        writer.add_array(step, "confusion", np.full((64, 64), step))
        writer.flush()
        print(step, flush=True)
"""


def test_what_is_written_is_read(tmp_path: Path) -> None:
    recipe = Recipe().change({"seed": 7})
    with TraceWriter(tmp_path / "a" / "b") as writer:
        writer.recipe(recipe)
        writer.meta("classes", ["A", "ikan \N{FISH}"])
        writer.declare({"loss": Observed("How wrong", "nats", "nats", "lowest")})
        for step in (2, 0, 1):
            writer.add(step, "loss", 2.0 - step)
        writer.add(0, "grad_norm", 1.0, "features.0")
        writer.add(0, "grad_norm", 2.0, "classifier")
        writer.add_array(0, "confusion", np.eye(2, dtype=np.int64))
        writer.add_array(1, "confusion", np.ones((2, 2), dtype=np.int64))
    trace = Trace.open(tmp_path / "a" / "b")
    loss = trace.series("loss")
    assert (loss.steps.tolist(), loss.values.tolist(), loss.unit) == ([0, 1, 2], [2.0, 1.0, 0.0], "nats")
    assert (loss.first, loss.last, len(loss)) == (2.0, 0.0, 3)
    assert (loss.title, loss.observed.kind, loss.telling) == ("How wrong", "nats", 0.0)
    assert trace.places("grad_norm") == ["features.0", "classifier"]  # as first measured
    confusion = trace.array("confusion")
    assert confusion is not None
    assert confusion.sum() == 4
    assert confusion.dtype == np.int64
    assert trace.recipe == recipe
    assert trace.meta == {"classes": ["A", "ikan \N{FISH}"]}
    assert sorted(trace.names()) == ["grad_norm", "loss"]
    assert len(list(trace.observations())) == 5


def test_what_was_not_measured_is_empty(tmp_path: Path) -> None:
    TraceWriter(tmp_path).close()
    trace = Trace.open(tmp_path / FILE)
    assert len(trace.series("loss")) == 0
    assert np.isnan(trace.last("loss"))
    assert np.isnan(trace.series("loss", "x").first)
    assert (trace.places("loss"), trace.array("confusion"), trace.recipe, trace.names()) == ([], None, None, [])


def test_values_that_are_not_finite_are_kept(tmp_path: Path) -> None:
    values = [float("nan"), float("inf"), float("-inf"), 5e-324, -0.0]
    with TraceWriter(tmp_path) as writer:
        for step, value in enumerate(values):
            writer.add(step, "loss", value)
    np.testing.assert_array_equal(Trace.open(tmp_path).series("loss").values, values)


def test_a_second_writer_appends(tmp_path: Path) -> None:
    for step in range(3):
        with TraceWriter(tmp_path) as writer:
            writer.add(step, "loss", float(step))
    assert Trace.open(tmp_path).series("loss").values.tolist() == [0.0, 1.0, 2.0]


def test_only_what_was_flushed_is_seen_and_an_open_trace_stays_as_it_was(tmp_path: Path) -> None:
    with TraceWriter(tmp_path) as writer:
        writer.add(0, "loss", 1.0)
        assert len(Trace.open(tmp_path).series("loss")) == 0
        writer.flush()
        early = Trace.open(tmp_path)
        writer.add(1, "loss", 0.5)
        writer.flush()
        assert (len(early.series("loss")), len(Trace.open(tmp_path).series("loss"))) == (1, 2)


def test_read_while_it_is_written(tmp_path: Path) -> None:
    """Every reading sees whole transactions: as many losses as gradients, without a gap."""
    stop, problems = threading.Event(), []
    TraceWriter(tmp_path).close()

    def write() -> None:
        try:
            with TraceWriter(tmp_path) as writer:
                step = 0
                while not stop.is_set():
                    for _ in range(20):
                        writer.add(step, "loss", float(step))
                        writer.add(step, "grad_norm", float(step), "features.0")
                        step += 1
                    writer.flush()
        except Exception as error:
            problems.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    seen = [0]
    try:
        while len(set(seen)) < 10 and thread.is_alive():
            trace = Trace.open(tmp_path)
            steps = trace.series("loss").steps
            np.testing.assert_array_equal(steps, np.arange(len(steps)))
            assert len(trace.series("grad_norm", "features.0")) == len(steps)
            assert len(steps) % 20 == 0
            seen.append(len(steps))
    finally:
        stop.set()
        thread.join()
    assert not problems
    assert seen == sorted(seen)


@pytest.mark.parametrize("flushes", [1, 4, 9])
def test_a_killed_writer_leaves_a_whole_trace_that_can_be_gone_on_with(tmp_path: Path, flushes: int) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITE_FOR_EVER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert writer.stdout is not None
    with writer, writer.stdout:
        told = [int(writer.stdout.readline()) for _ in range(flushes)]
        os.kill(writer.pid, signal.SIGKILL)
    assert writer.returncode == -signal.SIGKILL
    trace = Trace.open(tmp_path)
    loss = trace.series("loss")
    assert len(loss) >= told[-1]  # what was flushed is there
    assert len(loss) % 100 == 0  # and nothing of what was not
    np.testing.assert_array_equal(loss.values, np.arange(len(loss)))
    assert len(trace.series("grad_norm", "features.0")) == len(loss)
    confusion = trace.array("confusion")
    assert confusion is not None
    assert (confusion == len(loss)).all()
    with TraceWriter(tmp_path) as again:
        again.forget_after(50)
        again.add(50, "loss", -1.0)
    assert Trace.open(tmp_path).series("loss").values.tolist() == [*map(float, range(50)), -1.0]


def test_forget_after_drops_what_a_resumed_run_measures_again(tmp_path: Path) -> None:
    with TraceWriter(tmp_path) as writer:
        for step in range(4):
            writer.add(step, "loss", float(step))
            writer.add_array(step, "confusion", np.array(step))
        writer.flush()
        writer.forget_after(2)
    trace = Trace.open(tmp_path)
    assert trace.series("loss").steps.tolist() == [0, 1]
    confusion = trace.array("confusion")
    assert confusion is not None
    assert confusion == 1


def test_forget_after_drops_what_is_not_yet_written_too(tmp_path: Path) -> None:
    with TraceWriter(tmp_path) as writer:
        for step in range(4):
            writer.add(step, "loss", float(step))
            writer.add_array(step, "confusion", np.array(step))
        writer.forget_after(2)
    trace = Trace.open(tmp_path)
    assert trace.series("loss").steps.tolist() == [0, 1]
    assert trace.array("confusion") == np.array(1)


def test_forget_drops_one_name(tmp_path: Path) -> None:
    with TraceWriter(tmp_path) as writer:
        writer.add(0, "lr_range_best", 0.1)
        writer.add(0, "loss", 1.0)
        writer.flush()
        writer.forget("lr_range_best")
        writer.add(0, "lr_range_best", 0.2)
    trace = Trace.open(tmp_path)
    assert trace.series("lr_range_best").values.tolist() == [0.2]
    assert trace.last("loss") == 1.0


def test_meta_is_there_at_once_and_can_be_replaced(tmp_path: Path) -> None:
    with TraceWriter(tmp_path) as writer:
        writer.meta("finished", False)
        assert Trace.open(tmp_path).meta == {"finished": False}
        writer.meta("finished", True)
        assert writer.get_meta("finished") is True
        assert writer.get_meta("epochs") is None
    assert Trace.open(tmp_path).meta == {"finished": True}


def test_a_trace_of_before_labels_were_kept_has_its_printed_names(tmp_path: Path) -> None:
    with TraceWriter(tmp_path) as writer:
        writer.declare({"dead_fraction": Observed(unit="share of units")})
        writer.add(0, "dead_fraction", 0.5, "features.0")
        writer.add(0, "of_my_own", 0.5)
    with closing(sqlite3.connect(tmp_path / FILE)) as base:
        base.execute("DROP TABLE observed")
        base.commit()
    trace = Trace.open(tmp_path)
    dead = trace.series("dead_fraction", "features.0")
    assert (dead.title, dead.unit, dead.observed.kind) == ("Dead units", "share of units", "share")
    assert trace.series("of_my_own").title == "Of my own"
    with TraceWriter(tmp_path) as writer:  # an exam is taken on it
        writer.declare({"of_my_own": Observed("Mine")})
    assert Trace.open(tmp_path).series("of_my_own").title == "Mine"


@pytest.mark.parametrize(("telling", "value"), [("last", 2.0), ("highest", 3.0), ("lowest", 1.0)])
def test_the_value_that_stands_for_a_curve(telling: Telling, value: float) -> None:
    curve = [Observation(step, "x", value) for step, value in enumerate((1.0, 3.0, 2.0, float("nan")))]
    assert Trace(curve, declared={"x": Observed(telling=telling)}).series("x").telling == value
    assert np.isnan(Trace(declared={"x": Observed(telling=telling)}).series("x").telling)


def test_a_trace_in_memory() -> None:
    trace = Trace([Observation(5, "loss", 1.0), Observation(3, "loss", 2.0)], declared={"loss": Observed(unit="nats")})
    assert trace.series("loss").steps.tolist() == [3, 5]
    assert trace.series("loss").unit == "nats"


def test_what_is_no_run(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(BadInput, match="no recorded run"):
            Trace.open(path)
    (tmp_path / FILE).write_bytes(b"not a data base, but long enough to look like one" * 100)
    with pytest.raises(BadInput, match="not a trace written by netvet"):
        Trace.open(tmp_path)


def test_another_programs_data_base(tmp_path: Path) -> None:

    base = sqlite3.connect(tmp_path / FILE)
    base.execute("CREATE TABLE other (a)")
    base.commit()
    base.close()
    with pytest.raises(BadInput, match="not a trace written by netvet"):
        Trace.open(tmp_path)


def test_a_reader_writes_nothing(tmp_path: Path) -> None:
    with TraceWriter(tmp_path) as writer:
        writer.add(0, "loss", 1.0)
    before = (tmp_path / FILE).read_bytes()
    Trace.open(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
