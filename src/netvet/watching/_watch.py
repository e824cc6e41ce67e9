"""`watch`: a training loop of one's own, watched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from netvet.recipe import Recipe
from netvet.trace import TraceWriter
from netvet.watching.watcher import Watcher


def watch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    out: str | Path,
    classes: Sequence[str] | None = None,
    every: int | None = None,
    step: int = 0,
    recipe: Recipe | None = None,
    writer: TraceWriter | None = None,
) -> Watcher:
    """Watch a training loop: call `.step(loss=..., labels=...)` on the answer after each `optimizer.step()`.

    `out`: the run's folder, where the trace is written; an earlier watched run in it is replaced, unless `step` says
    how many optimiser steps were done before (a resumed run). `classes`: names by label, default "0", "1", ...
    `every`: optimiser steps between measurements, default as each probe says (10); steps 0, 1, 2 and 5 are measured
    too. `writer`: an open trace to write to, for a loop that records its epochs itself. Raises BadInput where `out`
    cannot be written or holds a trained run.

    The training is bit for bit what it would be unwatched. It costs at most 5 % of the step time with the default
    `every`.

    A compiled model: give what `torch.compile` returned. Gradients, weights and predictions are those of the compiled
    training. The layers inside a compiled graph cannot be seen without changing it, so they are measured in a copy of
    the forward pass, made without the compiler just before the optimiser's step, by default at every fiftieth step
    (and 0, 1, 2, 5); not where hooks of your own would run twice in it. On a GPU, and where the compiler draws its own
    random numbers, dropout drops other units in the copy.

    Distributed training (one process for each share of the batch): every process watches; the first writes to `out`,
    the others to `out/rank-1`, `out/rank-2`, ... What comes from gradients and weights is the same in all, what comes
    from activations, losses and predictions is of the process's own share.
    """
    return Watcher(
        model, optimizer, out=Path(out), classes=classes, every=every, step=step, recipe=recipe, writer=writer
    )
