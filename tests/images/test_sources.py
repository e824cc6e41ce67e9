"""One `Source` for folders, tables, the reef and the hub: it knows its name, its files, and how it is read."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import netvet
from netvet.base.errors import BadInput
from netvet.images.sources import open_source
from netvet.pipeline import new_run

HOUSE = Path(netvet.__file__).parent


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("reef", "reef"),
        ("reef:species=6", "reef"),
        ("reef-photos/", "reef-photos"),
        ("reefs", "reefs"),
        ("data/fish.csv", "fish"),
        ("hf:beans", "hf"),
    ],
)
def test_a_run_is_called_as_its_source(source: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_source(source).name == name
    assert re.fullmatch(rf"{name}-inspection-[\d-]+", new_run(source, "inspection").name)


def test_a_folder_lists_its_files_and_decodes_them_at_any_size(tmp_path: Path) -> None:
    for label in ("pike", "perch"):
        (tmp_path / label).mkdir()
        Image.new("RGB", (32, 32), "teal").save(tmp_path / label / "a.png")
    source = open_source(str(tmp_path))
    assert source.count() == 2
    assert source.files() == {f"{label}/a.png": str(tmp_path / label / "a.png") for label in ("perch", "pike")}
    seen = source.pixels(["pike/a.png"], 24)
    assert seen is not None
    assert seen.shape == (1, 24, 24, 3)
    assert source.pixels(["pike/gone.png"], 24) is None


def test_the_reef_has_no_files_and_renders_at_any_size() -> None:
    source = open_source("reef:species=3,n=5")
    assert (source.count(), source.files()) == (15, None)
    raw = source.read(24, progress=False)
    assert np.array_equal(np.asarray(source.pixels(raw.paths[3:5], 24)), raw.images[3:5])


def test_the_hub_is_refused() -> None:
    source = open_source("hf:beans")
    assert (source.count(), source.files(), source.pixels(["a"], 8)) == (None, None, None)
    with pytest.raises(BadInput, match="hf:beans: datasets of the Hugging Face Hub are not supported yet"):
        source.read(8, progress=False)


def test_nothing_else_asks_how_a_source_begins() -> None:
    asks = re.compile(r"""[=!]= ?"(reef|hf):?"|startswith\(\(?"(reef|hf)""")
    assert [p.name for p in HOUSE.rglob("*.py") if asks.search(p.read_text(encoding="utf-8"))] == ["sources.py"]
