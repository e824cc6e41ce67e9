"""The causes of a stuck class that are planted to be cured, and the table of what became of them."""

from __future__ import annotations

import math

import pytest

from benchmarks import stuck_cures
from benchmarks.clinic import datasets
from netvet.rules import rules
from netvet.trials import ClassEffect, Trial, Verdict


@pytest.fixture(autouse=True)
def no_photographs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "resolve", lambda source: source)


@pytest.mark.parametrize("cause", stuck_cures.CAUSES, ids=lambda cause: cause.name)
def test_the_fault_is_all_that_differs_from_health(cause: stuck_cures.Cause) -> None:
    sick, healthy = cause.recipe(sick=True), cause.recipe(sick=False)
    changed = set(healthy.differences(sick))
    assert changed
    assert all(path == "data.source" or path.startswith("augment.per_class") for path in changed)
    assert cause.rule in rules()


def test_every_cause_has_a_name_of_its_own() -> None:
    names = [cause.name for cause in stuck_cures.CAUSES]
    assert len(set(names)) == len(names)


def trial(*verdicts: Verdict) -> Trial:
    return Trial("balanced_accuracy", 12, 12, 60.0, 50.0, (), verdicts, None, None, "That is all.")


def helped(remedy: str, treated: float, low: float) -> Verdict:
    effect = treated - 0.55
    stuck = ClassEffect("perch", 0.55, treated, effect, (low, 2 * effect - low), 0.01, (-0.01, 0.03), "pike", -0.02)
    return Verdict(remedy, True, True, 0.1, (0.05, 0.15), 0.01, 3, stuck=stuck)


def test_the_remedy_that_surely_helped_the_class_is_told() -> None:
    row = stuck_cures.told(trial(helped("transfer", 0.95, -0.1), helped("oversample", 0.9, 0.2)), "perch")
    assert (row["remedy"], row["sick"], row["treated"], row["helped"]) == ("oversample", 0.55, 0.9, True)
    assert row["tried"] == {"transfer": 0.95, "oversample": 0.9}
    assert row["worst"] == ["pike", -0.02]


def test_a_row_of_the_table_a_trial() -> None:
    nothing = stuck_cures.told(trial(), "perch")
    assert nothing["remedy"] is None
    assert math.isnan(nothing["treated"])
    row = {"diagnosed": "class-imbalance", "healthy": 0.97, "first": nothing}
    stronger = stuck_cures.told(trial(helped("transfer", 0.95, 0.3)), "perch")
    lines = stuck_cures.table({"few": {**row, "stronger": stronger}, "dark": row}).splitlines()
    assert len(lines) == 4
    assert len({len(line.rsplit("  ", 1)[0]) for line in lines}) == 1
    assert lines[2].split()[:7] == ["few", "class-imbalance", "transfer", "0.97", "0.55", "0.95", "+0.30"]
