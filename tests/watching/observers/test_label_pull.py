"""Which way a loss pushes the class of the label is read off its gradient, whatever the loss."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from netvet.trace import Trace
from netvet.watching import watch
from tests.watching.loops import batches, net, sgd

Loss = Callable[[Tensor, Tensor], Tensor]


def focal(output: Tensor, labels: Tensor) -> Tensor:
    loss = F.cross_entropy(output, labels, reduction="none")
    return ((1 - (-loss).exp()) ** 2 * loss).mean()


def turned(output: Tensor, labels: Tensor) -> Tensor:
    """Focal loss whose factor is the share itself, so that likely classes count and unlikely ones fall."""
    loss = F.cross_entropy(output, labels, reduction="none")
    return ((-loss).exp() ** 2 * loss).mean()


def hinge(output: Tensor, labels: Tensor) -> Tensor:
    return F.multi_margin_loss(output, labels)


def smoothed(output: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(output, labels, label_smoothing=0.3)


def likelihood(output: Tensor, labels: Tensor) -> Tensor:
    """Of raw outputs: the label's rises, and nothing falls."""
    return F.nll_loss(output, labels)


def divergence(output: Tensor, labels: Tensor) -> Tensor:
    wanted = torch.full_like(output, 0.05).scatter_(1, labels[:, None], 0.8)
    return F.kl_div(output, wanted, reduction="batchmean")


def pushed(loss_of: Loss, out: Path, name: str = "label_pushed") -> float:
    torch.manual_seed(0)
    model = net()
    optimizer = sgd(model)
    with watch(model, optimizer, out=out) as vet:
        for images, labels in batches(4):
            loss = loss_of(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            vet.step(loss=loss, labels=labels)
    return Trace.open(out).series(name).first


@pytest.mark.parametrize("loss", [F.cross_entropy, focal, hinge, smoothed])
def test_a_sound_loss_never_pushes_the_label_down(loss: Loss, tmp_path: Path) -> None:
    assert pushed(loss, tmp_path) == 0


def test_a_turned_loss_pushes_it_down(tmp_path: Path) -> None:
    assert pushed(turned, tmp_path) > 0.95


@pytest.mark.parametrize("loss", [F.cross_entropy, focal, hinge, smoothed])
def test_a_sound_loss_pushes_the_wrong_answer_down(loss: Loss, tmp_path: Path) -> None:
    assert pushed(loss, tmp_path, "answer_pushed") == 1
    assert Trace.open(tmp_path).last("pushed_images") > 0


@pytest.mark.parametrize("loss", [likelihood, divergence])
def test_a_loss_of_probabilities_pushes_no_raw_output_down(loss: Loss, tmp_path: Path) -> None:
    assert pushed(loss, tmp_path, "answer_pushed") == 0
