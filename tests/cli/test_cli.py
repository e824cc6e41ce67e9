"""The command line: what it imports, exit codes, and one sentence for whatever is wrong with the input."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netvet import __version__
from netvet.base.errors import BadInput
from netvet.cli.app import main
from netvet.testing import altered, healthy_trace
from netvet.trace import Trace, TraceWriter

COMMANDS = [
    *("demo", "checkup", "train", "diagnose", "treat"),
    *("inspect", "groups", "exam", "rules", "explain", "predict"),
]
HEAVY = ("torch", "torchvision", "timm", "numpy", "scipy", "sklearn", "matplotlib", "PIL", "pydantic", "yaml", "jinja2")
SMALL = ["--set", "data.image_size=16", "--set", "model.depth=2", "--set", "model.width=4", "--set", "stop.epochs=1"]

Netvet = Callable[..., tuple[int, str, str]]


@pytest.fixture
def netvet(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Netvet:
    """Runs a command in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, out, err

    return run


def render(root: Path, classes: int = 2, each: int = 12, size: int = 16) -> Path:
    """A folder of class folders with images of noise around a brightness that tells the class."""
    random = np.random.default_rng(0)
    for number in range(classes):
        folder = root / f"species {number}"
        folder.mkdir(parents=True)
        for image in range(each):
            noise = random.normal(40 + 170 * number / max(1, classes - 1), 10, (size, size, 3))
            Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(folder / f"{image}.png")
    return root


def record(run: Path, trace: Trace) -> Path:
    """A trace as a run's folder."""
    with TraceWriter(run) as writer:
        if trace.recipe is not None:
            writer.recipe(trace.recipe)
        for key, value in trace.meta.items():
            writer.meta(key, value)
        for each in trace.observations():
            writer.add(*each)
    return run


def refused(answer: tuple[int, str, str]) -> str:
    """The one sentence of a refusal: exit code 2, nothing on stdout, one line on stderr, no traceback."""
    code, out, err = answer
    assert code == 2, (out, err)
    assert out == ""
    assert "Traceback" not in err
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("netvet: ")
    assert lines[0].endswith((".", "?", ")"))
    return lines[0].removeprefix("netvet: ")


def refused_after_progress(answer: tuple[int, str, str]) -> str:
    """The last line of stderr of a command that said something before it refused."""
    code, out, err = answer
    assert (code, out) == (2, "")
    assert "Traceback" not in err
    return err.strip().splitlines()[-1]


def loaded_by(code: str, *names: str) -> list[str]:
    """Which of these packages a fresh Python has loaded after some code."""
    program = f"import sys\n{code}\nprint([n for n in {names!r} if n in sys.modules], file=sys.stderr)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LC_ALL": "C.UTF-8"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    return re.findall(r"'(\w+)'", done.stderr.strip().splitlines()[-1])


def test_import_and_help_load_nothing_heavy() -> None:
    assert loaded_by("import netvet", *HEAVY) == []
    assert loaded_by("from netvet.cli.app import _main; _main(['--help'])", *HEAVY) == []
    assert loaded_by("from netvet.cli.app import _main; _main(['train', '--help'])", *HEAVY) == []


def test_what_reads_traces_does_not_load_torch() -> None:
    code = "import netvet; netvet.Recipe, netvet.Trace, netvet.diagnose; from netvet.rules import rules; rules()"
    assert loaded_by(code, "torch", "torchvision", "timm") == []


def test_the_public_names_are_there() -> None:
    import netvet as package

    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'chekup'"):
        package.chekup  # noqa: B018


def test_help_names_every_command(netvet: Netvet) -> None:
    for arguments in (["--help"], ["-h"]):
        code, out, _err = netvet(*arguments)
        assert code == 0
        for command in COMMANDS:
            assert re.search(rf"^│ {command} ", out, re.MULTILINE), command


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_an_example(netvet: Netvet, command: str) -> None:
    code, out, _err = netvet(command, "--help")
    assert code == 0
    assert f"Example: netvet {command}" in out
    assert "--lang" in out
    assert "--json" in out


def test_version(netvet: Netvet) -> None:
    assert netvet("--version")[:2] == (0, f"{__version__}\n")


