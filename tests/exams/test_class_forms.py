"""class-forms: a class of two colours is parted into these, one of one colour only by chance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from netvet.audit import features
from netvet.exams import ExamContext, _described, run_exam
from netvet.images.dataset import ImageSet
from netvet.trace import Trace
from tests.exams.contexts import admit, squares


def two_coloured() -> ImageSet:
    """Squares, of which every second one of class a has the colours of no other class."""
    images = squares(train=240, val=120)
    pixels, mine = images.images.copy(), np.flatnonzero(images.labels == 0)[::2]
    pixels[mine] = 255 - pixels[mine]
    return replace(images, images=pixels)


def asked_about_a(context: ExamContext) -> None:
    """Class a has the lowest AUC."""
    context.record.add(0, "val_auc", 0.6, "a")
    context.record.meta("classes", list(context.images.classes))
    context.record.flush()


@pytest.fixture(autouse=True)
def _described_by_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean colours of the quarters of an image, in the place of a pretrained network."""

    def described(images: ImageSet) -> NDArray[np.float32]:
        n, side = len(images.images), images.images.shape[1] // 2
        quarters = images.images.reshape(n, 2, side, 2, side, 3).mean(axis=(2, 4))
        return np.asarray(quarters.reshape(n, 12), np.float32)

    monkeypatch.setattr(_described, "described", described)
    monkeypatch.setattr(features, "weights_there", lambda: True)


def test_two_forms_of_a_class_are_found(tmp_path: Path) -> None:
    images = two_coloured()
    context = admit(tmp_path, images=images)
    asked_about_a(context)
    said = run_exam("class-forms", context)
    trace = Trace.open(tmp_path)
    assert said.startswith("The images of a fall into 2 clusters")
    assert trace.last("form_count", "a") == 2
    assert trace.last("form_chance", "a") == 0
    assert trace.last("form_distance", "a") > 1.65 * trace.last("form_usual", "a")
    rows = trace.array("form_rows", "a")
    assert rows is not None
    dark = images.images[rows[:, 0]].mean(axis=(1, 2))[:, 0] < 128
    assert {len(set(dark[rows[:, 1] == form])) for form in (0, 1)} == {1}


def test_one_form_is_no_more_than_chance(tmp_path: Path) -> None:
    images = squares(train=240, val=120)
    context = admit(tmp_path, images=images)
    asked_about_a(context)
    run_exam("class-forms", context)
    assert not Trace.open(tmp_path).last("form_chance", "a") <= 0.05


def test_without_the_weights_nothing_is_said_of_forms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netvet.exams.class_forms.weights_there", lambda: False)
    assert "not installed" in run_exam("class-forms", admit(tmp_path))
    assert not Trace.open(tmp_path).places("form_count")
