"""Layers that do not train for a while: the last layer first, then the whole network."""

from __future__ import annotations

import torch
from torch import nn

from netvet.nets.models import classifier


def freeze(net: nn.Module, optimizer: torch.optim.Optimizer, *, frozen: bool) -> None:
    """Let the last layer alone train, or everything.

    Frozen layers keep their weights, and their norms use the running statistics and leave them as they are: the last
    layer then learns from the very features that the network came with. The rest follows once it gives sound gradients
    (Kumar et al. 2022, "Fine-tuning can distort pretrained features and underperform out-of-distribution",
    https://arxiv.org/abs/2202.10054).

    >>> net = nn.Sequential()
    >>> net.add_module("body", nn.BatchNorm2d(3))
    >>> net.add_module("head", nn.Linear(3, 2))
    >>> optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    >>> freeze(net, optimizer, frozen=True)
    >>> net.body.weight.requires_grad, net.body.training, net.head.weight.requires_grad, net.head.training
    (False, False, True, True)
    >>> freeze(net, optimizer, frozen=False)
    >>> net.body.weight.requires_grad, net.body.training
    (True, True)
    """
    net.requires_grad_(not frozen)
    net.train(not frozen)
    if frozen:
        net.training = True  # the network as a whole does train: whoever watches it asks here
        net.get_submodule(classifier(net)).requires_grad_(True).train()
    elif isinstance(optimizer, torch.optim.SGD):
        for group in optimizer.param_groups:
            for parameter in group["params"] if group["momentum"] else ():
                # torch's fused kernel stumbles where some have a momentum and others are at their first step
                optimizer.state[parameter].setdefault("momentum_buffer", torch.zeros_like(parameter))
