"""The engine: what becomes of symptoms and causes, on synthetic traces."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pytest

from netvet.recipe import NO_AUGMENT, Recipe
from netvet.rules import Finding, diagnose, rules
from netvet.testing import Curve, altered, healthy_trace
from netvet.trace import Series, Trace
from tests.rules._traces import FLAT

OVERFIT: Mapping[str, Curve] = {"train_accuracy": [0.2, 0.9, 1.0], "val_accuracy": [0.2, 0.6, 0.62]}


@pytest.mark.parametrize("seed", range(6))
def test_a_healthy_run_is_healthy(seed: int) -> None:
    diagnosis = diagnose(healthy_trace(seed=seed))
    assert diagnosis.verdict == "healthy"
    assert diagnosis.findings == ()
    assert diagnosis.root is None
    assert diagnosis.exams == ()


def test_a_cause_with_its_symptom_is_the_root_and_comes_first() -> None:
    bare = Recipe().change({"augment": NO_AUGMENT.model_dump(mode="json")})
    diagnosis = diagnose(altered(healthy_trace(recipe=bare), OVERFIT))
    assert diagnosis.verdict == "sick"
    assert [f.rule for f in diagnosis.findings] == ["weak-regularisation", "generalisation-gap"]
    assert diagnosis.root is not None
    assert diagnosis.root.explains == ("generalisation-gap",)
    assert diagnosis.root.remedies == rules()["weak-regularisation"].remedies


def test_a_cause_without_a_symptom_is_a_note() -> None:
    diagnosis = diagnose(altered(healthy_trace(), {"dead_fraction@features.3.act": 0.8}))
    assert diagnosis.verdict == "healthy"
    (note,) = diagnosis.notes
    assert (note.rule, note.severity, note.explains) == ("dead-relu", "note", ())


def test_a_symptom_without_a_cause_is_undecided_and_orders_the_exam_that_tells() -> None:
    trace = altered(healthy_trace(), FLAT)
    diagnosis = diagnose(trace)
    assert diagnosis.verdict == "undecided"
    assert {f.rule for f in diagnosis.symptoms} == {"loss-plateau", "accuracy-plateau"}
    assert "lr-range" in diagnosis.exams
    assert "batch-norm-agreement" not in diagnosis.exams  # there is no batch norm
    assert diagnose(trace, taken=diagnosis.exams).exams == ()


def test_a_gap_orders_no_learning_rate_exam() -> None:
    assert diagnose(altered(healthy_trace(), OVERFIT)).exams == ("label-audit", "initial-signal", "early-layers")


def test_a_cause_folds_under_the_cause_that_explains_it() -> None:
    killed = {"dead_fraction@features.3.act": lambda old: np.where(np.arange(len(old)) < 5, 0.0, 0.97)}
    spiked = {"loss": lambda old: np.where(np.arange(len(old)) == 60, 900.0, 2.07)}
    diagnosis = diagnose(altered(healthy_trace(), {**FLAT, **killed, **spiked}))
    causes = [f.rule for f in diagnosis.findings if f.kind == "cause"]
    assert causes == ["learning-rate-too-high", "dead-relu"]
    assert diagnosis.root is not None
    assert "dead-relu" in diagnosis.root.explains


def test_what_is_refuted_is_said_only_where_a_symptom_asks() -> None:
    assert diagnose(healthy_trace()).ruled_out == ()
    refuted = {r.rule for r in diagnose(altered(healthy_trace(), OVERFIT)).ruled_out}
    assert "vanishing-gradient" in refuted


def test_what_is_not_measured_is_not_healthy() -> None:
    diagnosis = diagnose(Trace(meta={"classes": ["a", "b"]}))
    assert diagnosis.verdict == "undecided"
    assert diagnosis.not_assessed["dead-relu"] == ("dead_fraction",)
    assert set(diagnosis.not_assessed) == set(rules())
    assert "recipe" in diagnosis.not_assessed["weak-regularisation"]


def test_a_watched_loop_without_a_recipe_is_assessed() -> None:
    diagnosis = diagnose(healthy_trace(recipe=None))
    lacking = {name for name, needs in diagnosis.not_assessed.items() if "recipe" in needs}
    assert lacking == {"no-momentum", "weak-regularisation"}
    assert diagnosis.verdict == "healthy"


def test_json_is_the_schema_with_the_root_first() -> None:
    bare = Recipe().change({"augment": NO_AUGMENT.model_dump(mode="json")})
    tree = json.loads(json.dumps(diagnose(altered(healthy_trace(recipe=bare), OVERFIT), run="runs/x").to_json()))
    assert tree["schema"] == 1
    assert tree["run"] == "runs/x"
    assert tree["verdict"] == "sick"
    first = tree["findings"][0]
    assert set(first) == {
        *("rule", "kind", "severity", "where", "message", "confidence", "explains", "evidence", "remedies"),
    }
    assert first["kind"] == "cause"
    assert set(first["evidence"][0]) == {"name", "where", "value", "limit", "unit"}


def test_a_line_of_code_is_in_the_json_where_there_is_one() -> None:
    assert Finding("It broke.", fix="optimizer.step()").to_json()["fix"] == "optimizer.step()"
    assert "fix" not in Finding("It broke.").to_json()


def test_json_holds_no_nan() -> None:
    series = Series("loss", "", np.array([0, 1]), np.array([1.0, np.nan]))
    tree = Finding("It broke.", evidence=(series,), limit=float("inf")).to_json()
    assert tree["evidence"] == [{"name": "loss", "where": "", "value": None, "limit": None, "unit": ""}]
    json.dumps(tree, allow_nan=False)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_trace_full_of_holes_never_breaks_a_rule(broken: float) -> None:
    """Every curve in turn is nan or infinite, or has one value, or is missing."""
    healthy = healthy_trace(epochs=4, classes=3, layers=3)
    unbounded = {"loss", "train_loss", "val_loss", "learning_rate", "grad_rms", "update_ratio", "weight_distance"}
    for name in healthy.names() if np.isnan(broken) else unbounded:
        for curve in (lambda old: old * 0 + broken, lambda old: np.where(np.arange(len(old)) % 2, old, broken)):
            diagnose(altered(healthy, {f"{name}@*": curve}))
        diagnose(altered(healthy, {f"{name}@*": None}))
    diagnose(healthy_trace(epochs=1, classes=2, layers=1))
