"""Batch norms replaced, put in and folded away."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _LazyNormBase
from torch.nn.utils.fusion import fuse_conv_bn_weights

from netvet import recipe
from netvet.locale import _
from netvet.nets import cnn
from netvet.nets.surgery.flow import Flow
from netvet.nets.surgery.replacing import paths, refuse, swap, take_hooks

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d
BATCH_NORMS: dict[type[nn.Module], Callable[..., _BatchNorm]] = {
    nn.Conv1d: nn.BatchNorm1d,
    nn.Conv2d: nn.BatchNorm2d,
    nn.Conv3d: nn.BatchNorm3d,
}
NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm, nn.LocalResponseNorm)


def replace(model: nn.Module, kind: str, _flow: Flow | None) -> nn.Module:
    """See `patch_model`. Where the batch norm has its activation inside, that follows as a layer of its own."""
    operation = f"norm={kind}"
    new: dict[nn.Module, nn.Module] = {}
    for module, path in paths(model).items():
        if isinstance(module, _BatchNorm):
            new[module] = take_hooks(_followed(_like(module, kind), _inside(module, path, operation)), module)
    if not new:
        sentence = _("{operation} cannot be applied to {model}: it has no batch norm.")
        raise refuse(sentence, operation=operation, model=type(model).__name__)
    return swap(model, new)


def insert_early(model: nn.Module, _value: str, flow: Flow | None) -> nn.Module:
    """See `patch_model`. Convolutions that put out single numbers, as those in gates, are not counted: one position of
    one image cannot be normalised.
    """
    convolutions, flow = _maps(model, "early-batch-norm", flow)
    names = paths(model)
    new: dict[nn.Module, nn.Module] = {}
    for conv in convolutions[: math.ceil(len(convolutions) / 2)]:
        if any(isinstance(use.module, NORMS) for use in flow.uses(conv)):
            continue
        if len(flow.uses(conv)) != flow.calls[conv]:
            raise refuse(
                _("early-batch-norm cannot be applied to {path}: its output goes to {count} places, not to one."),
                path=names[conv],
                count=len(flow.uses(conv)),
            )
        if not isinstance(conv._parameters.get("weight"), Tensor):
            raise _computed("early-batch-norm", names[conv])
        new[conv] = conv
    if not new:
        sentence = _(
            "early-batch-norm cannot be applied to {model}: the convolutions in its first half already have a norm."
        )
        raise refuse(sentence, model=type(model).__name__)
    return swap(model, {conv: _normed(conv) for conv in convolutions if conv in new})


def drop_deep(model: nn.Module, _value: str, flow: Flow | None) -> nn.Module:
    """See `patch_model`."""
    operation = "drop-deep-batch-norm"
    convolutions, flow = _maps(model, operation, flow)
    names = paths(model)
    half = math.ceil(len(convolutions) / 2)
    early, deep = convolutions[:half], convolutions[half:]
    pairs: list[tuple[Convolution, _BatchNorm]] = []
    left: dict[nn.Module, nn.Module] = {}
    for conv in deep:
        norm = next((use.module for use in flow.uses(conv) if isinstance(use.module, _BatchNorm)), None)
        if norm is None:
            continue
        rest = _inside(norm, names[norm], operation)
        if flow.goes_only_to(conv) is not norm:
            sentence = _("{operation} cannot be applied to {path}: its output goes to {count} places, not to one.")
            raise refuse(sentence, operation=operation, path=names[conv], count=len(flow.uses(conv)))
        if norm.running_mean is None or norm.running_var is None:
            sentence = _("{operation} cannot be applied to {path}: it has no running statistics to fold.")
            raise refuse(sentence, operation=operation, path=names[norm])
        if not isinstance(conv._parameters.get("weight"), Tensor) or not _is_plain(conv):
            raise _computed(operation, names[conv])
        if any(conv.weight is other.weight for other in convolutions if other is not conv):
            sentence = _("{operation} cannot be applied to {path}: it shares its weight with another layer.")
            raise refuse(sentence, operation=operation, path=names[conv])
        pairs.append((conv, norm))
        left[norm] = take_hooks(_followed(None, rest), norm)
    for gone in left:
        if flow.calls[gone] != sum(flow.calls[conv] for conv, own in pairs if own is gone):
            sentence = _("{operation} cannot be applied to {path}: it also follows other layers, which would lose it.")
            raise refuse(sentence, operation=operation, path=names[gone])
    if not left:
        behind = any(isinstance(use.module, _BatchNorm) for conv in early for use in flow.uses(conv))
        sentence = (
            _("{operation} cannot be applied to {model}: only convolutions in its first half have batch norms.")
            if behind
            else _("{operation} cannot be applied to {model}: no batch norm directly follows a convolution.")
        )
        raise refuse(sentence, operation=operation, model=type(model).__name__)
    for conv, norm in pairs:
        _fold(conv, norm)
    return swap(model, left)


def _maps(model: nn.Module, operation: str, flow: Flow | None) -> tuple[list[Convolution], Flow]:
    """The convolutions that put out maps, in the order in which they are called."""
    if flow is None:
        sentence = _(
            "{operation} cannot be applied to {model} without an example: give a batch, patch_model(model, operations, "
            "batch)."
        )
        raise refuse(sentence, operation=operation, model=type(model).__name__)
    found = [m for m in flow.order if isinstance(m, Convolution) and flow.positions.get(m, 1) > 1]
    if not found:
        sentence = _("{operation} cannot be applied to {model}: it has no convolution that outputs a feature map.")
        raise refuse(sentence, operation=operation, model=type(model).__name__)
    return found, flow


def _computed(operation: str, path: str) -> Exception:
    sentence = _("{operation} cannot be applied to {path}: its weight is computed from others.")
    return refuse(sentence, operation=operation, path=path)


def _is_plain(conv: Convolution) -> bool:
    """Whether what it puts out is proportional to its weight: torch's own, and timm's with TensorFlow's padding."""
    own = type(conv).forward in (nn.Conv1d.forward, nn.Conv2d.forward, nn.Conv3d.forward)
    return own or type(conv).__name__ == "Conv2dSame"


