"""The model as validation asks it: in evaluation mode, without gradients, and as it was afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from netvet.watching.layers import unwrap
from netvet.watching.outputs import two_columns
from netvet.watching.readings import kept_random_state, logits_of


@contextmanager
def evaluated(model: nn.Module) -> Iterator[Callable[[Tensor], Tensor | None]]:
    """A function from images to the output, (batch, classes), of the model itself: neither compiled nor distributed.

    Modes and random numbers are put back; in evaluation mode no running statistics move.
    """
    inner = unwrap(model)
    modes = {module: module.training for module in model.modules()}

    def ask(images: Tensor) -> Tensor | None:
        output = logits_of(inner(images))
        return None if output is None else two_columns(output)

    try:
        inner.eval()
        with torch.no_grad(), kept_random_state():
            yield ask
    finally:
        for module, mode in modes.items():
            module.training = mode
