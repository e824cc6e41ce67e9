"""The plan of docs/architecture.md is the plan of the code: every import of every part, late ones too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import netvet

HOUSE = Path(netvet.__file__).parent
PLAN = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
FLOORS = [re.split(r" {2,}", line.strip()) for line in PLAN.splitlines() if line.startswith("    ")]
HEAVY = {"torch", "torchvision", "timm", "torchmetrics"}
FRONT = {"cli", "__init__", "__main__"}  # where a late import keeps the command line, or `import netvet`, fast


@dataclass(frozen=True)
class Import:
    """An import of `target` in the module `source`; `late`: inside a function, `typing`: for type checkers alone."""

    source: str
    target: str
    line: int
    late: bool
    typing: bool


def _name(path: Path) -> str:
    parts = path.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): path for path in sorted(HOUSE.rglob("*.py"))}


def imports(path: Path) -> Iterator[Import]:
    """Every import of a file, a name that is a module counted as that module."""
    tree, source = ast.parse(path.read_text(encoding="utf-8")), _name(path)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    late = {id(inner) for function in functions for inner in ast.walk(function)}
    guards = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    typing = {id(inner) for guard in guards for each in guard.body for inner in ast.walk(each)}
    package = source.split(".") if path.name == "__init__.py" else source.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for target in _targets(node, package):
                yield Import(source, target, node.lineno, id(node) in late, id(node) in typing)


def _targets(node: ast.Import | ast.ImportFrom, package: list[str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    above = package[: len(package) - node.level + 1] if node.level else []
    base = ".".join([*above, *filter(None, [node.module])])
    return [f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base for alias in node.names]


IMPORTS = [each for path in MODULES.values() for each in imports(path)]
INTERNAL = [each for each in IMPORTS if each.target.split(".")[0] == "netvet"]


def _part(module: str) -> str:
    """`netvet.rules.signal.dead_relu` is of the part `rules`; the package itself of `__init__`."""
    return [*module.split("."), "__init__"][1]


def _floors() -> dict[str, int]:
    """Part -> its floor, 0 at the top. The words that say what a floor is for begin after the parts' names."""
    known = {_part(module) for module in MODULES}
    return {name: floor for floor, line in enumerate(FLOORS) for name in line if name in known}


def _around(module: str) -> Iterator[str]:
    """A module and the packages it lies in, which are loaded with it."""
    parts = module.split(".")
    yield from (".".join(parts[:i]) for i in range(2, len(parts) + 1))


def _with_torch() -> set[str]:
    """The modules that load torch when they are loaded."""
    loaded = [each for each in IMPORTS if not each.late and not each.typing]
    found = {each.source for each in loaded if each.target.split(".")[0] in HEAVY}
    while True:
        more = {each.source for each in loaded if found & set(_around(each.target)) - set(_around(each.source))}
        more |= {module for module in MODULES if found & set(_around(module))}
        if more <= found:
            return found
        found |= more


def test_every_part_has_its_floor() -> None:
    assert set(_floors()) == {_part(module) for module in MODULES}


@pytest.mark.parametrize("part", sorted({_part(module) for module in MODULES}))
def test_a_part_imports_from_lower_floors_alone(part: str) -> None:
    floors = _floors()
    wrong = [
        each
        for each in INTERNAL
        if _part(each.source) == part != _part(each.target)
        and floors[_part(each.target)] <= floors[part]
        and each.target != "netvet"  # its version
    ]
    assert wrong == []


def test_a_private_module_is_imported_by_its_own_package_alone() -> None:
    def owner(module: str) -> str | None:
        parts = module.split(".")
        first = next((i for i, part in enumerate(parts) if part.startswith("_") and part[1:2] != "_"), None)
        return None if first is None else ".".join(parts[:first])

    strangers = [each for each in INTERNAL if (home := owner(each.target)) and not each.source.startswith(home)]
    assert strangers == []


def test_a_late_import_keeps_torch_out() -> None:
    """Inside a function stands only what would bring torch into a module without it, and what the front puts off."""
    heavy = _with_torch()
    needless = [
        each
        for each in INTERNAL
        if each.late
        and _part(each.source) not in FRONT
        and (each.source in heavy or not heavy & set(_around(each.target)))
    ]
    assert needless == []
