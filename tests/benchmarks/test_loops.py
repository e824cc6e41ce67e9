"""The ward of loops: a plan whose halves share nothing, slips that do what they say, and figures that follow."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.loops import curves, images, nets, plan, record, score, script, truth
from benchmarks.loops.slip import KINDS, slips
from netvet.rules import Diagnosis, Finding
from netvet.testing import altered, healthy_trace
from netvet.trace import Trace

TINY = plan.Base("calibration", "tiny", "cnn", "adam", 0.003, 3)


def test_there_are_enough_loops_and_every_name_is_its_own() -> None:
    names = [loop.name for loop in plan.loops()]
    assert len(names) == len(set(names))
    for half in plan.HALVES:
        mine = [loop for loop in plan.loops() if loop.half == half]
        assert sum(bool(loop.kind) for loop in mine) >= 60
        assert sum(not loop.kind for loop in mine) >= 40


def test_halves_share_no_images_no_net_and_no_slip() -> None:
    one, other = ([loop for loop in plan.loops() if loop.half == half] for half in plan.HALVES)
    assert not {loop.base.data for loop in one} & {loop.base.data for loop in other}
    assert not {loop.base.net for loop in one} & {loop.base.net for loop in other}
    assert not {loop.slip.name for loop in one if loop.slip} & {loop.slip.name for loop in other if loop.slip}


def test_every_kind_is_planted_in_both_halves_and_has_a_right_cause() -> None:
    halves = [{loop.kind for loop in plan.loops() if loop.half == half} - {""} for half in plan.HALVES]
    assert halves[0] | halves[1] == set(KINDS)
    causes = [{cause for kind in half for cause in KINDS[kind]} for half in halves]
    assert causes[0] == causes[1]


def test_every_half_has_every_sort_of_net_and_optimiser_and_two_classes() -> None:
    for half in plan.HALVES:
        mine = [base for base in plan.BASES if base.half == half]
        assert any("test_" in base.net for base in mine)
        assert {base.net for base in mine} & {"test_vit", "encoder"}
        assert {base.optimiser for base in mine} >= {"adam", "adamw", "sgd"}
        assert {base.data for base in mine} & {"reef2", "two"}


def test_every_slip_stands_on_known_bases_of_one_half_and_tells_its_story() -> None:
    bases = {base.name: base.half for base in plan.BASES}
    for each in slips().values():
        assert len({bases[name] for name in each.on}) == 1
        assert each.story.endswith(".")


@pytest.mark.parametrize("name", ["reef6", "reef2", "unequal", "shapes", "digits"])
def test_a_set_has_all_its_classes_in_both_splits_and_no_image_twice(name: str) -> None:
    photos = images.load(name)
    everything = set(range(len(photos.classes)))
    assert set(photos.y.tolist()) == everything == set(photos.yv.tolist())
    assert photos.x.dtype == np.uint8
    assert photos.x.shape[1:] == photos.xv.shape[1:] == (3, images.SIZE, images.SIZE)
    assert not {picture.tobytes() for picture in photos.x} & {picture.tobytes() for picture in photos.xv}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> plan.Base:
    monkeypatch.setitem(images.SETS, "tiny", partial(images.reef, species=3, n=20, difficulty=0.0, fauna=3))
    images.load.cache_clear()
    return TINY


def test_a_tiny_loop_and_its_slip_are_recorded_and_scored(
    tiny: plan.Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = plan.Loop("sound-tiny-cnn", tiny)
    sick = plan.Loop("sick", tiny, slip=slips()["scheduler-steps-alone"])
    monkeypatch.setattr(score, "loops", lambda: (sound,))
    assert record.wanted(sick, folder=tmp_path)
    for loop in (sound, sick):
        assert record.make(loop, tmp_path)["error"] == ""
        assert not record.wanted(loop, renew=True, folder=tmp_path)
    assert record.wanted(replace(sick, seed=1), folder=tmp_path)
    found, missing = score.cases([sound, sick, replace(sound, name="absent")], tmp_path)
    assert missing == ["absent"]
    assert [case.state for case in found] == ["healthy", "sick"]
    figures = score.score(found)
    assert figures["first"]["n"] == figures["healthy_sick"]["n"] == 1


def test_what_netvet_raises_is_noted_and_scored_as_an_error(
    tiny: plan.Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(s: script.Script, out: Path) -> None:
        raise RuntimeError("no such class")

    sound = plan.Loop("sound-tiny-cnn", tiny)
    monkeypatch.setattr(score, "loops", lambda: (sound,))
    monkeypatch.setattr(script, "run", broken)
    assert record.make(sound, tmp_path)["error"] == "RuntimeError: no such class"
    (case,), _ = score.cases([sound], tmp_path)
    assert (case.verdict, case.message) == ("error", "RuntimeError: no such class")


def test_a_program_with_a_seed_is_the_same_when_it_is_written_again(tiny: plan.Base) -> None:
    one, other, third = script.written(tiny), script.written(tiny), script.written(tiny, 1)
    first, again, else_ = (torch.cat([w.flatten() for w in s.model.parameters()]) for s in (one, other, third))
    assert torch.equal(first, again)
    assert not torch.equal(first, else_)


def true(val: float, train: float = 1.0, recalls: tuple[float, ...] = ()) -> truth.Truth:
    return truth.Truth(train, val, recalls)


def test_a_slip_is_sick_where_it_costs_accuracy_or_a_class_or_opens_a_gap() -> None:
    twin = true(0.9, 0.95, (0.9, 0.9))
    assert truth.harmed("unchanged-weights", False, true(0.76), twin)
    assert not truth.harmed("unchanged-weights", False, true(0.77), twin)
    assert truth.harmed("invalid-labels", True, true(0.8, recalls=(0.99, 0.45)), twin)
    assert not truth.harmed("invalid-labels", False, true(0.8, recalls=(0.99, 0.45)), twin)
    assert truth.harmed("few-images", False, true(0.8, 1.0), twin)
    assert not truth.harmed("few-images", False, true(0.86, 1.0), twin)


def test_a_healthy_loop_is_near_the_best_and_has_no_gap() -> None:
    assert truth.learns(true(0.9), 1.0)
    assert not truth.learns(true(0.89), 1.0)
    assert not truth.learns(true(0.84), 0.84)


def said(*causes: str, verdict: str = "sick", severity: str = "illness") -> Diagnosis:
    found = tuple(Finding("m", rule=cause, severity=severity) for cause in causes)  # type: ignore[arg-type]
    return Diagnosis(found, {}, verdict)  # type: ignore[arg-type]


def case(kind: str, state: str, diagnosis: Diagnosis) -> score.Case:
    chosen = next(loop for loop in plan.loops() if loop.kind == kind)
    root = diagnosis.root.rule if diagnosis.root else ""
    return score.Case(chosen, state, diagnosis.verdict, root)  # type: ignore[arg-type]


def test_figures_follow_from_what_is_named_first() -> None:
    found = [
        case("tiny-rate", "sick", said("learning-rate-too-low", "dead-relu")),
        case("dead-relu", "sick", said("vanishing-gradient", "dead-relu")),
        case("dead-relu", "sick", said("dead-relu", verdict="healthy", severity="note")),
        case("", "healthy", said(verdict="unfinished")),
        case("", "healthy", said("dead-relu")),
        case("", "unfit", said("dead-relu")),
        case("dead-relu", "harmless", said("dead-relu")),
    ]
    figures = score.score(found)
    assert [figures[name]["hits"] for name in ("first", "wrong_first", "false_health")] == [1, 1, 1]
    assert figures["first"]["n"] == 3
    assert [figures[f"healthy_{name}"]["hits"] for name in ("sick", "unfinished", "undecided")] == [1, 1, 0]
    assert figures["healthy_sick"]["n"] == 2
    assert figures["by_kind"]["dead-relu"]["said"] == {"vanishing-gradient": 1, "healthy": 1}
    assert figures["harmless"] == {"n": 1, "alarms": 1}
    assert len(score.misses(found)) == 6


def test_curves_have_neither_layers_nor_classes_nor_a_recipe() -> None:
    whole = altered(healthy_trace(), {"dead_fraction@features.2.act": 0.9})
    left = curves.curves(whole)
    assert set(left.names()) <= set(curves.CURVES)
    assert all(left.places(name) == [""] for name in left.names())
    assert left.recipe is None
    assert "classes" not in left.meta
    assert left.series("loss").last == whole.series("loss").last
    assert isinstance(left, Trace)


def test_a_slip_in_the_labels_leaves_the_next_program_alone(tiny: plan.Base) -> None:
    before = script.written(tiny)
    before.y[:], before.yv[:] = -100, -100
    after = script.written(tiny)
    assert after.y.min() == after.yv.min() == 0


def test_another_head_takes_the_place_of_the_head() -> None:
    for name, build in nets.NETS.items():
        model = build(4)
        head = nets.linear_layers(model)[-1]
        nets.replace_head(model, torch.nn.Sequential(torch.nn.BatchNorm1d(head.in_features), head))
        model.eval()
        assert model(torch.zeros(2, 3, images.SIZE, images.SIZE)).shape == (2, 4), name
        assert any(isinstance(module, torch.nn.BatchNorm1d) for module in model.modules()), name