def _inside(norm: _BatchNorm, path: str, operation: str) -> list[tuple[str, nn.Module]]:
    """What a batch norm does after normalising: nothing, or timm's `drop` and `act`. Refused where it is not known."""
    if type(norm).forward in (_BatchNorm.forward, nn.SyncBatchNorm.forward) and not isinstance(norm, _LazyNormBase):
        return []
    children = dict(norm.named_children())
    if set(children) == {"drop", "act"}:
        return [(name, layer) for name, layer in children.items() if not isinstance(layer, nn.Identity)]
    sentence = _("{operation} cannot be applied to {path}: {kind} has a forward pass of its own.")
    raise refuse(sentence, operation=operation, path=path, kind=type(norm).__name__)


def _followed(norm: nn.Module | None, rest: list[tuple[str, nn.Module]]) -> nn.Module:
    """A norm with what follows it; the identity where there is neither."""
    layers = [*([("norm", norm)] if norm is not None else []), *rest]
    if not layers:
        return nn.Identity()
    return layers[0][1] if norm is not None and not rest else nn.Sequential(OrderedDict(layers))


def _like(batch: _BatchNorm, kind: str) -> nn.Module:
    """A group norm with a batch norm's gain and bias, the very parameters, so that an optimiser still knows them."""
    model = recipe.Model(norm="group" if kind == "group" else "layer")
    fresh = cnn.norm(model, batch.num_features)
    assert isinstance(fresh, nn.GroupNorm)
    fresh.eps, fresh.affine = batch.eps, batch.affine
    fresh.weight, fresh.bias = batch.weight, batch.bias
    return fresh


def _normed(conv: Convolution) -> nn.Module:
    weight = conv.weight
    norm = BATCH_NORMS[next(kind for kind in BATCH_NORMS if isinstance(conv, kind))](
        conv.out_channels, device=weight.device, dtype=weight.dtype
    ).requires_grad_(weight.requires_grad)
    if conv.bias is not None and norm.running_mean is not None:
        norm.running_mean.copy_(-conv.bias)
        conv.bias = None
    return nn.Sequential(OrderedDict([("conv", conv), ("norm", norm)]))


def _fold(conv: Convolution, norm: _BatchNorm) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    weight, bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    conv.weight.copy_(weight)
    if conv.bias is None:
        conv.bias = nn.Parameter(torch.empty_like(bias), requires_grad=conv.weight.requires_grad)
    conv.bias.copy_(bias)
