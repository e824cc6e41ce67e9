"""Galleries: which images are chosen, that they are kept with the run, and that they belong to their finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from netvet.galleries import MOST, SIDE, Shot, galleries, missing, save, saved
from netvet.images.dataset import ImageSet
from netvet.rules import Finding
from netvet.trace import Trace, TraceWriter
from tests.exams.contexts import squares

Arrays = Mapping[str, NDArray[Any]]
PLACES = {"form_rows", "nearest_pairs", "quality_worst", "quality_usual", "augmented_rows", "augmented_images"}
ROWS = np.array([0, 4, 8, 12, 16, 20])  # of class a; one more is of class b, and so on
RECORDED: Mapping[str, Arrays] = {
    "label-noise": {
        "label_errors": np.arange(40),
        "label_suggested": np.full(40, 3),
        "label_wrong": np.linspace(0.99, 0.6, 40),
    },
    "look-alike-classes": {"nearest_pairs": np.stack([ROWS, ROWS + 1], axis=1)},
    "scattered-class": {"form_rows": np.stack([ROWS, [0, 0, 0, 1, 1, 0]], axis=1)},
    "low-quality-images": {"quality_worst": ROWS, "quality_usual": ROWS + 2},
    "harmful-augmentation": {
        "augmented_rows": np.stack([ROWS, np.full(6, 1), np.zeros(6, int)], axis=1),
        "augmented_images": np.full((6, 8, 8, 3), 7, np.uint8),
    },
}
SAID = {
    "label-noise": ["→ d", "wrong: 99%"],
    "look-alike-classes": ["a", "next to b"],
    "scattered-class": ["cluster 1"],
    "low-quality-images": ["dark", "low in contrast", "next to c"],
    "harmful-augmentation": ["plain: b", "augmented: a"],
}


def recorded(run: Path, rule: str, **meta: object) -> Trace:
    """A trace with what the exams of a rule keep for class a."""
    with TraceWriter(run) as writer:
        for name, values in RECORDED[rule].items():
            writer.add_array(0, name, values, "a" if name in PLACES else "")
        writer.add(0, "quality_blur", 0.1, "a")
        writer.add(0, "quality_flat", 0.85, "a")
        writer.add(0, "quality_dark", 0.9, "a")
        for key, value in meta.items():
            writer.meta(key, value)
    return Trace.open(run)


def hang_in(run: Path, rule: str, images: ImageSet, place: str = "a") -> Trace:
    trace = Trace.open(run)
    with TraceWriter(run) as writer:
        save(trace, images, [Finding("x", where=place, rule=rule)], writer)
    return Trace.open(run)


def shots(trace: Trace, rule: str, place: str = "a") -> list[Shot]:
    found = saved(trace, Finding("x", where=place, rule=rule))
    return [] if found is None else found[1]


def read(shot: Shot) -> list[str]:
    return [line.text.format(**line.values) for line in shot.lines]


def test_each_cause_that_the_tests_know_has_a_gallery() -> None:
    assert set(RECORDED) <= set(galleries())


@pytest.mark.parametrize("rule", RECORDED)
def test_few_images_of_the_class_with_what_is_said_of_them(rule: str, tmp_path: Path) -> None:
    images = squares()
    recorded(tmp_path, rule)
    found = shots(hang_in(tmp_path, rule, images), rule)
    assert 0 < sum(len(shot.images) for shot in found) <= MOST
    assert [read(found[0]), found[0].path] == [SAID[rule], "0.png"]
    for shot in found:
        row = int(shot.path.removesuffix(".png"))
        assert images.labels[row] == 0
        assert np.array_equal(shot.images[0], images.images[row])
    assert found[0].lines[0].text in (
        "→ {name}",
        "{name}",
        "dark",
        "plain: {name}",
        "cluster {n:.0f}",
    )  # to be translated where it is shown


def test_pairs_show_the_other_image_too(tmp_path: Path) -> None:
    images = squares()
    recorded(tmp_path / "alike", "look-alike-classes")
    pair = shots(hang_in(tmp_path / "alike", "look-alike-classes", images), "look-alike-classes")[0]
    assert np.array_equal(pair.images[1], images.images[1])
    recorded(tmp_path / "changed", "harmful-augmentation")
    pair = shots(hang_in(tmp_path / "changed", "harmful-augmentation", images), "harmful-augmentation")[0]
    assert (pair.images[1] == 7).all()


def test_label_errors_are_those_of_the_class_the_surest_first(tmp_path: Path) -> None:
    recorded(tmp_path, "label-noise")
    found = shots(hang_in(tmp_path, "label-noise", squares(), "b"), "label-noise", "b")
    assert [shot.path for shot in found] == [f"{row}.png" for row in range(1, 40, 4)]
    shares = [float(shot.lines[1].values["share"]) for shot in found]
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize("rule", RECORDED)
def test_nothing_is_shown_where_the_exams_kept_nothing(rule: str, tmp_path: Path) -> None:
    TraceWriter(tmp_path).close()
    trace = hang_in(tmp_path, rule, squares())
    assert shots(trace, rule) == []
    assert not missing(trace, [Finding("x", where="a", rule=rule)])  # and it is not asked for again


def test_a_gallery_belongs_to_its_finding_alone(tmp_path: Path) -> None:
    rule = "look-alike-classes"
    trace = recorded(tmp_path, rule)
    mine, others = Finding("x", where="a", rule=rule), Finding("x", where="b", rule=rule)
    assert missing(trace, [mine])
    trace = hang_in(tmp_path, rule, squares())
    assert saved(trace, mine) is not None
    assert saved(trace, others) is None
    assert saved(trace, replace(mine, rule="label-noise")) is None
    assert not missing(trace, [mine])
    assert missing(trace, [others])
    assert not missing(trace, [Finding("x", rule="dead-relu")])


def test_large_images_are_kept_small(tmp_path: Path) -> None:
    images = squares()
    large = replace(images, images=np.kron(images.images, np.ones((1, 20, 20, 1), np.uint8)))
    recorded(tmp_path, "low-quality-images")
    trace = hang_in(tmp_path, "low-quality-images", large)
    kept = trace.array("gallery", "low-quality-images")
    assert kept is not None
    assert kept.shape == (12, SIDE, SIDE, 3)


def test_rows_of_files_that_have_changed_show_nothing(tmp_path: Path) -> None:
    rule = "look-alike-classes"
    recorded(tmp_path, rule, data={"digest": "another"})
    assert shots(hang_in(tmp_path, rule, squares()), rule) == []
    recorded(tmp_path / "same", rule, data={"digest": "squares"})
    assert shots(hang_in(tmp_path / "same", rule, squares()), rule)


def test_an_exam_taken_again_takes_the_gallery_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from netvet import pipeline
    from tests.exams.contexts import recipe

    rule = "look-alike-classes"
    recorded(tmp_path, rule, recipe=recipe().model_dump(mode="json"))
    hang_in(tmp_path, rule, squares())
    monkeypatch.setattr("netvet.pipeline.run_exam", lambda _name, _context: "done")
    pipeline.run_exam_on("image-quality", tmp_path, squares())
    trace = Trace.open(tmp_path)
    assert shots(trace, rule) == []
    assert missing(trace, [Finding("x", where="a", rule=rule)])