def test_python_dash_m() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    for arguments, code in ((["--version"], 0), (["diagnose", "/none"], 2)):
        command = [sys.executable, "-m", "netvet", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == code
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["chekup", "x"], "chekup"),
        (["demo", "--budgt", "3s"], "--budgt"),
        (["demo", "--budget", "soon"], "The budget 'soon' is not a time: write 90s, 10m or 1h."),
        (["demo", "--budget", "-3s"], "--budget"),
        (["checkup"], "DATA"),
        (["checkup", "none"], "none"),
        (["checkup", "reef", "--budget", "10 minutes"], "'10 minutes' is not a time"),
        (["train", "none.csv"], "none.csv"),
        (["train", "reef:fish=3"], "fish"),
        (["train", "reef", "--set", "optimizer.lrr=1"], "no field 'optimizer.lrr'"),
        (["train", "reef", "--set", "optimizer.lr"], "is not of the form field=value"),
        (["train", "reef", "--recipe", "none.yaml"], "none.yaml cannot be read"),
        (["train", "reef", "--resume"], "--resume needs --out"),
        (["train", "reef", "--lang", "fr"], "fr"),
        (["diagnose", "none"], "There is no recorded run in none"),
        (["diagnose", "none", "--fail-on", "healthy"], "healthy"),
        (["treat", "none"], "There is no recorded run in none"),
        (["treat", "none", "--seeds", "1"], "--seeds 1 is too few"),
        (["treat", "none", "--seeds", "many"], "many"),
        (["treat", "none", "--remedy", "prayer"], "There is no remedy 'prayer'; there are: augment"),
        (["treat", "none", "--budget", "soon"], "The budget 'soon' is not a time"),
        (["exam", "lr-rnge", "none"], "none"),
        (["explain", "dead-rule"], "There is no page 'dead-rule': did you mean dead-relu?"),
        (["explain", "zzzzzz"], "There is no page 'zzzzzz'"),
        (["predict", "none"], "No image was given"),
        (["predict", "none", "a.png"], "none"),
        (["inspect", "none"], "none"),
    ],
)
def test_bad_input_gets_one_sentence(netvet: Netvet, arguments: list[str], sentence: str) -> None:
    assert sentence in refused(netvet(*arguments))


@pytest.mark.parametrize("command", ["inspect", "train", "checkup"])
def test_folders_that_are_no_data(netvet: Netvet, tmp_path: Path, command: str) -> None:
    (tmp_path / "empty").mkdir()
    assert "empty" in refused(netvet(command, tmp_path / "empty"))
    one = render(tmp_path / "one", classes=1)
    assert re.search("class", refused(netvet(command, one)))
    (tmp_path / "flat").mkdir()
    for image in (one / "species 0").iterdir():
        image.rename(tmp_path / "flat" / image.name)
    assert "flat" in refused(netvet(command, tmp_path / "flat"))
    assert "one" in refused(netvet(command, one))  # class folders without an image
    (tmp_path / "words.csv").write_text("name,kind\na.png,fish\n", encoding="utf-8")
    assert "path" in refused(netvet(command, tmp_path / "words.csv"))
    assert not (tmp_path / "runs").exists()


def test_a_mistake_that_shows_late_leaves_no_run_in_the_way(netvet: Netvet, tmp_path: Path) -> None:
    data, out = render(tmp_path / "data"), tmp_path / "run"
    answer = netvet("train", data, "--out", out, *SMALL, "--set", "model.name=resnet19")
    assert "There is no model 'resnet19' (did you mean resnet18" in refused_after_progress(answer)
    code, _out, err = netvet("train", data, "--out", out, *SMALL)
    assert code == 0, err


def test_rules_and_pages(netvet: Netvet) -> None:
    code, out, _err = netvet("rules", "--json")
    known = json.loads(out)
    assert code == 0
    assert set(known) == {"rules", "exams", "remedies", "probes"}
    code, text, _err = netvet("rules")
    assert code == 0
    for leaves in known.values():
        assert leaves
        for name in leaves:
            assert name in text
    code, out, _err = netvet("explain", "dead-relu")
    assert code == 0
    assert "Why it happens" in out
    code, out, _err = netvet("explain", "dead-relu", "--json")
    assert [page["name"] for page in json.loads(out)] == ["dead-relu"]


def test_a_limit_is_set_from_the_command_line(netvet: Netvet, tmp_path: Path) -> None:
    run = record(tmp_path / "run", altered(healthy_trace(), {"dead_fraction@features.3.act": 0.55}))
    command = ("diagnose", run, "--no-exams", "--json")
    assert [each["rule"] for each in json.loads(netvet(*command)[1])["findings"]] == ["dead-relu"]
    moved = json.loads(netvet(*command, "--limit", "dead-relu.limit=0.6", "--limit", "dead-relu.few=0.2")[1])
    assert (moved["findings"], moved["limits"]) == ([], {"dead-relu": {"limit": 0.6, "few": 0.2}})
    assert refused(netvet(*command, "--limit", "dead-relu.most=1")).startswith("dead-relu has no limit 'most'; it has")


def test_diagnose_exits_1_only_when_asked_and_sick(netvet: Netvet, tmp_path: Path) -> None:
    healthy = record(tmp_path / "healthy", healthy_trace())
    leaked = altered(healthy_trace(), {f"{n}@val": 0.8 for n in ("leaked_share", "leaked_by_group")})
    sick = record(tmp_path / "sick", leaked)
    for run, options, code, verdict in (
        (healthy, ["--fail-on", "sick"], 0, "healthy"),
        (sick, [], 0, "sick"),
        (sick, ["--fail-on", "sick"], 1, "sick"),
    ):
        left, out, _err = netvet("diagnose", run, "--no-exams", "--json", *options)
        found = json.loads(out)
        assert (left, found["verdict"], found["schema"]) == (code, verdict, 1)
    assert found["findings"][0]["rule"] == "split-leakage"
    assert set(found) >= {"schema", "run", "verdict", "findings", "not_assessed"}
    code, out, _err = netvet("diagnose", sick, "--no-exams")
    assert code == 0
    assert "split-leakage" in out
    assert "sick/report.html" in out.replace("\n", "")


