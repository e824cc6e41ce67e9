"""The page of an inspection: whole, loads nothing, and shows what a user named as text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netvet.audit import Inspection, inspect
from netvet.images.dataset import ImageSet
from netvet.images.sources import Rejected
from netvet.reef import Reef, render
from netvet.report import inspection
from tests.report.conftest import HOSTILE
from tests.report.test_html import Page, sections, sound


def image_set(names: tuple[str, ...], paths: str = "{i}.png", *, grouped: bool = True) -> ImageSet:
    """Rendered fish with wrong labels and copies across the split."""
    painted = render(Reef(species=len(names), n=30, noise=0.1, duplicates=0.4, blur=1.0, groups=2), 32)
    assert painted.groups is not None
    assert painted.split is not None
    groups = painted.groups.astype(np.str_) if grouped else None
    images = painted.images.copy()
    images[1] = images[0]
    return ImageSet(
        classes=names,
        images=images,
        labels=painted.labels,
        groups=groups,
        known_groups=groups,
        paths=tuple(paths.replace("{i}", str(i)) for i in range(len(images))),
        split=painted.split,
        rejected=(Rejected("broken.png", "zero bytes"),),
        notes=("A note.",),
        digest="",
    )


@pytest.fixture(scope="module")
def found() -> Inspection:
    return inspect(image_set(("Mola_mola", "b", "c", "d", "e")), features_from="handmade")


def test_every_section_is_there(found: Inspection) -> None:
    parsed = sound(inspection.render(found))
    assert sections(parsed) == {"labels", "duplicates", "quality", "splits", "classes", "mend"}
    text = " ".join(parsed.text)
    for sentence in ("Mola mola", "zero bytes", "A note.", "suspects.csv", "Exact copies", "blurred", "AUC"):
        assert sentence in text, sentence


def test_the_page_loads_and_runs_nothing(found: Inspection) -> None:
    text = inspection.render(found)
    parsed = sound(text)
    tags = {tag for tag, _ in parsed.tags}
    assert not tags & {"script", "link", "iframe", "object", "embed", "form", "base", "video", "audio"}
    assert not [name for _, attrs in parsed.tags for name in attrs if name.startswith("on")]
    assert all(src.startswith("data:image/webp;base64,") for src in parsed.values("src"))
    policy = next(attrs["content"] for _, attrs in parsed.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    assert all(attrs.get("alt") is not None for tag, attrs in parsed.tags if tag == "img")
    assert len(text) < 1_500_000


def test_what_a_user_named_is_shown_as_text(tmp_path: Path) -> None:
    every = " ".join(HOSTILE)
    images = replace(
        image_set(HOSTILE, every + "{i}"), rejected=tuple(Rejected(name, name) for name in HOSTILE), notes=HOSTILE
    )
    hostile = replace(inspect(images, features_from="handmade"), source=every)
    innocent = inspect(image_set(("a", "b", "c", "d", "e")), features_from="handmade")
    parsed, plain = sound(inspection.render(hostile)), Page(inspection.render(innocent))
    assert {tag for tag, _ in parsed.tags} <= {tag for tag, _ in plain.tags}
    assert {key for _, attrs in parsed.tags for key in attrs} <= {key for _, attrs in plain.tags for key in attrs}
    text = "".join(parsed.text)
    for name in HOSTILE:
        shown = name.encode("utf-8", "replace").decode().replace("\x1b", "\ufffd").replace("\u202e", "\ufffd")
        assert text.count(shown) >= 3, shown
    assert "\x1b" not in inspection.write(hostile, tmp_path).read_text(encoding="utf-8")


def test_without_features_and_without_anything_to_say() -> None:
    painted = render(Reef(species=2, n=40), 32)
    split = (np.arange(80) % 4 == 3).astype(np.int8)
    images = replace(
        image_set(("a", "b")), images=painted.images, labels=painted.labels, split=split, groups=None,
        known_groups=None, paths=tuple(map(str, range(80))), rejected=(), notes=(),
    )  # fmt: skip
    found = inspect(images, features_from="none")
    found = replace(found, quality=replace(found.quality, outliers=()))
    parsed = sound(inspection.render(found))
    assert "labels" not in sections(parsed)
    assert "splits" not in sections(parsed)
    assert "Nothing stands out." in " ".join(parsed.text)


def test_a_set_of_many_classes_stays_readable() -> None:
    painted = render(Reef(species=60, n=3), 16)
    split = (np.arange(180) % 3).astype(np.int8)
    images = replace(
        image_set(("a", "b")), classes=tuple(f"class_{i}" for i in range(60)), images=painted.images,
        labels=painted.labels, split=split, groups=None, known_groups=None, paths=tuple(map(str, range(180))),
    )  # fmt: skip
    text = inspection.render(inspect(images, features_from="handmade"))
    assert sound(text)
    assert len(text) < 1_500_000
