"""The contract between the leaves: every name that one mentions exists, every page is whole, imports point one way."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import netvet
from netvet.exams import exams
from netvet.faults import faults
from netvet.galleries import Gallery, galleries
from netvet.metrics import RECORDED, SPLITS
from netvet.remedies import remedies
from netvet.rules import Rule, rules
from netvet.rules._order import before
from netvet.testing import check_probe, check_remedy, check_rule
from netvet.watching import all_observers, all_probes

HOUSE = Path(netvet.__file__).parent
SYMPTOMS = {"under-performance", "generalisation-gap", "loss-plateau", "accuracy-plateau", "stuck-class", "divergence"}

CONFUSION = {"train_confusion", "val_confusion"}  # arrays that the loop records

EVIDENCE = HOUSE.parent.parent / "docs" / "evidence"
LOOPS = Path(__file__).parent / "faults" / "loops"
LONGEST_PAGE, LONGEST_EVIDENCE = 45, 120  # lines; words, less the line that points to the runs
DECORATORS = ("_diagnosis", "_probe", "_rule", "_exam", "_remedy", "_fault", "_gallery")  # trunk, in leaves' folders
_RECIPE = (HOUSE / "recipe.py").read_text(encoding="utf-8")
WORDS = {  # of the recipe, and metrics
    *(found for pair in re.findall(r'"([\w-]+)"|^    (\w+):', _RECIPE, re.MULTILINE) for found in pair),
    *(metric for metrics in SPLITS.values() for metric in metrics),
}
LEAVES = ("rules", "watching.probes", "exams", "remedies", "faults", "galleries")
TORCH_FREE = [
    "netvet",
    "netvet.rules",
    "netvet.remedies",
    "netvet.trials",
    "netvet.report",
    "netvet.testing",
    "netvet.cli.app",
]

each_rule = pytest.mark.parametrize("rule", rules().values(), ids=rules())
each_gallery = pytest.mark.parametrize("shown", galleries().values(), ids=galleries())
each_source = pytest.mark.parametrize(
    "source", sorted(HOUSE.rglob("*.py")), ids=lambda path: str(path.relative_to(HOUSE))
)


def _observable() -> frozenset[str]:
    given = {name for exam in exams().values() for name in exam.gives}
    observed = {name for leaf in all_observers().values() for name in leaf.gives}
    return frozenset(RECORDED) | CONFUSION | set(all_probes()) | given | observed | {"recipe"}


@pytest.mark.parametrize("name", rules())
def test_every_rule_keeps_the_contract(name: str) -> None:
    check_rule(name)


@pytest.mark.parametrize("name", remedies())
def test_every_remedy_keeps_the_contract(name: str) -> None:
    check_remedy(name)


@pytest.mark.parametrize("name", all_probes())
def test_every_probe_keeps_the_contract(name: str) -> None:
    check_probe(name)


@each_rule
def test_a_rule_yields_to_what_exists_and_to_no_circle(rule: Rule) -> None:
    named = {*rule.yields_to, *rule.may_yield_to}
    assert named <= set(rules())
    assert len(named) == len(rule.yields_to) + len(rule.may_yield_to)
    assert {rules()[name].about for name in named} - {"both"} <= (
        {"run", "class"} if rule.about == "both" else {rule.about}
    )
    assert rule.name not in named | before(rule.name, rules())


@each_rule
def test_a_finding_yields_to_what_its_rule_says_that_it_may(rule: Rule) -> None:
    source = (HOUSE.parent / (rule.module.replace(".", "/") + ".py")).read_text(encoding="utf-8")
    said = {name for names in re.findall(r"yields_to=\(([^)]*)\)", source) for name in re.findall(r'"([^"]+)"', names)}
    assert said == set(rule.may_yield_to)


@each_rule
def test_a_rule_reads_only_what_is_recorded(rule: Rule) -> None:
    """Every name that its source passes to the trace is recorded by something."""
    path = HOUSE.parent / (rule.module.replace(".", "/") + ".py")
    asked = set(re.findall(r'trace\.(?:series|places|last|array)\("(\w+)"', path.read_text(encoding="utf-8")))
    assert asked <= _observable()


@each_rule
def test_a_rule_is_a_symptom_or_explains_one(rule: Rule) -> None:
    if rule.kind == "symptom":
        assert rule.name in SYMPTOMS
        assert not rule.explains
    else:
        assert rule.invalidates or set(rule.explains) & SYMPTOMS
        assert rule.remedies or rule.family == "loop"


def test_what_is_declared_is_declared_once() -> None:
    """No two of the loop, the probes and the exams say what an observation is."""
    parts: list[Iterable[str]] = [RECORDED, all_probes(), *(exam.gives for exam in exams().values())]
    names = [name for part in parts for name in part]
    assert sorted(names) == sorted(set(names))


def test_a_share_is_called_so() -> None:
    """What is named as a share is printed as per cent, unless it says that it runs from -1."""
    declared = {**RECORDED, **{name: each.observed for name, each in all_probes().items()}}
    declared |= {name: observed for exam in exams().values() for name, observed in exam.gives.items()}
    named = [name for name in declared if name.endswith(("accuracy", "recall", "share", "fraction", "chance"))]
    assert named
    assert {declared[name].kind for name in named} == {"share"}


def test_every_symptom_exists_and_can_be_explained() -> None:
    assert {rule.name for rule in rules().values() if rule.kind == "symptom"} == SYMPTOMS
    assert {effect for rule in rules().values() for effect in rule.explains} >= SYMPTOMS


@each_rule
def test_every_finding_of_a_loop_says_what_to_write(rule: Rule) -> None:
    """A loop is mended in its code: a finding has its `fix`, in whatever function of the rule it is made."""
    if rule.family != "loop" or rule.remedies:
        return
    tree = ast.parse((HOUSE.parent / (rule.module.replace(".", "/") + ".py")).read_text(encoding="utf-8"))
    made = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "Finding"]
    assert made
    assert [n.lineno for n in made if "fix" not in {keyword.arg for keyword in n.keywords}] == []


def test_every_cause_has_a_fault_to_plant() -> None:
    """A recipe with a fault in it; of the family `loop` a loop with one, tests/faults/loops/RULE.py."""
    planted = {fault.rule for fault in faults().values()}
    loops = {path.stem.replace("_", "-") for path in LOOPS.glob("[a-z]*.py")}
    assert planted | loops == {rule.name for rule in rules().values() if rule.kind == "cause"}
    assert loops <= {rule.name for rule in rules().values() if rule.family == "loop"}


@each_rule
def test_a_page_is_short_and_the_runs_behind_it_are_in_docs(rule: Rule) -> None:
    *said, pointer = _section(rule, "Evidence").strip().splitlines()
    assert len(rule.page.splitlines()) <= LONGEST_PAGE
    assert len(" ".join(said).split()) <= LONGEST_EVIDENCE
    assert pointer == f"The runs behind these numbers: docs/evidence/{rule.name}.md."
    assert (EVIDENCE / f"{rule.name}.md").is_file()


@each_rule
def test_a_page_has_an_example_of_a_sick_trace_and_of_a_near_miss(rule: Rule) -> None:
    """It is indented, so that Markdown shows it as it is; that it is true is for the doctests."""
    lines = _section(rule, "Example").strip("\n").splitlines()
    assert all(line.startswith("    ") for line in lines)
    code = [line.removeprefix("    >>> ") for line in lines if line.startswith("    >>> ")]
    assert any(line.startswith(f'assert_fires("{rule.name}", ') for line in code)
    assert any(line.startswith(f'assert_silent("{rule.name}", ') for line in code)


def _section(rule: Rule, heading: str) -> str:
    """What the rule's page has between a heading and the next one."""
    return rule.page.split(f"## {heading}\n")[1].split("\n## ")[0]


