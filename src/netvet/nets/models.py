"""Networks from recipes."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from netvet import recipe
from netvet.base.errors import BadInput
from netvet.locale import _
from netvet.nets.cnn import ConvNet
from netvet.nets.residual import PreActResNet, ResNet
from netvet.nets.surgery import patch_model
from netvet.nets.surgery.inputs import Normalised

OWN: dict[str, type[nn.Module]] = {"cnn": ConvNet, "resnet": ResNet, "preact-resnet": PreActResNet}


def build(model: recipe.Model, classes: int, image_size: int) -> nn.Module:
    """A network with initial weights drawn from torch's global generator (seed it before).

    Input: (batch, 3, image_size, image_size) float, normalised; output: (batch, classes) logits. Of a timm model,
    `depth`, `width`, `norm`, `activation`, `init`, `shortcut` and pooling are its own, and `dropout` is its
    `drop_rate`. Raises BadInput: no such model, one that does not take images of that size, or `spatial_dropout` of a
    timm model.
    """
    if model.name in OWN:
        return OWN[model.name](model, classes, image_size)
    return _timm(model, classes, image_size)


def patched(net: nn.Module, surgery: Sequence[str], image_size: int) -> nn.Module:
    """The network after a recipe's `surgery`. Raises BadInput where an operation cannot be made on it."""
    return patch_model(net, surgery, torch.zeros(1, 3, image_size, image_size)) if surgery else net


def classifier(net: nn.Module) -> str:
    """The path of the layer that gives the logits, such as `head`."""
    if isinstance(net, Normalised):
        return f"model.{classifier(net.get_submodule('model'))}"
    settings = getattr(net, "pretrained_cfg", None) or {}
    name = settings.get("classifier", "head")
    return name if isinstance(name, str) else str(name[0])


def _timm(model: recipe.Model, classes: int, image_size: int) -> nn.Module:
    import timm

    if not timm.is_model(model.name):
        close = difflib.get_close_matches(model.name, [*OWN, *timm.list_models()], n=3)
        hint = _(" (did you mean {names}?)").format(names=", ".join(close)) if close else ""
        raise BadInput(
            _("There is no model {name!r}{hint}; model.name takes cnn, resnet, preact-resnet or a timm model.").format(
                name=model.name, hint=hint
            )
        )
    if model.spatial_dropout:
        raise BadInput(
            _(
                "model.spatial_dropout is for netvet's own nets (cnn, resnet, preact-resnet); of the timm model {name} "
                "set model.dropout."
            ).format(name=model.name)
        )
    settings = timm.models.get_pretrained_cfg(model.name)
    options: dict[str, Any] = {"drop_rate": model.dropout} if model.dropout else {}
    if settings is not None and settings.fixed_input_size:
        options["img_size"] = image_size
    try:
        net: nn.Module = timm.create_model(model.name, pretrained=False, num_classes=classes, **options)
        net.eval()
        with torch.no_grad():
            shape = tuple(net(torch.zeros(1, 3, image_size, image_size)).shape)
    except (RuntimeError, AssertionError, ValueError, TypeError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise BadInput(
            _("The timm model {name} cannot be used at data.image_size {size}: {reason}.").format(
                name=model.name, size=image_size, reason=reason.rstrip(".")
            )
        ) from None
    if shape != (1, classes):
        raise BadInput(
            _("The timm model {name} is not an image classifier: its output has shape {shape}.").format(
                name=model.name, shape=shape
            )
        )
    return net.train()
