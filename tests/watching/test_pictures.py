"""Pictures are seen in what a network is fed, whatever their layout."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netvet.trace import Trace
from netvet.watching import watch
from netvet.watching.pictures import pictures


def test_rows_and_flat_pixels_are_the_pictures_that_they_were() -> None:
    images = torch.randn(5, 3, 8, 8)
    assert pictures(images) is images
    for seen in (pictures(images.flatten(1)), pictures(images[:, :1].flatten(1)), pictures(images[:, 0])):
        assert seen is not None
        assert torch.equal(seen[:, 0], images[:, 0])


def test_columns_of_a_table_are_no_picture() -> None:
    assert pictures(torch.randn(5, 30)) is None
    assert pictures(torch.randn(5, 4)) is None


def flat(out: Path, labels_of: Tensor, change: float = 1.0) -> Trace:
    """Four classes of flat pixels are learnt by a plain network; validation images are multiplied."""
    torch.manual_seed(0)
    labels = torch.arange(400) % 4
    images = torch.randn(400, 1, 8, 8)
    for k in range(4):
        images[labels == k, 0, 2 * k : 2 * k + 2] += 1.5
    images = images.flatten(1)
    model = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 4))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    with watch(model, optimizer, out=out) as vet:
        for part in torch.arange(300).split(50):
            loss = F.cross_entropy(model(images[part]), labels[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            vet.step(loss=loss, labels=labels[part])
        vet.validate([(images[300:] * change, labels[300:][labels_of])])
    return Trace.open(out)


def test_labels_of_flat_pixels_are_held_against_them(tmp_path: Path) -> None:
    trace = flat(tmp_path / "paired", torch.arange(100))
    assert trace.last("label_information", "validation") > 0.8
    trace = flat(tmp_path / "sorted", (torch.arange(300, 400) % 4).argsort())
    assert trace.last("label_information", "training") > 0.8
    assert trace.last("label_information", "validation") < 0.5


def test_flat_pixels_are_read_in_other_ways(tmp_path: Path) -> None:
    trace = flat(tmp_path, torch.arange(100), -1.0)
    assert trace.last("reading_accuracy", "as negatives") > trace.last("reading_accuracy", "as they are") + 0.5