@each_rule
def test_a_file_is_called_as_its_rule(rule: Rule) -> None:
    assert rule.module.rpartition(".")[2] == rule.name.replace("-", "_")


@each_gallery
def test_a_gallery_is_of_a_rule_and_reads_what_its_exams_record(shown: Gallery) -> None:
    assert shown.module.rpartition(".")[2] == shown.rule.replace("-", "_")
    source = (HOUSE.parent / (shown.module.replace(".", "/") + ".py")).read_text(encoding="utf-8")
    given = {name for exam in rules()[shown.rule].exams for name in exams()[exam].gives}
    asked = set(re.findall(r'"([a-z]+_[a-z_]+)"', source))
    assert asked
    assert asked <= given
    assert f'title=later("{shown.title}")' in " ".join(source.split())


@each_source
def test_leaves_do_not_import_leaves(source: Path) -> None:
    """Private modules beside them, `_x.py`, are no leaves, and so are packages."""
    inside = ".".join(source.relative_to(HOUSE).parent.parts)
    if not inside.startswith(LEAVES) or source.name.startswith("_"):
        return
    leaves = [m for m in _imports(source) if m.removeprefix("netvet.").startswith(tuple(f"{x}." for x in LEAVES))]
    assert [m for m in leaves if not m.rpartition(".")[2].startswith("_")] == []


@each_source
def test_the_trunk_names_no_leaf(source: Path) -> None:
    """Outside the leaves' folders a leaf is named in a list at the top of its module alone, which says why it is there.

    Words of the recipe (an activation, a schedule) and metrics are no names of leaves, though some remedies and a probe
    are called after them.
    """
    inside = ".".join(source.relative_to(HOUSE).parent.parts)
    if inside.startswith(LEAVES) and source.stem not in DECORATORS:
        return
    leaves = {*rules(), *exams(), *remedies(), *all_probes()} - WORDS
    assert [name for name in _strings_in_functions(source) if name in leaves] == []


def _strings_in_functions(source: Path) -> Iterator[str]:
    """Whatever a file says beside the constants at its top."""
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            constants = (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))
            yield from (value for value in constants if isinstance(value, str))


def test_torch_is_not_imported_early() -> None:
    program = (
        f"import sys\nfor name in {TORCH_FREE}: __import__(name)\n"
        "import netvet.rules\nnetvet.rules.rules()\n"
        "import netvet.remedies\nnetvet.remedies.remedies()\n"
        "assert 'torch' not in sys.modules, [m for m in sys.modules if 'netvet' in m]"
    )
    environment = {**os.environ, "PYTHONPATH": str(HOUSE.parent)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr


def _imports(source: Path) -> Iterator[str]:
    """The modules of netvet that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            base = node.module or ""
            names = [f"netvet.{alias.name}" for alias in node.names] if base == "netvet" else [base]
        yield from (name for name in names if name.startswith("netvet."))
