"""No function, class or constant of a module is left over: each is used by the house, its benchmarks, or is public."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
OTHERS = [*(ROOT / "benchmarks").rglob("*.py"), *(ROOT / "examples").glob("*.py"), ROOT / "scripts" / "locale"]
PUBLIC = "netvet.testing"  # for tests of leaves of one's own: what it gives is used outside
Name = tuple[str, str]  # a module and a name in it


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {_module(path): path for path in sorted((ROOT / "src").rglob("*.py"))}
TREES = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in SOURCES.items()}
PACKAGES = {module for module, path in SOURCES.items() if path.name == "__init__.py"}


def _defined(module: str) -> Iterator[str]:
    """What a module defines. What is decorated is registered somewhere (a dataclass is not), and a name with __ is
    Python's own.
    """
    for node in TREES[module].body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            if all("dataclass" in ast.unparse(each) for each in node.decorator_list):
                yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def _imported(tree: ast.Module, module: str) -> Iterator[tuple[str, Name]]:
    """What a module imports: the name it has there, and where it comes from."""
    package = module.split(".") if module in PACKAGES else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            yield from ((alias.asname or alias.name, (base, alias.name)) for alias in node.names)


HANDED_ON = {(module, name): origin for module in PACKAGES for name, origin in _imported(TREES[module], module)}


def _origin(name: Name) -> Name:
    """Where a name that packages hand on is defined."""
    for _ in range(5):
        name = HANDED_ON.get(name, name)
    return name


def _used(tree: ast.Module, module: str) -> Iterator[Name]:
    """Names that a module uses: imported ones (a package that hands one on does not use it), `alias.name`, its own."""
    imported = dict(_imported(tree, module))
    if module not in PACKAGES:
        yield from imported.values()
    for top in tree.body:
        for node in ast.walk(top):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in imported:
                yield ".".join(imported[node.value.id]), node.attr
            elif (
                isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id != getattr(top, "name", None)
            ):
                yield imported.get(node.id, (module, node.id))


def test_nothing_is_left_over() -> None:
    trees = [*((tree, module) for module, tree in TREES.items())]
    trees += [(ast.parse(path.read_text(encoding="utf-8")), path.stem) for path in OTHERS]
    used = {_origin(name) for tree, module in trees for name in _used(tree, module)}
    defined = {(module, name) for module in TREES for name in _defined(module) if not module.startswith(PUBLIC)}
    assert sorted(name for name in defined - used if not name[1].startswith("__")) == []
