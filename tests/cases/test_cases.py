"""Public reports by people who train image classifiers, rebuilt: the true cause comes first, and the mended twin is
healthy. Each script says in its docstring what is true of it.
"""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from netvet.rules import Diagnosis

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # as a program's are

HERE = Path(__file__).parent / "scripts"
LAG = "for module in model.modules():\n    if isinstance(module, nn.BatchNorm2d):\n        module.momentum = 0.0\n"
CASES = {  # script -> (its cause, what is mended in it, what that line is in the twin)
    "val_labels_renumbered": ("mismatched-classes", "yv = torch.tensor([4, 2, 0, 5, 1, 3])[yv]\n", ""),
    "val_not_normalised": (
        "mismatched-input",
        "(xv - low) / (high - low)",
        "((xv - low) / (high - low) - 0.45) / 0.225",
    ),
    "one_hot_without_a_column": ("invalid-labels", "F.one_hot(labels + 1, 6)[:, :5]", "F.one_hot(labels, 5)"),
    "optimizer_never_steps": (
        "unchanged-weights",
        "        scheduler.step()\n",
        "        optimizer.step()\n        scheduler.step()\n",
    ),
    "softmax_before_the_loss": ("probabilities-as-logits", ".append(nn.Softmax(1))", ""),
    "two_classes_weighted_the_wrong_way": ("unsuited-loss", "[0.84, 0.16]", "[0.16, 0.84]"),
    "norms_that_lag_in_a_loop": ("batch-norm-mismatch", LAG, ""),
}
HONEST = {"two_classes_weighted_the_wrong_way": "no-fault-found"}  # 65 % of two classes that look alike: nobody knows


def _run(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Diagnosis:
    """What netvet says at the end of a script."""
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    (folder / "script.py").write_text(text, encoding="utf-8")
    found = runpy.run_path(str(folder / "script.py"))["vet"].diagnose()
    assert isinstance(found, Diagnosis)
    return found


def _said(diagnosis: Diagnosis) -> str:
    return "; ".join([diagnosis.verdict, *(f"{f.rule}: {f.message}" for f in diagnosis.findings)])


@pytest.mark.parametrize("name", CASES)
def test_the_true_cause_comes_first(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cause, _line, _mended = CASES[name]
    found = _run((HERE / f"{name}.py").read_text(encoding="utf-8"), tmp_path, monkeypatch)
    assert found.verdict == "sick", _said(found)
    assert found.root is not None
    assert found.root.rule == cause, _said(found)


@pytest.mark.parametrize("name", CASES)
def test_the_mended_twin_is_healthy(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _cause, line, mended = CASES[name]
    text = (HERE / f"{name}.py").read_text(encoding="utf-8")
    assert line in text
    found = _run(text.replace(line, mended), tmp_path, monkeypatch)
    assert found.verdict == HONEST.get(name, "healthy"), _said(found)


def test_images_without_a_label_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (HERE / "unlabelled_images_in_validation.py").read_text(encoding="utf-8")
    found = _run(text.replace("range(2)", "range(8)"), tmp_path, monkeypatch)
    assert found.verdict == "healthy", _said(found)
