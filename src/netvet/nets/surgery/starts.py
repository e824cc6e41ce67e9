"""Weights drawn anew."""

from __future__ import annotations

import math
from collections import Counter

from torch import Tensor, nn

from netvet.locale import _
from netvet.nets.first_weights import draw
from netvet.nets.surgery.flow import Flow
from netvet.nets.surgery.replacing import paths, refuse

WEIGHT_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)
GAINS: dict[type[nn.Module], float] = {nn.Tanh: 5 / 3, nn.Sigmoid: 1.0, nn.SELU: 1.0}
RECTIFIER = math.sqrt(2)


def redraw(model: nn.Module, kind: str, flow: Flow | None) -> nn.Module:
    """See `patch_model`; the standard deviations are those of `netvet.nets.cnn.initialise`.

    The gain is that of the activation of which the model has most. The last layer starts at a tenth of 1 / sqrt(fan),
    for a first loss near ln(classes); without an example the last is the one that was registered last.
    """
    found = [module for module in (flow.order if flow else model.modules()) if isinstance(module, WEIGHT_LAYERS)]
    if not found:
        sentence = _("init={kind} cannot be applied to {model}: it has no convolution and no linear layer.")
        raise refuse(sentence, kind=kind, model=type(model).__name__)
    for module, path in paths(model).items():
        if isinstance(module, WEIGHT_LAYERS) and not isinstance(module._parameters.get("weight"), Tensor):
            sentence = _("init={kind} cannot be applied to {path}: its weight is computed from others.")
            raise refuse(sentence, kind=kind, path=path)
    gain = _gain(model)
    drawn: set[Tensor] = set()
    for module in found:
        assert isinstance(module.weight, Tensor)
        if module.weight.requires_grad and module.weight not in drawn:
            drawn.add(module.weight)
            draw(module.weight, kind, gain, last=module is found[-1])
        if module.bias is not None and module.bias.requires_grad:
            nn.init.zeros_(module.bias)
    for module in model.modules():
        if isinstance(module, NORMS) and all(p.requires_grad for p in module.parameters(recurse=False)):
            module.reset_parameters()
    return model


def _gain(model: nn.Module) -> float:
    kinds = Counter(type(m) for m in model.modules() if type(m).__module__ == "torch.nn.modules.activation")
    return GAINS.get(kinds.most_common(1)[0][0], RECTIFIER) if kinds else RECTIFIER
