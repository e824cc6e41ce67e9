"""Losses from recipes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from netvet import recipe

Loss = Callable[[Tensor, Tensor], Tensor]


def build(loss: recipe.Loss, class_counts: Tensor) -> Loss:
    """The mean loss of a batch, in nats.

    `class_counts`: (classes,) training images of each class. The loss takes logits (batch, classes), which it turns to
    float32, and targets: class indices (batch,) int64, or probabilities (batch, classes), and gives a scalar. With
    indices and class weights it is the weighted mean, as torch has it.
    """
    weight = class_weights(loss, class_counts)

    def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
        w = None if weight is None else weight.to(logits.device)
        return F.cross_entropy(logits.float(), targets, w, label_smoothing=loss.label_smoothing)

    def focal(logits: Tensor, targets: Tensor) -> Tensor:
        w = None if weight is None else weight.to(logits.device)
        return focal_loss(logits, targets, loss.gamma, w, loss.label_smoothing)

    return focal if loss.name == "focal" else cross_entropy


def class_weights(loss: recipe.Loss, class_counts: Tensor) -> Tensor | None:
    """The weight of each class, (classes,) float32, or None where all weigh the same."""
    match loss.class_weights:
        case "balanced":
            return balanced_weights(class_counts)
        case "effective":
            return effective_weights(class_counts, loss.beta)
        case _:
            return None


def effective_weights(class_counts: Tensor, beta: float) -> Tensor:
    """Weights in proportion to 1 / effective number, (1 - beta) / (1 - beta^n) for n images of a class (Cui et al.
    2019, https://arxiv.org/abs/1901.05555); their mean over the training images is 1.

    With beta 0 all weigh the same; towards 1 it comes to `balanced_weights`. A class without images weighs 0.
    """
    counts = class_counts.to(torch.float64)
    number = (1 - beta**counts) / (1 - beta)
    raw = torch.where(counts > 0, 1 / number.clamp(min=1), torch.zeros_like(counts))
    return (raw * counts.sum() / (raw * counts).sum()).to(torch.float32)


def balanced_weights(class_counts: Tensor) -> Tensor:
    """Weights n / (classes * images of the class): their mean over the training images is 1.

    `class_counts`: (classes,). A class without images weighs 0 and is not counted. The scheme is scikit-learn's
    `balanced` (King & Zeng 2001).
    """
    counts = class_counts.to(torch.float32)
    present = counts > 0
    return torch.where(present, counts.sum() / (present.sum() * counts.clamp(min=1)), torch.zeros_like(counts))


def focal_loss(
    logits: Tensor, targets: Tensor, gamma: float, weight: Tensor | None = None, smoothing: float = 0.0
) -> Tensor:
    """-(1 - p)^gamma log p of the true class (Lin et al. 2017, https://arxiv.org/abs/1708.02002).

    It is linear in the targets.     With gamma 0 it is `cross_entropy`, weights and smoothing included. kornia's
    `focal_loss`, which the tests compare it with, knows class indices only, not the probabilities that mixup and
    smoothing make.
    """
    classes = logits.shape[1]
    log_p = F.log_softmax(logits.float(), dim=1)
    # 1 - p, kept off 0: there the power's slope is infinite for gamma below 1.
    rest = (-torch.expm1(log_p)).clamp(min=torch.finfo(torch.float32).tiny)
    shares = F.one_hot(targets, classes).to(log_p.dtype) if targets.ndim == 1 else targets.to(log_p.dtype)
    smooth = shares * (1 - smoothing) + smoothing / classes
    if weight is not None:
        smooth = smooth * weight
    total = -(smooth * rest.pow(gamma) * log_p).sum()
    if weight is not None and targets.ndim == 1:
        return total / weight[targets].sum()
    return total / logits.shape[0]
