"""The mode of the loop's own passes; those of `vet.validate` are not among them."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from netvet.trace import Trace
from netvet.watching import watch
from tests.watching.loops import batches, net, plain, sgd

Check = Callable[[nn.Module], None]


def nothing(model: nn.Module) -> None:
    """No pass at all."""


def in_train_mode(model: nn.Module) -> None:
    with torch.no_grad():
        model(torch.ones(5, 3, 12, 12) * torch.arange(5).reshape(5, 1, 1, 1))


def in_eval_mode(model: nn.Module) -> None:
    model.eval()
    in_train_mode(model)
    model.train()


def of_training_images(model: nn.Module) -> None:
    with torch.no_grad():
        model(torch.cat([images for images, _labels in batches(3)])[3:17])


def as_update_bn(model: nn.Module) -> None:
    torch.optim.swa_utils.update_bn([(torch.randn(4, 3, 12, 12),)], model)


@pytest.mark.parametrize(
    ("check", "found"),
    [(nothing, 0), (in_train_mode, 5), (in_eval_mode, 0), (of_training_images, 0), (as_update_bn, 0)],
)
def test_images_that_go_through_in_train_mode_and_are_not_trained_on(check: Check, found: int, tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model)
    with watch(model, optimizer, out=tmp_path) as vet:
        for _epoch in range(2):
            plain(model, optimizer, vet.step)
            check(model)
            vet.validate(batches(1))
    trace = Trace.open(tmp_path)
    assert trace.series("train_checked").values.tolist() == [found] * 2
    assert trace.series("eval_trained").values.tolist() == [0, 0]
    assert trace.last("mode_layers") == 3


def test_pseudo_labels_between_the_steps_are_no_validation(tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model)
    with watch(model, optimizer, out=tmp_path) as vet:
        for at in range(10):
            with torch.no_grad():
                model(torch.full((4, 3, 12, 12), float(at)))
            plain(model, optimizer, vet.step, steps=1)
    assert Trace.open(tmp_path).last("train_checked") == 0


def test_eval_mode_left_on_is_counted(tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model)
    with watch(model, optimizer, out=tmp_path) as vet:
        plain(model, optimizer, vet.step)
        vet.validate(batches(1))
        with pytest.warns(RuntimeWarning, match="in training mode"):
            plain(model.eval(), optimizer, vet.step)
        vet.validate(batches(1))
        assert not model.training
    assert Trace.open(tmp_path).series("eval_trained").values.tolist() == [0, 1]
