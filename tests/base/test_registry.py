"""The registry: leaves of other packages, doubles, and rules of a script or a notebook."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import netvet.rules
from netvet.base.errors import BadInput
from netvet.base.registry import Registry
from netvet.recipe import Recipe
from netvet.remedies import prescribe
from netvet.rules import Answer, Finding, _rule, diagnose, rule, rules
from netvet.testing import healthy_trace
from netvet.trace import Trace


@dataclass(frozen=True)
class Twig:
    """A leaf with nothing in it."""

    module: str


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A distribution that offers a rule, and a module that cannot be imported, as entry points."""
    (tmp_path / "leafy-1.0.dist-info").mkdir()
    (tmp_path / "leafy-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: leafy\nVersion: 1.0\n")
    listed = "[netvet.rules]\nfallen = leafy_rules\nbroken = leafy_broken\n"
    (tmp_path / "leafy-1.0.dist-info" / "entry_points.txt").write_text(listed)
    (tmp_path / "leafy_rules.py").write_text(
        textwrap.dedent('''\
            """Leaves have fallen."""
            from netvet.rules import rule

            @rule("fallen-leaf", needs=["loss"], explains=["loss-plateau"], remedies=["weight-decay"])
            def check(trace):
                return []
            ''')
    )
    (tmp_path / "leafy_broken.py").write_text("raise RuntimeError('the wind')\n")
    monkeypatch.setattr(_rule._RULES, "leaves", dict(rules()))  # netvet's own, before there is more to be found
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(_rule._RULES, "_loaded", False)
    yield
    sys.modules.pop("leafy_rules", None)


@pytest.mark.usefixtures("offered")
def test_a_rule_of_another_package_is_found_and_a_broken_one_is_left_out_with_a_warning() -> None:
    assert {each.name for each in entry_points(group="netvet.rules")} >= {"fallen", "broken"}
    with pytest.warns(RuntimeWarning, match=r"leafy_broken of netvet\.rules cannot be loaded .*: the wind\."):
        known = rules()
    assert known["fallen-leaf"].module == "leafy_rules"
    assert known["fallen-leaf"].family == ""
    assert known["fallen-leaf"].title == "Leaves have fallen."
    assert "leafy_broken" not in {each.module for each in known.values()}


def test_a_second_leaf_under_a_known_name_is_refused_in_one_sentence() -> None:
    registry = Registry[Twig](netvet.rules.__name__)
    registry._loaded = True
    registry.add("oak", Twig("one"))
    sentence = r"^netvet\.rules already has 'oak', in one: rename the one in two\.$"
    with pytest.raises(BadInput, match=sentence):
        registry.add("oak", Twig("two"))
    assert registry.all()["oak"] == Twig("one")


def test_a_rule_of_netvets_own_cannot_be_replaced_from_outside() -> None:
    before = rules()["dead-relu"]
    with pytest.raises(BadInput, match="already has 'dead-relu'"):
        rule("dead-relu", needs=["loss"])(lambda trace: [])
    assert rules()["dead-relu"] is before


def test_a_cell_that_is_run_again_replaces_its_own_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rule._RULES, "leaves", dict(rules()))
    for limit in (1.0, 2.0):

        @rule("fallen-leaf", needs=["loss"])
        def check(trace: Trace, *, limit: float = limit) -> Iterator[Answer]:
            yield Finding("Fallen.", limit=limit)

    (found,) = rules()["fallen-leaf"].check(healthy_trace())
    assert isinstance(found, Finding)
    assert found.limit == 2.0


def test_a_finding_of_a_scripts_own_rule_is_prescribed_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module without a package, as `__main__` is, has no family."""
    monkeypatch.setattr(_rule._RULES, "leaves", dict(rules()))

    def check(trace: Trace) -> Iterator[Answer]:
        yield Finding("Fallen.", where="a", evidence=(trace.series("loss"),))

    check.__module__ = "__main__"
    rule("fallen-leaf", needs=["loss"], explains=["loss-plateau"], remedies=["class-augment", "weight-decay"])(check)
    assert rules()["fallen-leaf"].family == ""
    found = diagnose(healthy_trace())
    assert "fallen-leaf" in {each.rule for each in found.notes}
    assert "weight-decay" in {each.remedy for each in prescribe(Recipe(), found, least=9)}


def test_a_script_with_its_own_rule_runs(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(
        textwrap.dedent("""\
            from netvet.recipe import Recipe
            from netvet.remedies import prescribe
            from netvet.rules import Finding, diagnose, rule
            from netvet.testing import healthy_trace

            @rule("fallen-leaf", needs=["loss"], explains=["loss-plateau"], remedies=["weight-decay"])
            def check(trace):
                yield Finding("Fallen.", where="a", evidence=(trace.series("loss"),))

            print([p.remedy for p in prescribe(Recipe(), diagnose(healthy_trace()), names=["weight-decay"])])
            """)
    )
    environment = {"PYTHONPATH": str(Path(netvet.rules.__file__).parents[2])}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout.strip()) == (0, "['weight-decay']"), done.stderr
