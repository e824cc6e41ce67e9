"""Files are whole or not there, and JSON is strict: one piece for each, which the whole house uses."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

import netvet
from netvet.base.files import put, whole
from netvet.base.jsonsafe import jsonsafe

HOUSE = Path(netvet.__file__).parent


def test_a_file_that_fails_half_way_leaves_the_earlier_one(tmp_path: Path) -> None:
    path = put(tmp_path / "page.html", "earlier")
    with pytest.raises(TypeError), whole(path) as file:
        file.writelines([b"half of", None])  # type: ignore[list-item]
    assert path.read_text(encoding="utf-8") == "earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_the_text_is_utf_8(tmp_path: Path) -> None:
    assert put(tmp_path / "a", "±µ").read_bytes() == "±µ".encode()


def test_nothing_writes_beside_and_renames_on_its_own() -> None:
    beside = re.compile(r"""[+(] ?"\.part"|mkstemp|NamedTemporaryFile|os\.replace""")
    assert [p.name for p in HOUSE.rglob("*.py") if beside.search(p.read_text(encoding="utf-8"))] == ["files.py"]


def test_what_json_cannot_hold_becomes_null() -> None:
    tree = {"a": [math.nan, -math.inf, 1.5], 2: (True, None, "nan"), "path": Path("x")}
    assert jsonsafe(tree) == {"a": [None, None, 1.5], "2": [True, None, "nan"], "path": "x"}


def test_numbers_of_numpy_stay_numbers() -> None:
    text = json.dumps(jsonsafe([np.float32(0.5), np.float64("nan"), np.int64(3)]), allow_nan=False)
    assert text == "[0.5, null, 3]"


def test_nothing_makes_json_safe_on_its_own() -> None:
    found = [
        path.name
        for path in HOUSE.rglob("*.py")
        if re.search(r"isinstance\(value, (list \| tuple|\(list, tuple\))\)", path.read_text(encoding="utf-8"))
    ]
    assert found == ["jsonsafe.py"]
