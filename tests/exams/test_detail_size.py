"""detail-size: the receptive field is the formula's, and a detail that a smaller size loses is found to be lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import nn

from netvet import recipe
from netvet.audit import features
from netvet.exams import run_exam
from netvet.exams.detail_size import receptive_field
from netvet.images.dataset import load
from netvet.nets.cnn import plan
from netvet.nets.models import build
from netvet.trace import Trace
from tests.exams.contexts import admit

CLASSES = ("fine", "other", "plain")


def formula(model: recipe.Model, size: int) -> int:
    """Of a plain stack: each kernel adds (kernel - 1) times the product of the strides before it."""
    field, jump = 1, 1
    for place in plan(model, size):
        field += 2 * jump
        jump *= place.stride
        if place.pool:
            field += jump
            jump *= 2
    return field


@pytest.mark.parametrize(
    "changes",
    [
        {"depth": 1},
        {"depth": 2},
        {"depth": 4, "pool_every": 2},
        {"depth": 5},
        {"depth": 5, "pooling": "average", "norm": "group", "activation": "gelu"},
        {"depth": 5, "pooling": "stride", "norm_after": "none", "activation": "tanh"},
        {"depth": 6, "shortcut": "residual", "norm": "layer", "pool_every": 2, "init": "constant"},
    ],
)
def test_the_receptive_field_is_the_formula_s(changes: dict[str, object]) -> None:
    model = recipe.Model.model_validate({"width": 4, **changes})
    assert receptive_field(build(model, 3, 64), 64) == formula(model, 64)


def test_the_receptive_field_of_the_whole_image() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 2, 1), nn.Flatten())
    assert receptive_field(net, 16) == 1  # the second convolution follows the global pooling
    assert receptive_field(nn.Sequential(nn.Conv2d(3, 4, 16), nn.Flatten(), nn.Linear(4, 2)), 16) == 16


def test_measuring_it_leaves_the_network_as_it_is() -> None:
    net = build(recipe.Model(depth=3, width=4), 3, 32)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    receptive_field(net, 32)
    assert net.training
    assert all((before[name] == value).all() for name, value in net.state_dict().items())


def striped(folder: Path, count: int = 40, side: int = 32) -> None:
    """Files of three classes: `fine` and `plain` differ in stripes of 2.3 pixels alone, `other` in its colour."""
    random = np.random.default_rng(0)
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = np.full((side, side, 3), (150.0, 60.0, 60.0) if name == "other" else (90.0, 90.0, 90.0))
            pixels += random.normal(0, 12, (side, side, 3))
            if name == "fine":
                pixels += 26 * np.sin(2 * np.pi * (np.arange(side) / 2.3 + random.random()))[None, :, None]
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name / f"{number}.png")


def test_a_detail_that_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "weights_there", lambda: False)
    striped(tmp_path / "data")
    images = load(str(tmp_path / "data"), image_size=16, val=0.3)
    changes = {"data.source": str(tmp_path / "data"), "data.image_size": 16, "data.val": 0.3}
    context = admit(tmp_path / "run", changes, images=images, steps=2)
    context.record.meta("classes", list(CLASSES))
    context.record.add_array(0, "val_confusion", np.array([[2, 0, 10], [0, 12, 0], [5, 0, 7]]))
    for name, value in zip(CLASSES, (0.55, 0.99, 0.8), strict=True):
        context.record.add(0, "val_auc", value, name)
    context.record.flush()
    sentence = run_exam("detail-size", context)
    trace = Trace.open(tmp_path / "run")
    assert trace.places("detail_same") == ["fine"]  # no class is stuck by the limits: the lowest AUC
    assert trace.last("detail_class", "fine") == 2
    assert trace.last("detail_same", "fine") < 0.8
    assert trace.last("detail_double", "fine") > 0.95
    assert trace.last("stored_side", "fine") == 32
    assert trace.last("receptive_field") == formula(context.recipe.model, 16)
    assert sentence.startswith("Features of the images separate fine from plain with an AUC of 0.")
    assert sentence.endswith("The receptive field of the last convolution is 7 pixels, of the 16 of an image.")
