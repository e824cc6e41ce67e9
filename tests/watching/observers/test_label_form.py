"""Labels of no class are counted, left out of validation, and refused in one sentence where they are no numbers."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netvet.base.errors import BadInput
from netvet.trace import Trace
from netvet.watching import watch
from netvet.watching.watcher import Watcher


def watched(out: Path, columns: int = 3) -> tuple[Watcher, nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, columns))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    return watch(model, optimizer, out=out), model, optimizer


def step(vet: Watcher, model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Any) -> None:
    loss = model(images).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    vet.step(loss=loss, labels=labels)


def test_images_without_a_label_are_left_out_of_validation(tmp_path: Path) -> None:
    vet, model, optimizer = watched(tmp_path)
    images, labels = torch.randn(8, 3, 2, 2), torch.tensor([0, 1, 2, -100, 0, 1, 2, -1])
    step(vet, model, optimizer, images, labels)
    found = vet.validate([(images, labels)])
    with torch.no_grad():
        wanted = F.cross_entropy(model(images)[labels >= 0], labels[labels >= 0])
    assert found["loss"] == pytest.approx(float(wanted), rel=1e-5)
    vet.close()
    trace = Trace.open(tmp_path)
    assert (trace.last("labels_seen"), trace.last("labels_none"), trace.last("val_labels_none")) == (8, 2, 2)


def test_rows_without_a_one_are_counted_and_are_of_no_class(tmp_path: Path) -> None:
    vet, model, optimizer = watched(tmp_path)
    rows = F.one_hot(torch.tensor([0, 1, 2, 2]), 3) * torch.tensor([1, 1, 0])
    step(vet, model, optimizer, torch.randn(4, 3, 2, 2), rows.float())
    vet.validate([(torch.randn(4, 3, 2, 2), rows)])
    vet.close()
    trace = Trace.open(tmp_path)
    assert trace.last("labels_without_a_one") == trace.last("val_labels_without_a_one") == 2
    assert trace.last("class_images", "0") == 1


def test_validation_without_any_label_is_refused(tmp_path: Path) -> None:
    vet, _model, _optimizer = watched(tmp_path)
    with pytest.raises(BadInput, match="No validation image has a label"):
        vet.validate([(torch.randn(2, 3, 2, 2), torch.tensor([-100, -100]))])


@pytest.mark.parametrize(("labels", "said"), [(["carp", "pike"], "type str"), (torch.tensor([0.5, 1.0]), "0.5")])
def test_labels_that_are_no_class_numbers_are_refused_in_a_sentence(tmp_path: Path, labels: Any, said: str) -> None:
    vet, model, optimizer = watched(tmp_path)
    with pytest.raises(BadInput, match=said):
        step(vet, model, optimizer, torch.randn(2, 3, 2, 2), labels)


def test_one_number_an_image_stands_for_two_classes(tmp_path: Path) -> None:
    vet, model, optimizer = watched(tmp_path, columns=1)
    images = torch.randn(64, 3, 2, 2)
    labels = (images.mean((1, 2, 3)) > 0).long()
    for _ in range(200):
        loss = F.binary_cross_entropy_with_logits(model(images)[:, 0], labels.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        vet.step(loss=loss, labels=labels)
    found = vet.validate([(images, labels)])
    assert found["accuracy"] > 0.9
    assert found["loss"] == pytest.approx(loss.item(), abs=0.02)
    vet.close()
    assert Trace.open(tmp_path).meta["loss_form"]["name"] == "binary cross-entropy with logits"
