"""The clinic's plan: the same every time, halves that share nothing, every fault in both."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.clinic import bases, class_sets, classes, datasets, harm, locked, photographs, plan
from netvet.base.errors import BadInput
from netvet.faults import Fault, faults
from netvet.recipe import Recipe
from netvet.rules import rules
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
def test_no_image_set_and_no_net_of_a_cause_is_in_both_halves(rule: str) -> None:
    halves = [[run for run in planted(half) if run.rule == rule] for half in plan.HALVES]
    for runs in halves:
        assert len(runs) >= (4 if rule in classes.RULES else plan.PER_HALF)  # four of a stuck class on each data set
        assert len({run.severity for run in runs}) == 3
        seeds = {run.recipe.seed for run in runs}
        assert seeds >= {1, 2, 3, 4, 5} or (rule in classes.RULES and len(seeds) >= 3)  # that of the twin
    assert not {run.recipe.data.source for run in halves[0]} & {run.recipe.data.source for run in halves[1]}
    for of_class in (False, True):  # what was the locked half of stuck classes once has nets of the other plan's
        one, other = ({run.net for run in runs if run.of_class == of_class} for runs in halves)
        assert not one & other


def test_every_half_holds_every_data_set_and_kind_of_net() -> None:
    for half in plan.HALVES:
        sound = [run for run in plan.runs() if not run.rule and run.half == half]
        assert len(sound) >= 40
        assert {run.family for run in sound} == set(datasets.FAMILIES) == {run.family for run in planted(half)}
        assert {run.net for run in planted(half)} & {
            "test_resnet",
            "test_convnext",
            "test_byobnet",
            "test_efficientnet",
        }  # timm's
        assert {run.recipe.optimizer.name for run in planted(half)} >= {"sgd", "adam"}


def test_no_near_miss_of_the_locked_half_is_on_data_or_a_net_of_calibration() -> None:
    sound = [run for run in plan.runs() if not run.rule and run.why]
    for of_class in (False, True):
        mine = [run for run in sound if run.of_class == of_class]
        seen = {(run.recipe.data.source, run.net) for run in mine if run.half == "calibration"}
        for run in mine:
            if run.half == "locked":
                assert run.recipe.data.source not in {source for source, _ in seen}
                assert run.net not in {net for _, net in seen}


def test_photographs_of_the_locked_half_are_not_in_calibration() -> None:
    if datasets.absent("f4k23") is not None:
        pytest.skip(str(datasets.absent("f4k23")))
    _root, rows = datasets._fish()
    sets = [
        {path for path, *_ in datasets.choose(rows, datasets.parse(source))}
        for source in (bases.PLAIN["f4k23"], locked.PLAIN["f4k23"])
    ]
    assert all(sets)
    assert not sets[0] & sets[1]


def test_a_planted_run_differs_from_its_control_in_the_fault_alone() -> None:
    controls = {base.name: base for base in plan.healthy()}
    known = {**faults(), **{fault.name: fault for fault in plan.OWN}}
    for run in planted("calibration") + planted("locked"):
        if run.of_class:
            continue
        control = controls[run.control]
        assert control.net == run.net
        expected = known[run.fault].plant(control.recipe, run.severity)
        assert expected is not None
        assert run.recipe == expected.change({"seed": run.recipe.seed}) != control.recipe


def test_a_class_run_has_the_recipe_and_the_seed_of_its_twin() -> None:
    twins = {base.name: base for base in plan.healthy()}
    mine = [run for run in planted("calibration") + planted("locked") if run.of_class]
    rounds: dict[class_sets.Round, set[str]] = {of: set() for of in class_sets.HALVES}
    for of, base in classes.by_round():
        rounds[of].add(base.name)
    for run in mine:
        twin = twins[run.control].recipe
        changed = run.recipe.differences(twin)
        assert changed
        assert run.recipe.seed == twin.seed
        if run.rule != "weak-features":
            assert all(path == "data.source" or path.startswith("augment.per_class") for path in changed)
            assert run.victims
    for of, twins_of in rounds.items():
        here = [run for run in mine if run.control in twins_of]
        for rule in {run.rule for run in here} - {"class-imbalance", "weak-features"}:
            families = Counter(run.family for run in here if run.rule == rule and not run.also)
            assert families == dict.fromkeys(("reef", "f4k23"), classes.EACH[of])
        assert len({(run.rule, run.also) for run in here if run.also}) >= 3
        assert len(twins_of) >= 10
        assert {run.half for run in here} == {class_sets.HALVES[of]}


def test_nothing_of_a_class_run_is_in_both_halves() -> None:
    mine = [run for run in plan.runs() if run.of_class]
    one, other = ([run for run in mine if run.half == half] for half in plan.HALVES)
    assert one
    assert not {run.net for run in one} & {run.net for run in other}
    assert not {run.recipe.data.source for run in one} & {run.recipe.data.source for run in other}
    assert not {run.recipe.seed for run in one} & {run.recipe.seed for run in other}


def test_species_are_in_the_order_of_the_photographs() -> None:
    if datasets.absent("f4k23") is not None:
        pytest.skip(str(datasets.absent("f4k23")))
    _root, rows = datasets._fish()
    seen: dict[str, set[str]] = {of: set() for of in class_sets.HALVES}
    for (of, shape), names in class_sets.SPECIES.items():
        options = datasets.parse(class_sets.SOURCES[of, "f4k23", shape])
        assert tuple(datasets.names(rows, options)) == names
        seen[of] |= {path for path, *_ in datasets.choose(rows, options)}
    for one, other in combinations([of for of in seen if of != "fourth"], 2):
        assert not seen[one] & seen[other], f"{one} and {other} share photographs"


def test_the_species_that_something_is_planted_in_are_those_of_one_round() -> None:
    mine = {of: set[str]() for of in class_sets.HALVES}
    for each in classes.planted(faults()):
        of = next(of for of, base in classes.by_round() if base.name == each.base.name)
        if each.base.family == "f4k23" and each.kind.name != "one-name":  # which needs three or four species at once
            mine[of] |= {name.removesuffix(photographs.TWIN) for name in each.victims}
    for one, other in combinations(mine, 2):
        assert not mine[one] & mine[other], f"{one} and {other}: {mine[one] & mine[other]}"


ROWS = [(f"{label}/{i}.jpg", label, f"{label}{i // 5}") for label in "abcdef" for i in range(100)]


def photographed(root: Path = Path(), **options: float) -> list[photographs.Placed]:
    return photographs.plant(root, ROWS, list("abcdef"), datasets.Options(val=0.3, **options))  # type: ignore[arg-type]


def test_photographs_are_split_by_track() -> None:
    placed = photographed()
    parts = Counter((label, part) for _, label, _, part in placed)
    assert all(parts[label, "val"] == 30 and parts[label, "test"] == 10 for label in "abcdef")
    assert len({(group, part) for *_, group, part in placed}) == len({group for _, _, group, _ in placed})


def test_labels_of_one_class_are_swapped_and_no_count_changes() -> None:
    placed = photographed(mix=0.5)
    wrong = [row for row in placed if row[0][0] != row[1]]
    assert len(wrong) == 100  # half of the 100 of d, and as many that have its label
    assert sum(row[0][0] == "d" for row in wrong) == sum(row[1] == "d" for row in wrong) == 50
    assert Counter((row[1], row[3]) for row in placed) == Counter((row[1], row[3]) for row in photographed())
    more = {row[0]: row[1] for row in photographed(mix=0.6)}
    assert all(more[row[0]] != "d" for row in wrong if row[0][0] == "d")


def test_labels_are_swapped_in_training_alone_where_the_rest_is_to_be_sound() -> None:
    placed = {row[0]: row for row in photographed(mix=0.5)}
    for path, label, _group, part in photographed(mix=0.5, sound=1):
        assert label == (placed[path][1] if part == "train" else path[0])


def test_few_photographs_are_left_for_training_alone() -> None:
    parts = Counter((label, part) for _, label, _, part in photographed(few=6))
    assert (parts["d", "train"], parts["d", "val"], parts["c", "train"]) == (6, 30, 60)


def test_one_species_is_dealt_to_two_labels_by_track() -> None:
    placed = photographed(victim=0, dealt=0.25)
    second = {row[2] for row in placed if row[1] == "a-b"}
    assert second
    assert not second & {row[2] for row in placed if row[1] == "a"}
    share = sum(row[1] == "a-b" for row in placed) / 100
    assert 0.2 <= share <= 0.3
    assert {row[3] for row in placed if row[1] == "a-b"} >= {"train", "val"}


def test_several_species_share_one_label_of_the_same_size() -> None:
    placed = photographed(merged=3)
    mine = [row for row in placed if row[1] == "d+e+f"]
    assert {row[0][0] for row in mine} == set("def")
    assert 100 <= len(mine) <= 106
    assert {row[1] for row in placed} == {"a", "b", "c", "d+e+f"}


def fish(place: Path) -> Path:
    root = place / "fish"
    rng = np.random.default_rng(0)
    for path, *_ in ROWS:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (24, 24, 3), np.uint8)).save(root / path)
    return root


def test_a_fine_pattern_is_there_at_full_size_and_gone_at_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETVET_CACHE", str(tmp_path / "cache"))
    root = fish(tmp_path)
    placed = photographed(root, victim=2, dealt=0.4, fine=40)
    made = [row for row in placed if Path(row[0]).is_absolute()]
    assert {row[1] for row in made} == {"c", "c" + photographs.TWIN}
    assert len(made) == 100
    fine: dict[int, list[float]] = {}
    for side in (64, 32):
        corners: dict[str, list[float]] = {}
        for path, label, *_ in made:
            small = Image.open(path).resize((side, side), Image.Resampling.BILINEAR)
            x = np.asarray(small, np.float64)
            corner = np.abs(x[1:, 1:] - x[:-1, 1:] - x[1:, :-1] + x[:-1, :-1])
            corners.setdefault(label, []).append(float(corner.mean()))
        fine[side] = [float(np.mean(corners[label])) for label in ("c", "c" + photographs.TWIN)]
    assert fine[64][1] > fine[64][0] + 100  # 4 x 40 on 24 pixels made larger, which are smooth
    assert fine[32][1] == pytest.approx(fine[32][0], rel=0.1)


def test_photographs_of_two_classes_are_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETVET_CACHE", str(tmp_path / "cache"))
    root = fish(tmp_path)
    light = {}
    for name, options in (("plain", {}), ("dark", {"dark": 0.95}), ("blur", {"blur": 0.2})):
        placed = photographed(root, victim=3, victims=2, **options)
        made = [row for row in placed if Path(row[0]).is_absolute()]
        assert {row[1] for row in made} == (set("de") if options else set())
        pixels = [np.asarray(Image.open(root / row[0]), float) for row in placed if row[1] == "d"]
        light[name] = np.mean([each.mean() for each in pixels]), np.mean([each.std() for each in pixels])
    assert light["dark"][0] < 0.1 * light["plain"][0]
    assert light["blur"][0] == pytest.approx(light["plain"][0], rel=0.05)
    assert light["blur"][1] < 0.3 * light["plain"][1]


def test_a_class_is_harmed_where_it_falls_against_its_twin() -> None:
    twin = healthy_trace()
    name = twin.places("val_auc")[0]
    for change in ({f"val_auc@{name}": twin.last("val_auc", name) - 0.12}, {f"val_recall@{name}": 0.1}):
        sick = altered(twin, change)
        assert harm.class_harm(sick, twin, (name,)).took
        assert harm.class_harm(sick, twin, ()).took
        assert not harm.class_harm(sick, twin, (twin.places("val_auc")[1],)).took
    assert not harm.class_harm(twin, twin, ()).took
    dealt = altered(twin, {f"val_recall@{name}": 0.1})
    assert harm._of_parts(dealt, "val_recall", name + photographs.TWIN) == pytest.approx(0.1)
    assert harm._of_parts(dealt, "val_recall", f"{name}+{name}") == pytest.approx(0.1)


def test_a_fault_without_effect_is_not_planted() -> None:
    base = next(b for b in plan.healthy() if b.net == "cnn-5x16-bare")
    still = Fault("no-momentum", "none", lambda recipe, _: recipe.change({"optimizer.momentum": 0.0}), Recipe())
    assert base.recipe.optimizer.name == "adam"
    assert plan._planted_in(still, base, 1) is None
    timm = next(b for b in plan.healthy() if b.net == "test_resnet")
    large = Fault("dead-relu", "large", lambda recipe, _: recipe.change({"model.init": "large"}), Recipe())
    assert plan._planted_in(large, timm, 1) is None
    assert plan._planted_in(still, timm, 1) is not None


def test_sources_are_read_and_set() -> None:
    assert datasets.family("reef:species=3") == "reef"
    assert datasets.resolve("reef:species=3") == "reef:species=3"
    assert datasets.parse("fashion:only=bag+coat,each=12,noise=0.3") == datasets.Options(
        None, ("bag", "coat"), 12, 0, 1, 0.3
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
    assert {base.net for base in plan.healthy()} == {
        *bases.NETS,
        *locked.NETS,
        *class_sets.TABLES["third"],
        *class_sets.TABLES["fourth"],
    }
