"""One process of a distributed training, for a test.

`python -m tests.watching.ddp OUT RANK PROCESSES WATCHED COMPILED` writes the final weights, and with them what
PyTorch's own hooks saw of the gradients and the outputs.
"""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

import datetime
import os
import sys
from pathlib import Path
from typing import cast

import torch
from torch import distributed, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from netvet.watching import watch
from tests.watching.loops import batches, net, sgd


def main(out: Path, rank: int, processes: int, watched: bool, compiled: bool) -> None:
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{out}/meeting-{int(watched)}{int(compiled)}",
        rank=rank,
        world_size=processes,
        timeout=datetime.timedelta(seconds=60),
    )
    torch.manual_seed(0)
    inner = net()
    model: nn.Module = DistributedDataParallel(inner)
    if compiled:
        model = cast(nn.Module, torch.compile(model, backend="eager"))
    optimizer = sgd(model)
    norms: list[float] = []
    means: list[float] = []
    if not watched:
        weight = inner.get_parameter("4.weight")

        def before(*_args: object) -> None:
            assert weight.grad is not None
            norms.append(weight.grad.norm().item())

        def leave(_module: nn.Module, _args: object, output: torch.Tensor) -> None:
            means.append(output.detach().mean().item())

        optimizer.register_step_pre_hook(before)
        inner[0].register_forward_hook(leave)
    vet = watch(model, optimizer, out=out / "run", every=1) if watched else None
    for images, labels in batches(5):
        own = slice(rank * 4, rank * 4 + 4)  # each process has its half of the batch
        loss = F.cross_entropy(model(images[own]), labels[own])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if vet is not None:
            vet.step(loss=loss, labels=labels[own])
    if vet is not None:
        if rank == 0:  # the others do not: it must not wait for them
            vet.validate(batches(2))
        vet.close()
    distributed.barrier()
    torch.save({"model": inner.state_dict(), "norms": norms, "means": means}, out / f"{int(watched)}-{rank}.pt")
    # gloo's threads now and then abort a process that takes itself down, watched or not, after all is saved
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "1", sys.argv[5] == "1")
