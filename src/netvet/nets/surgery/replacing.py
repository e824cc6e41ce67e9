"""Layers put in the place of others."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from netvet.base.errors import BadInput

HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
)


def swap(model: nn.Module, new: Mapping[nn.Module, nn.Module]) -> nn.Module:
    """Put each new layer wherever the old one stands, and return the model (a new one where it was itself replaced).

    The new layer gets the old one's mode. A layer that stands in several places, under several names, is replaced in
    each.
    """
    known = list(model.modules())
    for old, fresh in new.items():
        for module in set(fresh.modules()).difference(known):
            module.training = old.training
    for parent in known:
        for name, child in list(parent._modules.items()):
            if child is not None and child in new:
                parent._modules[name] = new[child]
    return new.get(model, model)


def take_hooks(fresh: nn.Module, old: nn.Module) -> nn.Module:
    """Give a layer the hooks of the one that it replaces; the handles that were given for them still remove them."""
    for name in HOOKS:
        setattr(fresh, name, getattr(old, name))
    fresh._is_full_backward_hook = old._is_full_backward_hook
    return fresh


def paths(model: nn.Module) -> dict[nn.Module, str]:
    """Each layer's path, such as `features.3`; the first where it has several."""
    return {module: path or type(module).__name__ for path, module in model.named_modules()}


def refuse(sentence: str, **values: object) -> BadInput:
    """The exception for an operation that cannot be made."""
    return BadInput(sentence.format(**values))