def test_a_damaged_run(netvet: Netvet, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "trace.sqlite").write_bytes(b"\0" * 4096)
    for command in (["diagnose", run], ["treat", run], ["exam", "lr-range", run]):
        assert "run" in refused(netvet(*command))


def test_the_engine_of_treat_is_the_one_that_is_asked_for(
    netvet: Netvet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def treat(*_: object, engine: str, **__: object) -> None:
        asked.append(engine)
        raise BadInput("No more.")

    def silent(*_: object, **__: object) -> None:
        pass

    for place, stub in (("trials.treat", treat), ("pipeline.examine", silent), ("training.load_images", silent)):
        monkeypatch.setattr(f"netvet.{place}", stub)
    run = record(tmp_path / "run", healthy_trace())
    netvet("treat", run, "--engine", "local")
    assert asked == ["local"]
    assert "cluster" in refused(netvet("treat", run, "--engine", "cluster"))


def test_inspect(netvet: Netvet, tmp_path: Path) -> None:
    data = render(tmp_path / "data", each=20)
    (data / "species 0" / "broken.png").write_bytes(b"")
    code, out, _err = netvet("inspect", data, "--json", "--set", "data.image_size=16")
    assert code == 0
    assert json.loads(out)["data"] == str(data)
    code, out, _err = netvet("inspect", data, "--set", "data.image_size=16")
    assert code == 0
    assert "broken.png" in out
    assert "zero bytes" in out


@pytest.mark.slow
def test_from_images_to_a_report_and_a_name(netvet: Netvet, tmp_path: Path) -> None:
    """The commands one after another, as somebody would use them."""
    data, run = render(tmp_path / "data", classes=3, each=30), tmp_path / "run"
    code, out, err = netvet("train", data, "--out", run, "--json", *SMALL)
    assert code == 0, err
    trained = json.loads(out)
    assert (trained["run"], trained["epochs"]) == (str(run), 1)
    assert {"recipe.yaml", "trace.sqlite", "best.pt", "last.pt"} <= {path.name for path in run.iterdir()}
    assert "add --resume" in refused_after_progress(netvet("train", data, "--out", run, *SMALL))
    assert netvet("train", data, "--out", run, "--resume")[0] == 0  # nothing is left to do, and nothing is wrong
    code, out, _err = netvet("diagnose", run, "--json")
    assert code == 0
    assert json.loads(out)["run"] == str(run)
    image = data / "species 2" / "0.png"
    code, out, _err = netvet("predict", run, image, tmp_path / "none.png", "--json")
    assert code == 0
    named, missing = json.loads(out)
    assert named["classes"][0].startswith("species")
    assert sum(named["probabilities"]) == pytest.approx(1, abs=1e-3)
    assert missing["problem"]
    assert netvet("predict", run, tmp_path / "none.png")[0] == 2
    told = refused(netvet("exam", "lr-rnge", run))
    assert "There is no exam 'lr-rnge'; there are: " in told
    assert " lr-range," in told
    code, out, err = netvet("treat", run, "--budget", "5m", "--seeds", "2", "--remedy", "augment", "--json")
    assert code == 0, err
    assert json.loads(out)
    assert (run / "report.html").is_file()


@pytest.mark.slow
def test_checkup_without_trials(netvet: Netvet, tmp_path: Path) -> None:
    data = render(tmp_path / "data", each=30)
    code, out, err = netvet("checkup", data, "--budget", "0", *SMALL)
    assert code == 0, err
    report = next((tmp_path / "runs").glob("data-*")) / "report.html"
    assert report.is_file()
    assert str(report.relative_to(tmp_path)) in out


def videos(root: Path) -> Path:
    """Frames of 24 videos in two class folders."""
    for k in range(2):
        (root / f"species {k}").mkdir(parents=True)
        for video in range(12):
            for frame in range(3):
                name = f"video{12 * k + video}_{frame:03d}.png"
                Image.new("RGB", (16, 16), (20 * video, 80 * k, 9 * frame)).save(root / f"species {k}" / name)
    return root


def test_groups_are_proposed_with_the_option_that_uses_them(netvet: Netvet, tmp_path: Path) -> None:
    code, out, _err = netvet("groups", videos(tmp_path / "set"))
    assert code == 0
    assert "24 videos" in out
    code, out, _err = netvet("groups", tmp_path / "set", "--json")
    tree = json.loads(out)
    code, _out, err = netvet("train", tmp_path / "set", "--group", tree["recommended"], *SMALL, "--out", "run")
    assert (code, "24 groups" in err) == (0, True)


def test_where_names_tell_nothing_groups_says_so(netvet: Netvet, tmp_path: Path) -> None:
    code, out, _err = netvet("groups", render(tmp_path / "set"))
    assert code == 0
    assert "Neither" in out


def test_a_training_warns_once_where_its_split_tears_what_names_tell_of(netvet: Netvet, tmp_path: Path) -> None:
    _code, _out, err = netvet("train", videos(tmp_path / "set"), *SMALL, "--out", "run")
    assert err.count("--group") == 1
