"""The clinic's plan: the same every time, halves that share nothing, every fault in both."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.clinic import datasets, harm, plan
from benchmarks.clinic.bases import NETS, healthy
from netvet.errors import BadInput
from netvet.fault import Fault, faults
from netvet.recipe import Recipe
from netvet.rule import rules
from netvet.testing import altered, healthy_trace


def planted(half: str) -> list[plan.Run]:
    return [run for run in plan.runs() if run.rule and run.half == half]


def test_there_are_enough_runs_and_every_name_is_its_own() -> None:
    names = [run.name for run in plan.runs()]
    assert len(names) == len(set(names))
    causes = {run.rule for run in plan.runs() if run.rule}
    assert sum(bool(run.rule) for run in plan.runs()) >= max(120, 10 * len(causes)) or len(causes) < 12
    assert sum(not run.rule for run in plan.runs()) >= 40
    assert causes == {fault.rule for fault in faults().values()} <= set(rules())


def test_the_plan_is_the_same_when_it_is_made_again() -> None:
    before = plan.runs()
    plan.runs.cache_clear()
    assert plan.runs() == before


@pytest.mark.parametrize("rule", sorted({fault.rule for fault in faults().values()}))
def test_no_data_set_and_no_net_of_a_cause_is_in_both_halves(rule: str) -> None:
    halves = [[run for run in planted(half) if run.rule == rule] for half in plan.HALVES]
    for runs in halves:
        assert len(runs) >= plan.PER_HALF
        assert len({run.severity for run in runs}) == 3
        assert {run.recipe.seed for run in runs} >= {1, 2, 3, 4, 5}
    families = [{run.family for run in runs} for runs in halves]
    assert not families[0] & families[1] or families == [{"reef"}, {"reef"}]  # what the reef alone can paint
    assert not {run.net for run in halves[0]} & {run.net for run in halves[1]}


def test_halves_are_balanced_and_hold_every_data_set() -> None:
    for half in plan.HALVES:
        sound = [run for run in plan.runs() if not run.rule and run.half == half]
        assert len(sound) >= 20
        assert {run.family for run in sound} == set(datasets.FAMILIES) == {run.family for run in planted(half)}
        assert {run.net for run in planted(half)} & {"test_resnet", "test_convnext"}  # timm's
        assert {run.recipe.optimizer.name for run in planted(half)} >= {"sgd", "adam"}


def test_near_misses_of_one_kind_are_on_other_data_and_nets_in_the_other_half() -> None:
    kinds = Counter(run.why for run in plan.runs() if not run.rule and run.why)
    for kind in (name for name, n in kinds.items() if n > 1):
        one, other = (run for run in plan.runs() if run.why == kind)
        assert one.half != other.half
        assert one.family != other.family
        assert one.net != other.net


def test_a_planted_run_differs_from_its_control_in_the_fault_alone() -> None:
    controls = {base.name: base for base in healthy()}
    known = {**faults(), **{fault.name: fault for fault in plan.OWN}}
    for run in planted("calibration") + planted("locked"):
        control = controls[run.control]
        assert control.net == run.net
        expected = known[run.fault].plant(control.recipe, run.severity)
        assert expected is not None
        assert run.recipe == expected.change({"seed": run.recipe.seed}) != control.recipe


def test_a_fault_without_effect_is_not_planted() -> None:
    base = next(b for b in healthy() if b.net == "cnn-5x16-bare")
    still = Fault("no-momentum", "none", lambda recipe, _: recipe.change({"optimizer.momentum": 0.0}), Recipe())
    assert base.recipe.optimizer.name == "adam"
    assert plan._planted_in(still, base, 1) is None
    timm = next(b for b in healthy() if b.net == "test_resnet")
    large = Fault("dead-relu", "large", lambda recipe, _: recipe.change({"model.init": "large"}), Recipe())
    assert plan._planted_in(large, timm, 1) is None
    assert plan._planted_in(still, timm, 1) is not None


def test_sources_are_read_and_set() -> None:
    assert datasets.family("reef:species=3") == "reef"
    assert datasets.resolve("reef:species=3") == "reef:species=3"
    assert datasets.parse("fashion:only=bag+coat,each=12,noise=0.3") == datasets.Options(
        None, ("bag", "coat"), 12, 1, 0.3
    )
    with pytest.raises(BadInput, match="colour"):
        datasets.parse("fashion:colour=3")


def test_a_subset_is_drawn_by_names_alone() -> None:
    rows = [(f"{label}/{i}.png", label, f"{label}{i // 4}") for label in "abc" for i in range(40 + ord(label))]
    options = datasets.Options(classes=2, each=40, imbalance=4.0)
    chosen = datasets.choose(rows, options)
    assert chosen == datasets.choose(rows[::-1], options)
    assert Counter(label for _, label, _ in chosen) == {"c": 40, "b": 10}  # the most frequent classes
    wrong = datasets.choose(rows, datasets.Options(each=100, noise=0.3))
    share = sum(label != path[0] for path, label, _ in wrong) / len(wrong)
    assert 0.2 < share < 0.4
    groups = Counter(group for _, label, group in chosen if label == "c")
    assert list(groups.values()).count(4) >= 9  # whole, but for the ends of the table and of the subset


def test_fashion_is_written_as_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reason = datasets.absent("fashion")
    if reason is not None:
        pytest.skip(reason)
    from netvet.images.dataset import load

    monkeypatch.setenv("NETVET_CACHE", str(tmp_path))
    images = load(datasets.resolve("fashion:only=bag+trouser,each=20"), image_size=28)
    assert images.classes == ("bag", "trouser")
    assert images.images.shape == (40, 28, 28, 3)
    assert not images.rejected
    bags, trousers = (images.images[images.labels == k].mean() for k in (0, 1))
    assert bags > trousers  # a bag fills its picture


def test_absent_data_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETVET_DATA", str(tmp_path))
    assert "NETVET_DATA" in str(datasets.absent("f4k23"))
    with pytest.raises(BadInput, match="f4k23"):
        datasets.resolve("f4k23:classes=8")


def test_harm_is_read_from_accuracies() -> None:
    control = healthy_trace(val_accuracy=0.9)
    assert harm.harm("dead-relu", healthy_trace(val_accuracy=0.5), control).took
    assert not harm.harm("dead-relu", healthy_trace(val_accuracy=0.85), control).took
    assert harm.harm("learning-rate-too-high", altered(control, {"val_loss": float("nan")}), control).took
    assert harm.harm("weak-regularisation", healthy_trace(train_accuracy=1.0, val_accuracy=0.7), control).took
    assert not harm.harm("weak-regularisation", healthy_trace(train_accuracy=0.7, val_accuracy=0.6), control).took
    assert harm.harm("split-leakage", altered(control, {"leaked_share@val": 0.4}), control).took
    assert not harm.harm("split-leakage", control, control).took


def test_imbalance_harms_where_rare_classes_lag_behind() -> None:
    control = healthy_trace()
    rare = {"class_images@species 0": 10.0, "val_recall@species 0": 0.2}
    assert harm.harm("class-imbalance", altered(control, rare), control).took
    assert not harm.harm("class-imbalance", altered(control, {"class_images@species 0": 10.0}), control).took
    assert not harm.harm("class-imbalance", altered(control, {"val_recall@species 0": 0.2}), control).took


def test_late_stopping_harms_where_a_run_spoils_what_it_had() -> None:
    control = healthy_trace()
    late = {"val_balanced_accuracy": [0.3, 0.8, 0.7, 0.6], "train_balanced_accuracy": [0.3, 0.8, 0.95, 1.0]}
    assert harm.harm("late-stopping", altered(control, late), control).took
    assert not harm.harm("late-stopping", control, control).took


def test_every_net_is_used() -> None:
    assert {base.net for base in healthy()} == set(NETS)
