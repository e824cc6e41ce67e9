"""What the papers of the house say is so: README, CONTRIBUTING, the examples, the Makefile."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import runpy
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from netvet.base.pages import Paged
from netvet.exams import exams
from netvet.recipe import parse
from netvet.remedies import remedies
from netvet.rules import rules
from netvet.watching import all_probes

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

# A Python that only writes down what it is asked; `venv` makes another of its kind.
FAKE_PYTHON = """#!/bin/sh
echo "$@" >> "$LOG"
case "$*" in
  *"-m venv"*)
    mkdir -p .venv/bin
    cp "$0" .venv/bin/python
    printf '#!/bin/sh\\necho demo "$@"\\n' > .venv/bin/netvet
    chmod +x .venv/bin/netvet ;;
  *install*) [ ! -e broken ] ;;
esac
"""


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a Markdown text, without their indentation."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", body, flags=re.MULTILINE) for indent, body in found]


def test_the_readme_opens_with_the_two_commands() -> None:
    lines = [line.strip() for line in README.splitlines() if line.startswith("    ")]
    assert [line.split("#")[0].strip() for line in lines[:2]] == ["make demo", "make test"]
    assert README.index("make demo") < 40


def test_the_readmes_recipe_is_the_default() -> None:
    (recipe,) = blocks(README, "yaml")
    tree = yaml.safe_load(recipe)
    default = parse({})
    assert parse(tree) == default
    assert list(tree) == list(default.model_dump())


def test_what_is_listed_is_there_and_called_so() -> None:
    """A new leaf is in `netvet rules` at once, and here when `scripts/lists` is next run."""
    listed = re.findall(
        r"^- `([\w-]+)`: (.+)$", (ROOT / "docs" / "leaves.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    kinds: list[Mapping[str, Paged]] = [rules(), remedies(), exams(), all_probes()]
    titles = {(name, leaf.title) for leaves in kinds for name, leaf in leaves.items()}
    assert len(listed) > 90
    assert set(listed) <= titles
    assert "- `" not in README.split("## What it can find")[1].split("\n## ")[0]


def test_the_commands_of_the_papers_are_there() -> None:
    from netvet.cli.app import app

    known = {name for name in app if not name.startswith("-")}
    prose = re.sub(r"^ *```.*?^ *```", "", README + CONTRIBUTING, flags=re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"\bnetvet ([a-z]+)\b", "\n".join(re.findall(r"`([^`]+)`", prose))))
    assert named == known


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README + CONTRIBUTING + (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert links
    for link in links:
        assert link.startswith("https://") or (ROOT / link).exists(), link


def test_the_names_of_the_papers_lead_somewhere() -> None:
    """`netvet.nets.surgery.patch_model` and its like: modules, and what is in them."""
    papers = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]
    text = "".join(paper.read_text(encoding="utf-8") for paper in papers)
    named = set(re.findall(r"\bnetvet(?:\.[a-z]\w*)+", text))
    assert len(named) > 5
    assert [name for name in sorted(named) if not _leads_somewhere(name)] == []


def _leads_somewhere(name: str) -> bool:
    """Whether a dotted name is a module, or in one."""
    package, _dot, last = name.rpartition(".")
    try:
        return hasattr(importlib.import_module(package), last) or importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def test_the_readmes_loop_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch
    from torch import nn

    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 2))
    batches = [(torch.randn(16, 3, 2, 2), torch.randint(0, 2, (16,))) for _ in range(4)]
    given: dict[str, Any] = {
        "model": model,
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        "criterion": nn.CrossEntropyLoss(),
        "names": ["a", "b"],
        "epochs": 2,
        "loader": batches,
        "val_loader": batches,
    }
    (loop, *_doctests) = blocks(README, "python")
    exec(compile(loop, "README.md", "exec"), given)
    assert capsys.readouterr().out.strip()
    given["vet"].close()
    assert (tmp_path / "runs" / "mine" / "trace.sqlite").is_file()


def test_the_rule_in_contributing_works(monkeypatch: pytest.MonkeyPatch) -> None:
    from netvet.rules import _rule
    from netvet.testing import altered, assert_fires, assert_silent, healthy_trace

    monkeypatch.setattr(_rule._RULES, "leaves", {n: r for n, r in rules().items() if n != "saturated-activation"})
    text = blocks(CONTRIBUTING, "python")[0]
    exec(compile(text, "CONTRIBUTING.md", "exec"), {"__name__": "netvet.rules.signal.saturated_activation"})
    sick = altered(healthy_trace(), {"saturated_fraction@features.1.act": 0.9})
    assert assert_fires("saturated-activation", sick).where == "features.1.act"
    assert_silent("saturated-activation", altered(healthy_trace(), {"saturated_fraction@features.1.act": 0.2}))


@pytest.mark.parametrize(
    ("example", "said"),
    [("01_watch.py", "vanishing-gradient"), ("02_python_api.py", "default: learning rate 0.05, verdict healthy")],
)
def test_examples(
    example: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    runpy.run_path(str(ROOT / "examples" / example), run_name="__main__")
    assert said in capsys.readouterr().out


def test_every_example_is_tested() -> None:
    assert sorted(path.name for path in (ROOT / "examples").glob("*.py")) == ["01_watch.py", "02_python_api.py"]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the Makefile, a pyproject.toml and the fake Python."""
    for name in ("Makefile", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "scripts").mkdir()
    for path, text in (("python", FAKE_PYTHON), ("scripts/check", "#!/bin/sh\necho checked\n")):
        (tmp_path / path).write_text(text, encoding="utf-8")
        (tmp_path / path).chmod(0o755)
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    return tmp_path


