"""Generated images in the report: beside real ones, with what was decided; and whatever a trace may hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from netvet.report import Report, html
from netvet.report.generated import MOST, paintings
from netvet.rules import Diagnosis
from netvet.trace import Trace
from tests.report.conftest import HOSTILE


def trace(arrays: dict[tuple[str, str], NDArray[Any]], meta: object) -> Trace:
    return Trace([], arrays=arrays, meta={"generated": meta, "classes": ["a", "b"]})


def page(found: Trace) -> str:
    return html.render(Report(Path("runs/x"), None, found, Diagnosis((), {}, "healthy")))


def flat(count: int) -> NDArray[np.uint8]:
    return np.full((count, 8, 8, 3), 90, np.uint8)


def test_real_and_generated_images_stand_side_by_side() -> None:
    meta = {"classes": {"red_fish": {"used": 9, "told": "9 images of red_fish are used for training."}}}
    found = trace({("generated", "red_fish"): flat(9), ("generated_beside", "red_fish"): flat(2)}, meta)
    (painting,) = paintings(found)
    assert [picture.lines[0] for picture in painting.pictures][:5] == ["real", "generated"] * 2 + ["generated"]
    assert len(painting.pictures) == 2 + MOST
    text = page(found)
    assert text.count("data:image/webp") == 2 + MOST
    assert 'id="generated"' in text
    assert "9 images of red_fish are used for training." in text


def test_what_was_refused_is_told_without_pictures_too() -> None:
    text = page(
        trace({}, {"classes": {"a": {"used": 0, "told": "No generated images of a are used for training: why."}}})
    )
    assert "No generated images of a are used for training: why." in text


@pytest.mark.parametrize("meta", [None, 3, {}, {"classes": 4}, {"classes": {"a": None}}])
def test_where_nothing_was_painted_there_is_no_section(meta: object) -> None:
    assert 'id="generated"' not in page(trace({}, meta))


def test_odd_arrays_and_names_do_no_harm() -> None:
    classes = {name: {"told": name} for name in HOSTILE}
    arrays: dict[tuple[str, str], NDArray[Any]] = {
        ("generated", name): np.zeros((3, 4), np.float32) for name in HOSTILE
    }
    text = page(trace(arrays, {"classes": classes}))
    assert "<script" not in text
    assert "<img" not in text
