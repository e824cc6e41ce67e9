"""What an object knows is there from the start: no attribute is first set outside of `__init__`."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import netvet

HOUSE = Path(netvet.__file__).parent
SOURCES = sorted(path for path in HOUSE.rglob("*.py") if "self." in path.read_text(encoding="utf-8"))


def born_late(kind: ast.ClassDef) -> set[str]:
    """Attributes of `self` that a class sets, and neither declares nor sets in `__init__`."""
    declared = {
        each.target.id for each in kind.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    }
    declared |= {
        name.id
        for each in kind.body
        if isinstance(each, ast.Assign)
        for name in each.targets
        if isinstance(name, ast.Name)
    }
    methods = [each for each in kind.body if isinstance(each, ast.FunctionDef)]
    sets = {method.name: _sets(method) for method in methods}
    settable = {
        method.name for method in methods if any(ast.unparse(d).endswith(".setter") for d in method.decorator_list)
    }
    return set[str]().union(*sets.values()) - sets.get("__init__", set()) - declared - settable


def _sets(method: ast.FunctionDef) -> set[str]:
    stores = [each for each in ast.walk(method) if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)]
    return {each.attr for each in stores if isinstance(each.value, ast.Name) and each.value.id == "self"}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_no_attribute_is_born_outside_of_init(source: Path) -> None:
    kinds = [each for each in ast.walk(ast.parse(source.read_text(encoding="utf-8"))) if isinstance(each, ast.ClassDef)]
    assert {kind.name: late for kind in kinds if (late := born_late(kind))} == {}
