"""Every sentence of a refusal is one that can be translated."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import netvet

HOUSE = Path(netvet.__file__).parent
SOURCES = sorted(path for path in HOUSE.rglob("*.py") if "BadInput(" in path.read_text(encoding="utf-8"))
TRANSLATE = {"_", "ngettext"}
REFUSALS = {"BadInput", "refuse"}  # `refuse(sentence, **values)` makes a BadInput


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def translated(node: ast.expr, scope: ast.AST, module: ast.Module) -> bool:
    """Whether an argument is a translated sentence, `.format` of one, an error's own text, or a name or a function of
    the module that stands for these alone.
    """
    if isinstance(node, ast.IfExp):
        return translated(node.body, scope, module) and translated(node.orelse, scope, module)
    if isinstance(node, ast.Name):
        given = [
            each.value for each in ast.walk(scope) if isinstance(each, ast.Assign) and _name(each.targets[0]) == node.id
        ]
        parameters = {each.arg for each in ast.walk(scope) if isinstance(each, ast.arg)}
        return node.id in parameters or (bool(given) and all(translated(each, scope, module) for each in given))
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute):
        return node.func.attr == "format" and translated(node.func.value, scope, module)
    if _name(node.func) in TRANSLATE | {"str"}:
        return True
    made = [each for each in ast.walk(module) if isinstance(each, ast.FunctionDef) and each.name == _name(node.func)]
    answers = [each.value for f in made for each in ast.walk(f) if isinstance(each, ast.Return) and each.value]
    return bool(answers) and all(translated(each, made[0], module) for each in answers)


def refusals(module: ast.Module) -> Iterator[tuple[ast.expr, ast.AST]]:
    """The sentences of the refusals in a module, each with the function that it stands in."""
    functions = [each for each in ast.walk(module) if isinstance(each, ast.FunctionDef)]
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and _name(node.func) in REFUSALS and node.args:
            around = [f for f in functions if any(inner is node for inner in ast.walk(f))]
            yield node.args[0], around[-1] if around else module


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_no_plain_text_stands_in_a_refusal(source: Path) -> None:
    module = ast.parse(source.read_text(encoding="utf-8"))
    plain = [ast.unparse(sentence) for sentence, scope in refusals(module) if not translated(sentence, scope, module)]
    assert plain == []


@pytest.mark.parametrize("bad", ['"No."', 'f"No {x}."', '"No {x}.".format(x=x)', "said", '_("No") + "."'])
def test_plain_text_is_found(bad: str) -> None:
    module = ast.parse(f"def f(x):\n    said = 'No.'\n    raise BadInput({bad})")
    assert [translated(sentence, scope, module) for sentence, scope in refusals(module)] == [False]
