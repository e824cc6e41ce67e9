"""Shortcuts around pairs of convolutions."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from netvet.locale import _
from netvet.nets.surgery.flow import Flow
from netvet.nets.surgery.norms import NORMS
from netvet.nets.surgery.replacing import refuse

LINEAR = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.Identity, *NORMS)


class Shortcut(nn.Sequential):
    """The layers of a pair, under the names they had, and what they were given added to what they put out."""

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        y = x
        for layer in self:
            y = layer(y)
        return x + y


def add(model: nn.Module, _value: str, _flow: Flow | None) -> nn.Module:
    """See `patch_model`. The pair ends before the activation of its second convolution, as in He et al. 2016.

    What a pair is made of moves from `3`, `4`, `5` to `3.3`, `3.4`, `3.5`; the layers behind keep their names.
    """
    made = 0
    for parent in list(model.modules()):
        if type(parent) is nn.Sequential:
            made += _bridge(parent)
    if not made:
        raise refuse(
            _(
                "residual cannot be applied to {model}: none of its nn.Sequential has two convolutions in a row whose "
                "output has the shape of their input."
            ),
            model=type(model).__name__,
        )
    return model


def _bridge(layers: nn.Sequential) -> int:
    """Put shortcuts into one Sequential; returns how many."""
    named = list(layers._modules.items())
    kept: list[tuple[str, nn.Module]] = []
    start = made = 0
    while start < len(named):
        end = _pair(named, start)
        if end is None:
            kept.append(named[start])
            start += 1
            continue
        shortcut = Shortcut(OrderedDict(named[start:end]))
        shortcut.training = layers.training
        kept.append((named[start][0], shortcut))
        start, made = end, made + 1
    layers._modules.clear()
    layers._modules.update(kept)
    return made


def _pair(named: list[tuple[str, nn.Module]], start: int) -> int | None:
    """Where a pair that begins at `start` ends: behind its second convolution and the norms that follow it."""
    first = _convolution(named[start][1])
    if first is None or not _keeps_size(first):
        return None
    active = False
    for index in range(start + 1, len(named)):
        module = named[index][1]
        second = _convolution(module)
        if second is not None:
            if not active or not _keeps_size(second) or first.in_channels != second.out_channels:
                return None
            while index + 1 < len(named) and isinstance(named[index + 1][1], NORMS):
                index += 1
            return index + 1
        if type(module).__module__ == "torch.nn.modules.activation":
            active = True
        elif not isinstance(module, LINEAR):
            return None
    return None


def _convolution(module: nn.Module) -> nn.Conv1d | nn.Conv2d | nn.Conv3d | None:
    """A convolution, or the one with which `early-batch-norm` put a norm."""
    if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        return module
    if type(module) is nn.Sequential and set(module._modules) == {"conv", "norm"}:
        return _convolution(module._modules["conv"])
    return None


def _keeps_size(conv: nn.Conv1d | nn.Conv2d | nn.Conv3d) -> bool:
    if any(step != 1 for step in conv.stride):
        return False
    if isinstance(conv.padding, str):
        return conv.padding == "same"
    sizes = zip(conv.kernel_size, conv.padding, conv.dilation, strict=True)
    return all(2 * padding == dilation * (kernel - 1) for kernel, padding, dilation in sizes)
