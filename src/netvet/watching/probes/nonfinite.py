"""What became non-finite first: the layer, and whether its weight, its activation or its gradient.

`nonfinite`: 1 at the place `LAYER weight`, `LAYER activation` or `LAYER gradient`. On a CPU every step looks at the
logits, and at the gradient of the last weight layer, which is next to the loss; elsewhere only every tenth step does,
since the answer would have to be waited for. Only when one of these is not finite are all weights looked at in the
order of the forward pass; where they are finite, the batch is passed once more through a copy of the network to find
the first activation that is not; and where there is none, the gradients, the last layer first, as they are computed
in that order. Nothing is recorded while all is well.

It matters because a NaN spreads to every tensor within a step; the first one tells an overflow in the forward pass
from a step that was too long.

## References
- P. Micikevicius et al.: Mixed precision training, ICLR 2018, https://arxiv.org/abs/1710.03740
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from netvet.watching import Moment, probe
from netvet.watching.readings import first_tensor

EVERY = 10


@probe("nonfinite", at="before_step", every=1, unit="1: not finite")
def measure(moment: Moment) -> dict[str, float] | None:
    """1 at the first tensor that is not finite; None where all is well or nothing may be asked."""
    looked = [moment.logits] if moment.logits is not None else []
    last = next((w.grad for w in reversed(list(moment.weights.values())) if w.grad is not None), None)
    looked += [last] if last is not None and not last.is_sparse else []
    if not looked or (looked[0].device.type != "cpu" and moment.step % EVERY):
        return None
    if all(_finite(tensor) for tensor in looked):
        return None
    for name, weight in moment.weights.items():
        if not _finite(weight):
            return {f"{name} weight": 1.0}
    broken = _first_activation(moment)
    if broken is not None:
        return {f"{broken} activation": 1.0}
    for name, weight in reversed(list(moment.weights.items())):
        if weight.grad is not None and not weight.grad.is_sparse and not _finite(weight.grad):
            return {f"{name} gradient": 1.0}
    return None


def _finite(tensor: Tensor) -> bool:
    """Whether all elements are: a sum is, unless one is not or it overflows; only then each is looked at."""
    total = tensor.detach().sum()
    return bool(torch.isfinite(total)) or bool(torch.isfinite(tensor).all())


def _first_activation(moment: Moment) -> str | None:
    """The first module, in a forward pass of a copy, whose output is not finite although its input is."""
    if moment.images is None or (moment.logits is not None and _finite(moment.logits)):
        return None
    found: list[str] = []
    twin = copy.deepcopy(moment.model)
    names = {module: name for name, module in twin.named_modules() if next(module.children(), None) is None}

    def look(module: nn.Module, _args: object, output: object) -> None:
        tensor = first_tensor(output)
        if not found and tensor is not None and tensor.is_floating_point() and not _finite(tensor):
            found.append(names[module])

    for module in names:
        module.register_forward_hook(look)
    device = moment.images.device
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.no_grad():
        twin(moment.images)
    return found[0] if found else None
