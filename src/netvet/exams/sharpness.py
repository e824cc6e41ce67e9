"""Sharpness: the curvature of the loss at the start and the end of the run, against what its steps can bear.

## What it does
Takes the largest eigenvalue of the loss' Hessian by power iteration: Hessian-vector products by differentiating
twice, at most 12 of them, until two estimates agree within 2 %. On one fixed batch of at most 64 clean training
images, in training mode (batch norm with the batch's own statistics, as the optimiser feels it; dropout off), in
float32; at the run's initial weights and at its last. For Adam and AdamW the Hessian is preconditioned as the update
is: with P = sqrt(mean squared gradient of 8 batches at the same weights) + 1e-8, the eigenvalue is that of P^-1/2 H
P^-1/2. The run's own second moments are not kept, so this is an estimate of what they were.

## What it gives
`sharpness` (places `first` and `last`): the eigenvalue. `sharpness_limit`: above it a step at the run's highest
learning rate overshoots along the steepest direction: 2 (1 + momentum) / lr for SGD with torch's heavy-ball momentum,
and 2 (1 + 0.9) / ((1 - 0.9) lr) = 38 / lr for Adam, whose momentum is a mean.

## What it decides
Whether the learning rate can be raised at all. Batches differ and networks flatten where steps are too long, so a
sharpness somewhat above the limit is no illness; one far below it leaves room for longer steps.

## References
Cohen et al. 2021, Gradient descent on neural networks typically occurs at the edge of stability, https://arxiv.org/abs/2103.00065
Cohen et al. 2022, Adaptive gradient methods at the edge of stability, https://arxiv.org/abs/2207.14484
Pearlmutter 1994, Fast exact multiplication by the Hessian, https://doi.org/10.1162/neco.1994.6.1.147
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from netvet.base.observed import Observed
from netvet.base.words import numeral
from netvet.exams import ExamContext, exam
from netvet.exams._scratch import ScratchModel, scratch_model
from netvet.locale import _

IMAGES = 64
PRODUCTS = 12
AGREE = 0.02
MOMENTS = 8  # batches
PLACES: tuple[Literal["first", "last"], ...] = ("first", "last")


@exam(
    "sharpness",
    gives={"sharpness": Observed("", "largest eigenvalue"), "sharpness_limit": Observed()},
    cost="24 Hessian-vector products",
)
def run_exam(context: ExamContext) -> str:
    """Measure the sharpness of a context."""
    found: dict[str, float] = {}
    for place in PLACES:
        with scratch_model(context, weights=place) as net:
            if net is None:
                continue
            value = _measure(context, net)
        if math.isfinite(value):
            found[place] = value
            context.record.add(0, "sharpness", value, place)
    settings = context.recipe.optimizer
    limit = (2 * (1 + settings.momentum) if settings.name == "sgd" else 38.0) / settings.lr
    context.record.add(0, "sharpness_limit", limit)
    if not found:
        return _("The loss has no finite curvature at the run's weights.")
    listed = ", ".join(f"{place}: {numeral(value, '.3g')}" for place, value in found.items())
    text = _("Sharpness at the run's weights: {listed}; at its learning rate, steps overshoot above about {limit:.3g}.")
    return text.format(listed=listed, limit=limit)


def largest(loss: Tensor, parameters: Sequence[Tensor], scale: Sequence[Tensor] | None = None, seed: int = 0) -> float:
    """Largest eigenvalue, by magnitude, of the Hessian of a 0-dim loss; `scale`: D of D H D, by parameter."""
    grads = torch.autograd.grad(loss, parameters, create_graph=True)
    generator = torch.Generator().manual_seed(seed)
    vector = [torch.randn(p.shape, generator=generator).to(p) for p in parameters]
    value = math.inf
    for _product in range(PRODUCTS):
        size = torch.stack([v.norm() for v in vector]).norm()
        if not 0 < float(size) < math.inf:
            return float(size)
        vector = [v / size for v in vector]
        inner = vector if scale is None else [d * v for d, v in zip(scale, vector, strict=True)]
        product = torch.autograd.grad(grads, parameters, grad_outputs=inner, retain_graph=True, materialize_grads=True)
        outer = product if scale is None else [d * v for d, v in zip(scale, product, strict=True)]
        before, value = value, float(sum((v * u).sum() for v, u in zip(vector, outer, strict=True)))
        if abs(value - before) <= AGREE * abs(value):
            break
        vector = [v.detach() for v in outer]
    return value


def _measure(context: ExamContext, net: ScratchModel) -> float:
    for module in net.model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.eval()
    parameters = [p for p in net.model.parameters() if p.requires_grad]
    scale = None if context.recipe.optimizer.name == "sgd" else _preconditioner(net, parameters)
    rows = context.images.indices("train")
    images, labels = net.pictures(rows[:: max(1, len(rows) // IMAGES)][:IMAGES])
    return largest(net.loss(images, labels, exact=True), parameters, scale)


def _preconditioner(net: ScratchModel, parameters: Sequence[Tensor]) -> list[Tensor]:
    """P^-1/2 of Adam's diagonal preconditioner, by parameter."""
    squares = [torch.zeros_like(p) for p in parameters]
    for step in range(MOMENTS):
        loss = net.loss(*net.batch(step), exact=True)
        for square, grad in zip(squares, torch.autograd.grad(loss, parameters, materialize_grads=True), strict=True):
            square.addcmul_(grad, grad, value=1 / MOMENTS)
    return [(square.sqrt() + 1e-8).rsqrt() for square in squares]
