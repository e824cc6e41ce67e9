"""The contract between the leaves: every name that one mentions exists, every page is whole, imports point one way."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import netvet
from netvet.exams import exams
from netvet.faults import faults
from netvet.galleries import Gallery, galleries
from netvet.remedies import remedies
from netvet.rules import Rule, rules
from netvet.watching import all_observers, all_probes

HOUSE = Path(netvet.__file__).parent
HEADINGS = ["Symptom", "Evidence", "Example", "Why it happens", "Not to be confused with", "Remedies", "References"]
SYMPTOMS = {"generalisation-gap", "loss-plateau", "accuracy-plateau", "stuck-class", "divergence"}

# What the loop and `watch` record beside the probes.
SPLIT_METRICS = ("loss", "accuracy", "balanced_accuracy", "calibration_error", "entropy", "auc", "recall")
RECORDED = {
    *(f"{split}_{metric}" for split in ("train", "val") for metric in SPLIT_METRICS),
    *("val_auc_low", "val_auc_high", "loss", "learning_rate", "epoch", "epoch_seconds", "class_images", "val_images"),
    *("test_images", "train_images", "parameters", "leaked_share", "leaked_by_group", "leaked_by_look"),
    *("train_confusion", "val_confusion"),
}

EVIDENCE = HOUSE.parent.parent / "docs" / "evidence"
LOOPS = Path(__file__).parent / "faults" / "loops"
LONGEST_PAGE, LONGEST_EVIDENCE = 45, 120  # lines; words, less the line that points to the runs
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


def _observable() -> set[str]:
    given = {name for exam in exams().values() for name in exam.gives}
    observed = {name for leaf in all_observers().values() for name in leaf.gives}
    return RECORDED | set(all_probes()) | given | observed | {"recipe"}


@each_rule
def test_a_rule_mentions_only_what_exists(rule: Rule) -> None:
    assert set(rule.needs) <= _observable()
    assert set(rule.exams) <= set(exams())
    assert set(rule.remedies) <= set(remedies())
    assert set(rule.explains) <= set(rules())
    assert rule.name not in rule.explains


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
def test_a_page_is_whole(rule: Rule) -> None:
    title, *rest = rule.page.splitlines()
    assert title.endswith(".")
    assert not title.startswith("#")
    assert [line.removeprefix("## ") for line in rest if line.startswith("## ")] == HEADINGS
    sections = re.split(r"^## .*$", rule.page, flags=re.MULTILINE)[1:]
    assert all(len(section.split()) > 5 for section in sections)
    assert "https://" in sections[-1]
    remedies_section = sections[HEADINGS.index("Remedies")]
    assert all(remedy in remedies_section for remedy in rule.remedies)


@each_rule
def test_a_threshold_is_explained(rule: Rule) -> None:
    """Every keyword of `check` is named in the Evidence section."""
    keywords = rule.check.__kwdefaults__ or {}
    assert [name for name in keywords if f"`{name}`" not in _section(rule, "Evidence")] == []


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
