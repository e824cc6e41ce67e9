"""Thumbnails: whether images come again as they were, and what simple features tell."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netvet.trace import Trace
from netvet.watching import watch


def watched(out: Path, *, augment: float = 0.0, epochs: int = 2, images: int = 64, new: int = 0) -> Trace:
    """The trace of a small loop, whose images are noise and their class; `augment`: noise added anew each time. It
    validates on its training images, or on so many `new` ones.
    """
    torch.manual_seed(0)
    labels = torch.arange(images) % 4
    pixels = torch.randn(images, 3, 16, 16) + labels[:, None, None, None]
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 4))
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    vet = watch(model, optimizer, out=out)
    others = torch.randn(new, 3, 16, 16) + (torch.arange(new) % 4)[:, None, None, None]

    def loader(shuffled: bool) -> list[tuple[Tensor, Tensor]]:
        order = torch.randperm(images) if shuffled else torch.arange(images)
        fed = pixels + augment * torch.randn_like(pixels) if shuffled else pixels
        return [(fed[order[i : i + 16]], labels[order[i : i + 16]]) for i in range(0, images, 16)]

    for _ in range(epochs):
        for x, y in loader(shuffled=True):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            vet.step(loss=loss, labels=y)
        vet.validate([(others, torch.arange(new) % 4)] if new else loader(shuffled=False))
    vet.diagnose()
    vet.close()
    return Trace.open(out)


def test_images_that_come_again_are_told_from_augmented_ones(tmp_path: Path) -> None:
    assert watched(tmp_path / "plain", augment=0.0).last("repeated_images") == pytest.approx(1.0)
    assert watched(tmp_path / "augmented", augment=0.1).last("repeated_images") == 0.0


def test_nothing_is_said_of_one_epoch(tmp_path: Path) -> None:
    assert not watched(tmp_path, augment=0.0, epochs=1).places("repeated_images")


def test_what_colours_and_edges_tell(tmp_path: Path) -> None:
    trace = watched(tmp_path, augment=0.0)
    assert trace.last("label_information", "training") > 0.9
    assert trace.last("label_information", "across") > 0.9


def test_validation_images_that_are_in_training_are_counted(tmp_path: Path) -> None:
    assert watched(tmp_path / "copied").last("leaked_by_look", "val") == pytest.approx(1.0)
    assert watched(tmp_path / "apart", new=64).last("leaked_by_look", "val") == 0.0


def test_few_validation_images_say_nothing_of_leakage(tmp_path: Path) -> None:
    assert not watched(tmp_path, new=48).places("leaked_by_look")
