"""Activations replaced by others."""

from __future__ import annotations

from torch import nn

from netvet.locale import _
from netvet.nets.cnn import activation
from netvet.nets.surgery.flow import Flow
from netvet.nets.surgery.replacing import refuse, swap, take_hooks

RECTIFIERS = (nn.ReLU, nn.ReLU6)
BOUNDED = (nn.Tanh, nn.Hardtanh, nn.Sigmoid, nn.Hardsigmoid, nn.LogSigmoid, nn.Softsign)


def replace(model: nn.Module, kind: str, flow: Flow | None) -> nn.Module:
    """See `patch_model`. In place where the old one was and the new one can be."""
    new: dict[nn.Module, nn.Module] = {}
    for module in model.modules():
        if not isinstance(module, RECTIFIERS) and not _saturates(module, flow):
            continue
        fresh = activation(kind)
        if type(fresh) is not type(module):
            if getattr(module, "inplace", False) and hasattr(fresh, "inplace"):
                fresh.inplace = True  # type: ignore[assignment]
            new[module] = take_hooks(fresh, module)
    if not new:
        raise refuse(
            _(
                "activation={kind} cannot be applied to {model}: it has no ReLU layer of another kind (one that is "
                "called as a function, such as torch.relu, cannot be replaced)."
            ),
            kind=kind,
            model=type(model).__name__,
        )
    return swap(model, new)


def _saturates(module: nn.Module, flow: Flow | None) -> bool:
    """Whether it is a bounded activation between layers: not a gate, which is multiplied alone, nor the output."""
    if flow is None or not isinstance(module, BOUNDED):
        return False
    functions = {use.function.strip("_") for use in flow.uses(module)}
    return "output" not in functions and bool(functions - {"mul", "rmul"})
