"""Two processes of a DistributedDataParallel training over gloo, both watched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from netvet.trace import FILE, Trace

PROCESSES = 2


def train(out: Path, *, watched: bool, compiled: bool = False) -> list[dict[str, Any]]:
    """What each process ends with; a hang is an error after two minutes."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.watching.ddp"),
                *(str(out), str(rank), str(PROCESSES), str(int(watched)), str(int(compiled))),
            ],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(PROCESSES)
    ]
    try:
        for process in started:
            _nothing, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
    finally:
        for process in started:
            process.kill()
    return [torch.load(out / f"{int(watched)}-{rank}.pt", weights_only=True) for rank in range(PROCESSES)]


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [False, True], ids=["", "compiled"])
def test_two_processes(tmp_path: Path, compiled: bool) -> None:
    bare = train(tmp_path, watched=False)
    watched = train(tmp_path, watched=True, compiled=compiled)
    for before, after in zip(bare, watched, strict=True):
        assert before["model"].keys() == after["model"].keys()
        for name, value in before["model"].items():
            assert torch.equal(value, after["model"][name]), name
    first, second = (Trace.open(tmp_path / "run" / part) for part in (".", "rank-1"))
    assert sorted(str(p.parent.relative_to(tmp_path)) for p in tmp_path.rglob(FILE)) == ["run", "run/rank-1"]
    for rank, trace in enumerate((first, second)):
        assert "dropped_probes" not in trace.meta
        assert trace.meta["finished"] is True
        assert trace.meta["layers"] == ["0", "4", "10"]  # the paths of the model, not of what wraps it
        assert trace.series("grad_norm", "4").values == pytest.approx(bare[rank]["norms"], rel=1e-5)
        assert trace.series("activation_mean", "0").values == pytest.approx(bare[rank]["means"], rel=1e-3, abs=1e-6)
    assert list(first.series("grad_norm", "4").values) == list(second.series("grad_norm", "4").values)
    assert list(first.series("loss").values) != list(second.series("loss").values)
    assert len(first.series("val_accuracy")) == 1
    assert len(second.series("val_accuracy")) == 0