def make(folder: Path, *arguments: str, python: str = "./python") -> subprocess.CompletedProcess[str]:
    """Run make there."""
    command = ["make", f"PYTHON={python}", *arguments]
    keep = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=keep)


def installs(folder: Path) -> list[str]:
    """What was installed, call by call."""
    return re.findall(r"install -e (\S+)", (folder / "log").read_text(encoding="utf-8"))


def test_make_installs_once(bench: Path) -> None:
    for _ in range(2):
        done = make(bench, "demo")
        assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "demo demo")
    assert installs(bench) == ["."]
    for _ in range(2):
        done = make(bench, "test")
        assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "checked")
    assert installs(bench) == [".", ".[dev]"]
    assert make(bench, "demo").returncode == 0
    assert len(installs(bench)) == 2
    later = (bench / ".venv" / ".installed-dev").stat().st_mtime + 10
    os.utime(bench / "pyproject.toml", (later, later))
    assert make(bench, "demo").returncode == 0
    assert len(installs(bench)) == 3


def test_an_installation_that_was_cut_short_goes_on(bench: Path) -> None:
    (bench / "broken").touch()
    done = make(bench, "demo")
    assert done.returncode != 0
    assert "call make again" in done.stderr
    (bench / "broken").unlink()
    assert make(bench, "demo").returncode == 0
    assert installs(bench) == [".", "."]


def test_make_says_what_is_wrong_with_python(bench: Path) -> None:
    assert "there is no nopython: name one" in make(bench, "demo", python="nopython").stderr
    for name, part, sentence in (
        ("old", "version_info", "netvet needs Python 3.11 or newer, and ./old is Python 3.9.1"),
        ("bare", "ensurepip", "./bare lacks its venv module"),
    ):
        text = f'#!/bin/sh\ncase "$*" in *{part}*) exit 1;; --version) echo Python 3.9.1;; esac\n'
        (bench / name).write_text(text, encoding="utf-8")
        (bench / name).chmod(0o755)
        assert sentence in make(bench, "test", python=f"./{name}").stderr
    assert not (bench / ".venv").exists()


def test_continuous_integration_does_what_a_user_would() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    commands = [line for line in lines if not line.startswith(("#", "set ", "cd "))]
    assert commands == ["make --no-print-directory test"]
    for script in (".ci/run", "scripts/check", "scripts/pythons"):
        assert os.access(ROOT / script, os.X_OK)


def test_every_python_that_is_promised_is_checked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised = [
        name
        for text in project["classifiers"]
        if (name := text.removeprefix("Programming Language :: Python :: ")) != text
    ]
    assert project["requires-python"] == f">={promised[0]}"
    assert f"for version in {' '.join(promised)}; do" in (ROOT / "scripts" / "pythons").read_text(encoding="utf-8")
    assert "scripts/pythons" in (ROOT / "scripts" / "check").read_text(encoding="utf-8").splitlines()[-1]
