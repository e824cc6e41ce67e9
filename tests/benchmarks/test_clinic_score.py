"""The clinic's store and score: a trace survives being kept, and figures follow from what was named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.clinic import class_score, plan, score, store, table, train
from benchmarks.clinic.bases import START
from benchmarks.clinic.peers.words import INFO, WARNING, Heard, Word
from benchmarks.clinic.score import Case
from netvet.base.observed import Observed
from netvet.rules import Diagnosis, Finding, diagnose
from netvet.testing import altered, healthy_trace
from netvet.trace import Observation, Trace
from tests.trained import shifted


def run(rule: str = "", half: str = "locked", name: str = "r") -> plan.Run:
    return plan.Run(name, half, START, "reef", "cnn", rule)  # type: ignore[arg-type]


def said(diagnosis: Diagnosis) -> object:
    """All of a diagnosis but the last digits of its evidence."""
    findings = [(f.rule, f.where, f.severity, f.message, round(f.confidence, 4)) for f in diagnosis.findings]
    ruled_out = [(each.rule, each.message) for each in diagnosis.ruled_out]
    return diagnosis.verdict, findings, ruled_out, diagnosis.not_assessed, diagnosis.exams


def test_a_kept_trace_is_rebuilt(tmp_path: Path) -> None:
    trace = altered(healthy_trace(), {"loss": float("nan"), "dead_fraction@features.2.act": 0.9})
    confusion = np.arange(9).reshape(3, 3)
    probabilities = np.array([[0.25, 0.75]], np.float32)
    trace = Trace(
        trace.observations(),
        recipe=START,
        arrays={
            ("val_confusion", ""): confusion,
            ("val_probabilities", ""): probabilities,
            ("examples", "wrong"): confusion,
        },
        declared={"loss": Observed(unit="nats")},
        meta={**trace.meta, "examples": {"wrong": [{"path": "secret"}]}},
    )
    file = store.write(store.Kept("x", START, trace, {"training": 1.5}, {"sharpness": "no"}), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    assert file.stat().st_size < 60_000
    kept = store.read("x", tmp_path)
    assert (kept.name, kept.recipe, kept.seconds, kept.failed) == ("x", START, {"training": 1.5}, {"sharpness": "no"})
    assert kept.trace.names() == trace.names()
    for name in trace.names():
        assert kept.trace.places(name) == trace.places(name)
        for where in trace.places(name):
            old, new = trace.series(name, where), kept.trace.series(name, where)
            np.testing.assert_array_equal(new.steps, old.steps)
            np.testing.assert_allclose(new.values, old.values, rtol=1e-6 if len(old) <= store.SHORT else 2**-13)
            assert new.unit == old.unit
    found = kept.trace.array("val_confusion")
    assert found is not None
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, confusion)
    assert kept.trace.array("examples", "wrong") is None
    assert kept.trace.array("val_probabilities") is None
    assert "examples" not in kept.trace.meta
    assert kept.trace.meta["classes"] == trace.meta["classes"]


def test_the_diagnosis_of_a_kept_trace_is_that_of_the_run(tmp_path: Path) -> None:
    sick = altered(healthy_trace(), {"dead_fraction@*": 0.95, "train_loss": 2.07, "train_accuracy": 0.13})
    store.write(store.Kept("x", START, sick), tmp_path)
    kept = store.read("x", tmp_path).trace
    kept.recipe = sick.recipe
    assert said(diagnose(kept)) == said(diagnose(sick)) != said(diagnose(healthy_trace()))


def test_huge_values_are_kept_as_infinite(tmp_path: Path) -> None:
    store.write(store.Kept("x", START, Trace([Observation(0, "loss", 1e60)])), tmp_path)
    assert store.read("x", tmp_path).trace.last("loss") == float("inf")


def test_long_series_are_rounded_and_take_less_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).lognormal(size=2000)
    values[[3, 5, 7, 9]] = np.nan, np.inf, -np.inf, 0.0
    trace = Trace([Observation(step, "grad_norm", float(value)) for step, value in enumerate(values)])
    small = store.write(store.Kept("x", START, trace), tmp_path).stat().st_size
    kept = store.read("x", tmp_path).trace.series("grad_norm").values
    np.testing.assert_allclose(kept, values, rtol=2**-13)
    monkeypatch.setattr(store, "SHORT", 10_000)
    assert small < 0.75 * store.write(store.Kept("y", START, trace), tmp_path).stat().st_size


def test_truncation_keeps_what_was_known_by_then() -> None:
    from netvet.exams import exams

    given = next(iter(next(iter(exams().values())).gives))
    trace = Trace([*healthy_trace(epochs=8, steps_per_epoch=10).observations(), Observation(0, given, 1.0)])
    trace.meta = {"epochs": 8, "finished": True}
    half = score.truncated(trace, 0.5)
    assert half.last("epoch") == 4
    assert half.series("loss").steps[-1] == 39
    assert half.places(given) == []
    assert half.meta["finished"] is False
    assert score.truncated(trace, 1.0).last("epoch") == 8
    assert score.truncated(trace, 1.0).meta["finished"] is True


def test_figures_follow_from_what_was_named() -> None:
    early: dict[float, tuple[str, ...]] = {0.25: (), 0.5: ("dead-relu",), 0.75: ("dead-relu",), 1.0: ("dead-relu",)}
    found = [
        Case(run("dead-relu"), ("dead-relu", "no-momentum"), "sick", took=True, early=early),
        Case(run("dead-relu"), ("no-momentum", "dead-relu"), "sick", took=True),
        Case(run("no-momentum"), (), "undecided", took=True),
        Case(run("no-momentum"), ("dead-relu", "a", "b", "no-momentum"), "sick", took=True),
        Case(run("dead-relu"), ("dead-relu",), "sick", took=False),
        *[Case(run(), (), "healthy") for _ in range(8)],
        Case(run(), (), "undecided"),
        Case(run(), ("dead-relu",), "sick", learns=False),
    ]
    figures = score.score(found, ["absent"])
    assert (figures["first"], figures["top3"]) == (0.25, 0.5)
    assert figures["false_alarms"] == 0.1
    assert (figures["healthy"], figures["sick"], figures["missing"]) == (10, 4, 1)
    assert figures["undecided"] == {"healthy": 1, "sick": 1}
    assert figures["harmless"] == {"runs": 1, "alarms": 1}
    assert figures["by_fault"]["dead-relu"]["first"] == 0.5
    assert figures["by_fault"]["no-momentum"]["top3"] == 0.0
    assert figures["confusion"]["no-momentum"] == {"undecided": 1, "dead-relu": 1}
    assert figures["early"] == {"25": 0.0, "50": 1.0, "75": 1.0, "100": 1.0}
    assert figures["unfit"] == ["r"]
    low, high = figures["first_interval"]
    assert 0 < low < 0.25 < high < 1
    assert len(table.misses(found)) == 6


def planted(
    rule: str, *named: str, took: bool = True, also: str = "", stuck: bool = True, suspected: tuple[str, ...] = ()
) -> Case:
    of = plan.Run("p", "locked", START, "reef", "cnn", rule, also=also, of_class=True)
    verdict = "sick" if named else "undecided"
    return Case(of, (*named, *suspected), verdict, len(named), took=took, stuck=stuck, suspected=suspected)


def test_causes_of_a_stuck_class_are_counted_apart() -> None:
    found = [
        planted("label-noise", "label-noise"),
        planted("label-noise", "weak-regularisation", "label-noise"),
        planted("label-noise", took=True, stuck=False),
        planted("label-noise", suspected=("label-noise", "scattered-class")),
        planted("label-noise", "look-alike-classes", took=False),
        planted("class-imbalance", "label-noise", "class-imbalance", also="label-noise"),
        planted("class-imbalance", "class-imbalance", "dead-relu", also="label-noise"),
        planted("class-imbalance", "dead-relu", "class-imbalance", also="label-noise"),
        Case(run("dead-relu"), ("dead-relu",), "sick", took=True),
        *[Case(run(), (), "healthy") for _ in range(9)],
        Case(run(name="odd"), (), "undecided", stuck=True),
    ]
    figures = class_score.class_score(found)
    assert (figures["runs"], figures["first"], figures["among_two"]) == (4, 0.25, 0.75)
    assert figures["by_fault"]["label-noise"]["stuck"] == 0.75
    assert figures["confusion"] == {"label-noise": {"label-noise": 1, "weak-regularisation": 1, "undecided": 2}}
    pairs = figures["pairs"]
    assert (pairs["runs"], pairs["first"], pairs["among_two"]) == (3, 0.667, 0.333)
    assert pairs["by_pair"]["class-imbalance and label-noise"]["runs"] == 3
    assert figures["stuck_alarms"]["share"] == 0.1
    assert figures["stuck_alarms"]["names"] == ["odd"]
    assert figures["stuck_alarms"]["called_sick"] == 0
    assert figures["harmless"] == {"runs": 1, "alarms": 1, "by_fault": {"label-noise": 1}}
    assert score.score(found)["sick"] == 5  # pairs are in no figure of single causes
    table_text = class_score.class_table(figures)
    assert "| label-noise | 4 | 25% (5% to 70%) | 75% (30% to 95%) | 75% |" in table_text
    assert "| class-imbalance and label-noise | 1 | 1 | 1 |" in table_text


def test_other_tools_are_counted_alike() -> None:
    heard = Heard((Word(("Dead units",), WARNING), Word(("Update ratio too high",), INFO)))
    high = table._heard(Case(run("learning-rate-too-high"), (), "sick", took=True), "torchmortem", heard)
    assert not high.first
    assert high.among_three
    assert table._heard(Case(run(), (), "healthy"), "torchmortem", heard).verdict == "sick"
    assert table._heard(Case(run(), (), "healthy"), "torchmortem", Heard()).verdict == "healthy"


def test_wilson_is_that_of_the_tables() -> None:
    assert score.wilson(0, 0) == (0.0, 1.0)
    assert score.wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert score.wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)


def test_causes_are_named_in_the_order_of_the_findings_and_symptoms_are_not() -> None:
    findings = (
        Finding("m", rule="dead-relu"),
        Finding("m", rule="loss-plateau", kind="symptom"),
        Finding("m", rule="dead-relu"),
        Finding("m", rule="no-momentum", severity="note"),
    )
    assert score.named(Diagnosis(findings, {}, "sick")) == ("dead-relu", "no-momentum")


def test_cases_are_read_from_kept_traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "FOLDER", tmp_path)
    score._best.cache_clear()
    control = next(each for each in plan.runs() if not each.rule)
    sick = plan.Run("sick", "locked", START, "reef", "cnn", "dead-relu", control=control.name)
    absent = plan.Run("absent", "locked", START, "reef", "cnn", "dead-relu", control=control.name)
    store.write(store.Kept(control.name, control.recipe, healthy_trace()), tmp_path)
    store.write(store.Kept("sick", START, healthy_trace(val_accuracy=0.3)), tmp_path)
    found, missing = score.cases([control, sick, absent], early=True)
    score._best.cache_clear()
    assert missing == ["absent"]
    assert [case.took for case in found] == [None, True]
    assert found[0].learns
    assert set(found[1].early) == set(score.SHARES)


@pytest.mark.slow
@pytest.mark.trained
def test_runs_are_trained_examined_kept_and_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "FOLDER", tmp_path / "traces")
    monkeypatch.setenv("NETVET_CACHE", str(tmp_path / "cache"))
    score._best.cache_clear()
    tiny = START.change({"data.source": "reef:species=3,n=24,difficulty=0.2", "model.width": 8, "stop.epochs": 3})
    tiny = shifted(tiny)
    control = plan.Run("control", "locked", tiny, "reef", "cnn")
    sick = plan.Run(
        "sick", "locked", tiny.change({"optimizer.lr": 1e-6}), "reef", "cnn", "learning-rate-too-low", control="control"
    )
    for each in (control, sick):
        assert train.wanted(each)
        kept = train.make(each)
        assert kept.seconds["training"] > 0
        again = train.note(each)
        assert again is not None
        whole = Trace.open(train.run_folder(each))
        whole.recipe = each.recipe
        assert said(diagnose(store.read(each.name).trace)) == said(diagnose(whole))
        assert not train.wanted(each)
        assert train.wanted(each, ["lr-range"])
    monkeypatch.setattr(score, "_best", lambda: {tiny.data.source: 0.1})
    found, missing = score.cases([control, sick])
    assert not missing
    assert {case.run.name: case.took for case in found}["control"] is None
    assert score.score(found)["healthy"] == 1
