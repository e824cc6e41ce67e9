"""The layers of a model as a probe sees them: their kind, their channels, and small samples of their weights."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules import activation
from torch.nn.modules.conv import _ConvNd

SAMPLE = 4096  # elements of a tensor that are copied where a probe compares it with an earlier value
RECTIFIERS: tuple[type[nn.Module], ...] = (nn.ReLU, nn.ReLU6, nn.Threshold, nn.Hardswish)
PARAMETRIZED = "parametrizations"  # where torch.nn.utils.parametrize keeps what a weight is computed from
_NOT_ELEMENTWISE = (nn.MultiheadAttention, nn.Softmax, nn.Softmax2d, nn.LogSoftmax, nn.Softmin)
_ACTIVATION_MODULES = (activation.__name__, "timm.layers.activations", "timm.layers.activations_me")

_WITH_ACTIVATIONS: weakref.WeakKeyDictionary[nn.Module, bool] = weakref.WeakKeyDictionary()


def is_weight_layer(module: nn.Module) -> bool:
    """Whether it multiplies by a weight: convolutions, linear layers, whatever owns a `weight` of two or more axes."""
    if isinstance(module, _ConvNd | nn.Linear):
        return True
    weight = weight_of(module)
    return weight is not None and not isinstance(module, nn.Embedding | nn.EmbeddingBag) and weight.ndim >= 2


def weight_of(module: nn.Module) -> nn.Parameter | None:
    """The parameter that the optimiser moves as this layer's weight; None where there is none.

    Of a weight that is computed (weight norm, spectral norm, pruning, any parametrisation) it is the largest of the
    parameters that it is computed from: it has the gradient, and computing the weight itself may change the model
    (spectral norm goes on with its power iteration).
    """
    for name in ("weight", "weight_orig", "weight_v"):
        found = module._parameters.get(name)
        if found is not None:
            return found
    computed = module._modules.get(PARAMETRIZED)
    if isinstance(computed, nn.ModuleDict) and "weight" in computed:
        originals = list(computed["weight"].parameters(recurse=False))
        return max(reversed(originals), key=lambda p: p.numel(), default=None)  # weight norm's is the direction
    return None


def unwrap(model: nn.Module) -> nn.Module:
    """The model itself: without what `torch.compile` or a data-parallel training wraps around it."""
    inner: nn.Module | None = model
    while inner is not None:
        model, inner = inner, inner._modules.get("_orig_mod")
        if inner is None and isinstance(model, nn.parallel.DistributedDataParallel | nn.DataParallel):
            inner = model.module
    return model


def is_activation(module: nn.Module) -> bool:
    """Whether it is an elementwise non-linearity of torch or timm."""
    return type(module).__module__ in _ACTIVATION_MODULES and not isinstance(module, _NOT_ELEMENTWISE)


def has_activations(model: nn.Module) -> bool:
    """Whether any of its modules is an activation; looked up once for a model, since a search in every layer of a deep
    net would cost more than the layers.
    """
    if model not in _WITH_ACTIVATIONS:
        _WITH_ACTIVATIONS[model] = any(is_activation(module) for module in model.modules())
    return _WITH_ACTIVATIONS[model]


def is_batch_norm(module: nn.Module) -> bool:
    """Whether it is a batch norm that keeps running statistics and is measuring a batch now."""
    return isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training and module.running_mean is not None


def layers(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Every module that does work of its own, by path, each once; a model that is a single layer is named `model`.

    Paths are those of the model as it was before it was compiled or wrapped.
    """
    for path, module in unwrap(model).named_modules():
        parts = path.split(".")
        own = any(True for _ in module.parameters(recurse=False))
        if PARAMETRIZED not in parts and (own or is_weight_layer(module) or next(module.children(), None) is None):
            yield ".".join(part for part in parts if part != "_orig_mod") or "model", module


def weights(model: nn.Module, order: Mapping[str, int]) -> dict[str, nn.Parameter]:
    """The weight of every weight layer by path, in the order of the forward pass; a tied weight once."""
    found: dict[str, nn.Parameter] = {}
    seen: set[int] = set()
    for name, module in sorted(layers(model), key=lambda item: order.get(item[0], len(order))):
        weight = weight_of(module)
        if weight is not None and is_weight_layer(module) and id(weight) not in seen:
            seen.add(id(weight))
            found[name] = weight
    return found


def channel_axis(module: nn.Module, tensor: Tensor) -> int:
    """Which axis of a tensor is its units': 1 in (batch, channels, ...), the last in (batch, tokens, units)."""
    if isinstance(module, nn.Linear):
        return tensor.ndim - 1
    return tensor.ndim - 1 if tensor.ndim == 3 and not isinstance(module, nn.Conv1d | nn.BatchNorm1d) else 1


def channel_statistics(tensor: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Mean and (biased) variance of each channel over all other axes: two (channels,) tensors, float32 or wider.

    One pass by the kernel that batch norm itself uses, which is 5 to 15 times as fast on a CPU as `torch.var_mean`.
    """
    if axis != 1:
        tensor = tensor.movedim(axis, -1).reshape(-1, tensor.shape[axis])
    if tensor.device.type in ("cpu", "cuda"):
        wide = torch.promote_types(tensor.dtype, torch.float32)
        zero = torch.zeros(tensor.shape[1], dtype=wide, device=tensor.device)
        mean, var = torch.batch_norm_update_stats(tensor, zero, zero.clone(), 0.0)
        return mean.to(wide), var.to(wide)
    rest = [a for a in range(tensor.ndim) if a != 1]
    var, mean = torch.var_mean(tensor.float(), rest, correction=0)
    return mean, var


class ChannelStats:
    """Channel statistics that are computed once for a tensor which several layers and probes look at.

    It knows the last tensor by a weak reference and its version, so it keeps nothing alive and sees in-place changes.
    """

    def __init__(self) -> None:
        self._last: tuple[weakref.ref[Tensor], int, int, tuple[Tensor, Tensor]] | None = None

    def of(self, tensor: Tensor, axis: int) -> tuple[Tensor, Tensor] | None:
        """Mean and variance of each channel; None for what has none (whole numbers, fewer than two axes, empty)."""
        if tensor.ndim < 2 or not tensor.is_floating_point() or tensor.numel() == 0:
            return None
        if self._last is not None:
            known, version, at, found = self._last
            if known() is tensor and version == tensor._version and at == axis:
                return found
        found = channel_statistics(tensor.detach(), axis)
        self._last = (weakref.ref(tensor), tensor._version, axis, found)
        return found


def sample(tensor: Tensor) -> Tensor:
    """A copy, float32, of at most 4,096 elements, always the same ones: every k-th in memory.

    k has no factor in common with the number of elements, so that it does not fall in step with the kernel or the
    channels.

    >>> sample(torch.arange(3.0)), len(sample(torch.zeros(64, 64, 3, 3)))
    (tensor([0., 1., 2.]), 3352)
    """
    flat, strides = tensor.detach(), tensor.stride()
    flat = flat.permute(sorted(range(flat.ndim), key=lambda axis: -strides[axis])).reshape(-1)
    step = math.ceil(flat.numel() / SAMPLE)
    while step > 1 and math.gcd(step, flat.numel()) > 1:
        step += 1
    return flat[::step].to(torch.float32, copy=True)
