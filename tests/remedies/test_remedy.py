"""Every remedy on any recipe: the result is a valid recipe, changes only its part, and is not a new one every time."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from netvet.recipe import Recipe, parse
from netvet.remedies import GENERAL, USUAL_RATES, Remedy, best_learning_rate, prescribe, remedies
from netvet.rules import Diagnosis, Finding
from netvet.trace import Series

STEPWISE = {"lower-learning-rate", "raise-learning-rate"}  # without a range test they go on by a factor of ten
GROWING = {"larger-model", "larger-images"}  # by two, up to an end

each_remedy = pytest.mark.parametrize("remedy", remedies().values(), ids=remedies())


def recipes() -> st.SearchStrategy[Recipe]:
    """Recipes of every kind, the odd ones too."""
    depth = st.integers(1, 30)
    fields: dict[str, st.SearchStrategy[Any]] = {
        "data.group": st.sampled_from(["auto", "none", "track"]),
        "data.image_size": st.sampled_from([8, 64, 150, 300, 1024]),
        "data.normalise": st.sampled_from(["auto", "none", "bytes"]),
        "data.clean_labels": st.sampled_from(["none", "correct", "leave-out"]),
        "data.drop_low_quality": st.booleans(),
        "model.name": st.sampled_from(["cnn", "resnet", "preact-resnet", "resnet18", "vgg11"]),
        "model.depth": depth,
        "model.width": st.integers(1, 256),
        "model.norm": st.sampled_from(["batch", "group", "layer", "instance"]),
        "model.norm_after": st.one_of(
            st.sampled_from(["all", "none", "early", "late"]), st.lists(st.integers(1, 30), max_size=6)
        ),
        "model.activation": st.sampled_from(["relu", "leaky-relu", "tanh", "sigmoid", "gelu"]),
        "model.init": st.sampled_from(["he", "xavier", "default", "small", "large", "constant"]),
        "model.dropout": st.floats(0, 0.9),
        "model.bias": st.sampled_from([-3.0, 0.0, 0.5]),
        "model.norm_momentum": st.sampled_from([0.01, 0.1, 0.5]),
        "model.recalibrate": st.booleans(),
        "model.shortcut": st.sampled_from(["none", "residual"]),
        "model.weights": st.sampled_from([None, "imagenet"]),
        "optimizer.name": st.sampled_from(["sgd", "adam", "adamw"]),
        "optimizer.lr": st.floats(1e-7, 50),
        "optimizer.momentum": st.sampled_from([0.0, 0.5, 0.9]),
        "optimizer.clip": st.one_of(st.none(), st.floats(0.01, 100)),
        "optimizer.weight_decay": st.floats(0, 0.5),
        "schedule.name": st.sampled_from(["constant", "step", "cosine", "plateau", "cyclic", "one-cycle"]),
        "loss.name": st.sampled_from(["cross-entropy", "focal"]),
        "loss.class_weights": st.sampled_from(["none", "balanced", "effective"]),
        "sampler.name": st.sampled_from(["shuffle", "oversample"]),
        "augment.flip": st.booleans(),
        "augment.rotate": st.floats(0, 90),
        "augment.scale": st.floats(0, 0.5),
        "augment.light": st.sampled_from([0.0, 0.2]),
        "augment.colour": st.sampled_from([0.0, 0.1]),
        "augment.erase": st.floats(0, 1),
        "augment.mixup": st.sampled_from([0.0, 0.2]),
        "augment.generated.images": st.sampled_from([{}, {"perch": 50}, {"pike": 9}]),
        "batch_size": st.integers(2, 256),
        "surgery": st.sampled_from([[], ["activation=sigmoid"], ["norm=layer", "init=small"], ["residual"]]),
        "stop.epochs": st.integers(1, 200),
        "stop.early_stopping": st.one_of(st.none(), st.integers(1, 20)),
    }
    return st.fixed_dictionaries(fields).map(lambda changes: Recipe().change(changes))


def _range_tested(rate: float) -> Finding:
    """A finding that rests on a range test whose best learning rate is `rate`."""
    return Finding("x", evidence=(_series("lr_range_best", rate),), rule="learning-rate-too-low")


def _series(name: str, value: float, where: str = "") -> Series:
    return Series(name, where, np.zeros(1, np.int64), np.array([value]))


OF_A_CLASS = Finding("x", where="perch", rule="stuck-class", kind="symptom")
SMALLEST = Recipe().change({"model.width": 1, "model.depth": 1})  # on which larger-model once failed, range-tested


def findings() -> st.SearchStrategy[Finding | None]:
    return st.one_of(st.none(), st.just(Finding("bare")), st.just(OF_A_CLASS), st.floats(1e-5, 10).map(_range_tested))


@each_remedy
@settings(deadline=None)  # a busy machine is no failure
@given(recipe=recipes(), finding=findings())
@example(recipe=SMALLEST, finding=_range_tested(0.01))
def test_the_result_is_a_valid_recipe_that_differs_in_the_stated_part_alone(
    remedy: Remedy, recipe: Recipe, finding: Finding | None
) -> None:
    changed = remedy.apply(recipe, finding)
    if changed is None:
        return
    assert parse(changed.model_dump(mode="json")) == changed
    assert changed != recipe
    parts = {path.split(".")[0] for path in recipe.differences(changed)}
    assert parts <= {remedy.changes, *remedy.also}
    assert remedy.changes in parts or parts == {"surgery"}


@each_remedy
@settings(deadline=None)  # a busy machine is no failure
@given(recipe=recipes(), finding=findings())
def test_the_same_recipe_gives_the_same_result(remedy: Remedy, recipe: Recipe, finding: Finding | None) -> None:
    assert remedy.apply(recipe, finding) == remedy.apply(recipe, finding)


@each_remedy
@settings(deadline=None)  # a busy machine is no failure
@given(recipe=recipes(), finding=findings())
@example(recipe=SMALLEST, finding=_range_tested(0.01))
def test_a_second_dose_does_nothing(remedy: Remedy, recipe: Recipe, finding: Finding | None) -> None:
    once = remedy.apply(recipe, finding)
    if once is None or remedy.name in GROWING or (remedy.name in STEPWISE and best_learning_rate(finding) is None):
        return
    assert remedy.apply(once, finding) in (None, once)


@pytest.mark.parametrize(("name", "sign"), [("lower-learning-rate", -1), ("raise-learning-rate", 1)])
@settings(deadline=None)  # a busy machine is no failure
@given(recipe=recipes())
def test_learning_rates_without_a_range_test_go_one_way_and_not_too_far(name: str, sign: int, recipe: Recipe) -> None:
    usual = USUAL_RATES[recipe.optimizer.name]
    for _dose in range(3):
        changed = remedies()[name].apply(recipe, None)
        if changed is None:
            return
        assert sign * changed.optimizer.lr > sign * recipe.optimizer.lr
        assert usual / 10.1 <= changed.optimizer.lr <= usual * 10.1
        recipe = changed
    raise AssertionError(f"{name} has not come to an end after three doses")


@pytest.mark.parametrize("name", sorted(GROWING))
@settings(deadline=None)  # a busy machine is no failure
@given(recipe=recipes())
@example(recipe=SMALLEST)
def test_growth_comes_to_an_end(name: str, recipe: Recipe) -> None:
    for _dose in range(9):
        grown = remedies()[name].apply(recipe, None)
        if grown is None:
            return
        recipe = grown
    raise AssertionError(f"{name} has not come to an end after nine doses")


@given(width=st.integers(1, 300), depth=st.integers(1, 30))
@example(width=1, depth=1)
def test_a_larger_model_is_larger_in_every_way(width: int, depth: int) -> None:
    """Whatever the range test says, of which it knows nothing: first the usual size, then twice the width."""
    small = Recipe().change({"model.width": width, "model.depth": depth})
    grown = remedies()["larger-model"].apply(small, _range_tested(0.01))
    assert grown == remedies()["larger-model"].apply(small, None)
    if grown is None:
        assert width >= 128
        assert depth >= Recipe().model.depth
        return
    assert grown.model.width >= width
    assert grown.model.depth >= depth
    assert (grown.model.width, grown.model.depth) != (width, depth)
    usual = Recipe().model
    if width < usual.width or depth < usual.depth:
        assert (grown.model.width, grown.model.depth) == (max(width, usual.width), max(depth, usual.depth))
    else:
        assert grown.model.width == min(2 * width, 128)


@each_remedy
def test_a_file_is_called_as_its_remedy(remedy: Remedy) -> None:
    assert remedy.module.rpartition(".")[2] == remedy.name.replace("-", "_")


def test_the_general_remedies_exist() -> None:
    assert set(GENERAL) <= set(remedies())


@each_remedy
def test_a_remedy_applies_to_its_example(remedy: Remedy) -> None:
    recipe = Recipe().change(remedy.example)
    assert remedy.apply(recipe, None) or remedy.apply(recipe, OF_A_CLASS)


def _finding(
    rule: str,
    *names: str,
    severity: Literal["illness", "note"] = "illness",
    kind: Literal["cause", "symptom"] = "cause",
) -> Finding:
    return Finding(rule, rule=rule, remedies=names, severity=severity, kind=kind)


def test_the_root_cause_comes_first_then_one_of_each_other_cause() -> None:
    found = (
        _finding("over-capacity", "smaller-model", "dropout"),
        _finding("class-imbalance", "oversample", "augment"),
        _finding("late-stopping", "early-stopping", "weight-decay"),
        _finding("generalisation-gap", kind="symptom"),
        _finding("dead-relu", "leaky-relu", severity="note"),
    )
    names = [p.remedy for p in prescribe(Recipe(), Diagnosis(found, {}, "sick"))]
    assert names == ["smaller-model", "dropout", "oversample", "early-stopping", "augment", "weight-decay"]


def test_the_list_is_filled_from_notes_and_then_from_the_general_remedies() -> None:
    found = (_finding("dead-relu", "leaky-relu", severity="note"),)
    prescribed = prescribe(Recipe(), Diagnosis(found, {}, "healthy"), least=3)
    assert [p.remedy for p in prescribed] == ["leaky-relu", "augment", "weight-decay"]
    assert prescribed[0].finding is found[0]
    assert prescribed[1].finding is None
    assert prescribe(Recipe(), Diagnosis((), {}, "healthy")) == []


def test_named_remedies_alone_and_no_unknown_ones() -> None:
    healthy = Diagnosis((), {}, "healthy")
    assert [p.remedy for p in prescribe(Recipe(), healthy, names=["dropout", "oversample"], least=5)] == [
        "dropout",
        "oversample",
    ]
    with pytest.raises(KeyError):
        prescribe(Recipe(), healthy, names=["bleeding"])


def test_a_remedy_of_one_class_gets_the_class_that_is_stuck() -> None:
    """Asked for by name it takes the symptom's class; a layer that a finding names is no class."""
    cause = _finding("class-imbalance", "oversample")
    sick = Diagnosis((cause, OF_A_CLASS), {}, "sick")
    (found,) = prescribe(Recipe(), sick, names=["class-augment"])
    assert found.finding is OF_A_CLASS
    assert list(found.recipe.augment.per_class) == ["perch"]
    (usual,) = prescribe(Recipe(), sick, names=["oversample"])
    assert usual.finding is cause
    layer = Finding("x", where="features.0", rule="dead-relu", remedies=("class-augment",))
    assert prescribe(Recipe(), Diagnosis((layer,), {}, "sick"), names=["class-augment"]) == []


def test_remedies_that_do_not_apply_or_repeat_are_passed_over() -> None:
    found = (
        _finding("a", "one-cycle", "augment", "not-yet-written"),
        _finding("b", "augment", "dropout"),
    )
    prescribed = prescribe(Recipe(), Diagnosis(found, {}, "sick"))  # the default schedule is one-cycle
    assert [(p.remedy, p.finding) for p in prescribed] == [("augment", found[0]), ("dropout", found[1])]
