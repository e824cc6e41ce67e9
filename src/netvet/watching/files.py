"""Where a watched loop writes: its folder, and in a distributed training a folder of each process; and the weights
that it started from, which a resumed run finds there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from netvet.base.errors import BadInput
from netvet.locale import _
from netvet.trace import FILE, Trace, TraceWriter
from netvet.watching.layers import sample


def own_folder(out: Path) -> Path:
    """`out`, and `out/rank-1`, `out/rank-2`, ... for the other processes of a distributed training.

    Each process measures its own share of the batch and writes alone, so none waits for another. Gradients and weights
    are the same in all of them, activations and losses are of the share.
    """
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    rank = torch.distributed.get_rank() if distributed else 0
    return out / f"rank-{rank}" if rank else out


def open_writer(out: Path, run: Path, step: int) -> tuple[TraceWriter, int]:
    """The trace of a user's own loop, a new one or an earlier one up to `step`, and the epochs that it holds.

    `run`: the folder within `out` that this process writes to.
    """
    if (out / "recipe.yaml").exists():
        raise BadInput(_("{out} holds a run of netvet train: give another folder.").format(out=out))
    known = Trace.open(run) if step and (run / FILE).is_file() else None
    try:
        if known is None:
            for name in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
                (run / name).unlink(missing_ok=True)
        writer = TraceWriter(run)
    except OSError as error:
        raise BadInput(_("{out} cannot be written ({error}).").format(out=out, error=error.strerror)) from None
    writer.forget_after(step)
    writer.meta("finished", False)
    return writer, sum(1 for at in known.series("epoch").steps if at < step) if known is not None else 0


def first_weights(writer: TraceWriter, weights: Mapping[str, Tensor], step: int) -> dict[str, Tensor]:
    """Samples of the weights as they were at the run's first step: as recorded then, or as they are now."""
    found: dict[str, Tensor] = {}
    if step:
        writer.flush()
        known = Trace.open(writer.path)
        stored = {name: known.array("weight_start", name) for name in weights}
        found = {
            n: torch.from_numpy(values).to(weights[n].device) for n, values in stored.items() if values is not None
        }
    for name, weight in weights.items():
        if name not in found:
            found[name] = sample(weight)
            writer.add_array(step, "weight_start", found[name].cpu().numpy(), name)
    return found
