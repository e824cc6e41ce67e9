"""The recipe: YAML there and back, changes by dotted path, and sentences that say what to write instead."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from netvet.base.errors import BadInput
from netvet.recipe import NO_AUGMENT, Recipe, load, parse, parse_assignments, shipped

SHARES = st.floats(0, 1, exclude_max=True, allow_subnormal=False)
POSITIVE = st.floats(1e-12, 1e12)
COUNTS = st.integers(1, 10**6)
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "data.source": TEXT,
    "data.image_size": st.integers(8, 1024),
    "data.val": SHARES,
    "data.group": TEXT,
    "data.exclude": st.none() | TEXT,
    "model.depth": st.integers(1, 200),
    "model.norm_after": st.sampled_from(["all", "none", "early", "late"]) | st.lists(COUNTS, max_size=4),
    "model.activation": st.sampled_from(["relu", "leaky-relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid"]),
    "model.weights": st.none() | TEXT,
    "optimizer.name": st.sampled_from(["sgd", "adam", "adamw"]),
    "optimizer.lr": POSITIVE,
    "optimizer.nesterov": st.booleans(),
    "optimizer.clip": st.none() | POSITIVE,
    "schedule.name": st.sampled_from(["constant", "step", "cosine", "plateau", "cyclic", "one-cycle"]),
    "loss.gamma": st.floats(0, 1e9),
    "augment.rotate": st.floats(0, 180),
    "augment.per_class": st.dictionaries(
        TEXT, st.fixed_dictionaries({"flip": st.booleans(), "light": SHARES}), max_size=3
    ),
    "augment.generated.images": st.dictionaries(TEXT, st.integers(1, 10_000), max_size=3),
    "augment.generated.steps": st.integers(1, 100_000),
    "stop.epochs": st.integers(1, 100_000),
    "stop.early_stopping": st.none() | COUNTS,
    "seed": st.integers(0, 2**40),
    "batch_size": st.integers(2, 10**6),
}
OF_CLASSES = ("augment.per_class", "augment.generated.images")
CHANGES = st.fixed_dictionaries({}, optional=FIELDS)


@given(CHANGES)
@example({"data.source": "\x85"})
@example({"data.source": "a\u2028b \u00e9"})
def test_yaml_there_and_back(changes: dict[str, Any]) -> None:
    recipe = Recipe().change(changes)
    assert parse(yaml.safe_load(recipe.to_yaml())) == recipe


@given(CHANGES, CHANGES)
def test_differences_lead_from_one_recipe_to_the_other(mine: dict[str, Any], other: dict[str, Any]) -> None:
    mine = {k: v for k, v in mine.items() if k not in OF_CLASSES}  # a class that is gone has no value to set
    other = {k: v for k, v in other.items() if k not in OF_CLASSES}
    a, b = Recipe().change(mine), Recipe().change(other)
    differences = a.differences(b)
    assert a.change({path: new for path, (_old, new) in differences.items()}) == b
    assert b.change({path: old for path, (old, _new) in differences.items()}) == a
    assert (a == b) == (not differences)


@given(st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8) | st.none(), max_size=3))
def test_any_tree_is_a_recipe_or_one_sentence(tree: dict[str, Any]) -> None:
    try:
        parse(tree)
        said = "."
    except BadInput as error:
        said = str(error)
    assert said.endswith(".")
    assert "\n" not in said


def test_a_recipe_cannot_be_altered() -> None:
    with pytest.raises(Exception, match="frozen"):
        Recipe().optimizer.lr = 0.1


def test_change_leaves_the_old_recipe_as_it_was() -> None:
    old = Recipe()
    new = old.change({"optimizer.lr": 0.1, "model.norm_after": [1, 2]})
    assert (old.optimizer.lr, new.optimizer.lr, new.model.norm_after) == (0.05, 0.1, (1, 2))


def test_a_class_gets_its_own_augmentation() -> None:
    recipe = Recipe().change({"augment.per_class.Zanclus_cornutus": {"rotate": 90}})
    assert recipe.augment.per_class["Zanclus_cornutus"].rotate == 90
    assert recipe.augment.rotate == Recipe().augment.rotate


def test_no_augment_is_not_active() -> None:
    assert Recipe().augment.active
    assert not NO_AUGMENT.active


def test_generated_images_are_asked_for_by_class_and_change_no_image() -> None:
    recipe = Recipe().change({"augment": NO_AUGMENT.model_dump(), "augment.generated.images.Zanclus_cornutus": 40})
    assert recipe.augment.generated.images == {"Zanclus_cornutus": 40}
    assert not recipe.augment.active
    assert Recipe().change(parse_assignments(["augment.generated.images.a=3"])).augment.generated.images == {"a": 3}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"optimizer.name": "sdg"}, "The recipe's optimizer.name is 'sdg'; allowed: sgd, adam, adamw."),
        ({"optimizer.lrr": 1}, "has no field 'optimizer.lrr'; optimizer has name, lr, momentum"),
        ({"optimiser.lr": 1}, "has no field 'optimiser.lr'; it has data, model, optimizer"),
        ({"seed.a": 1}, "has no field 'seed.a'"),
        ({"optimizer.lr": 0}, "The recipe's optimizer.lr is 0: it should be greater than 0."),
        ({"optimizer.lr": "fast"}, "optimizer.lr is 'fast': it should be a valid number"),
        ({"optimizer.lr": math.inf}, "optimizer.lr is inf: it should be a finite number."),
        ({"data.image_size": 4}, "data.image_size is 4: it should be greater than or equal to 8."),
        ({"data.image_size": 64.5}, "data.image_size is 64.5: it should be a valid integer"),
        ({"model.norm_after": "first"}, "model.norm_after is 'first'; allowed: all, none, early, late"),
        ({"stop.epochs": 0}, "stop.epochs is 0"),
        ({"batch_size": 1}, "batch_size is 1"),
        ({"augment.per_class": {"a": {"spin": 1}}}, "spin"),
        ({"augment.generated.images": {"a": 0}}, "augment.generated.images.a is 0: it should be greater than or equal"),
        ({"augment.generated.images.a": "many"}, "augment.generated.images.a is 'many': it should be a valid integer"),
        ({"augment.generated.images": 5}, "augment.generated.images is 5: it should be a valid dictionary"),
        ({"augment.generated.steps": 0}, "augment.generated.steps is 0"),
        ({"augment.generated.seconds": 9}, "augment.generated has images, steps"),
    ],
)
def test_a_wrong_field_gets_one_sentence_that_names_it(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        Recipe().change(changes)
    message = str(caught.value)
    assert sentence in message
    assert message.endswith(".")
    assert "\n" not in message
    assert "pydantic" not in message


def test_a_misspelt_field_in_a_file_gets_a_proposal(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("optimizer:\n  momentun: 0.9\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"mine\.yaml has no field 'optimizer\.momentun' \(did you mean momentum\?\)"):
        load(file)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- a\n- b\n", "must be a YAML mapping"),
        ("optimizer: {lr: 0.1\nseed: 1\n", "is not valid YAML, line"),
        ("optimizer: 3\n", "optimizer"),
        ("\x00", "is not valid YAML"),
    ],
)
def test_a_file_that_is_no_recipe(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=sentence):
        load(file)


def test_an_empty_file_is_the_default_recipe(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("", encoding="utf-8")
    assert load(tmp_path / "mine.yaml") == Recipe()


def test_a_recipe_that_is_not_there(tmp_path: Path) -> None:
    for name in (tmp_path / "none.yaml", tmp_path, "transfr"):
        with pytest.raises(BadInput, match=r"give a YAML file, or one of: .*transfer"):
            load(name)


def test_shipped_recipes_are_valid() -> None:
    assert "transfer" in shipped()
    for name in shipped():
        assert load(name) != Recipe()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a.b=1", 1),
        ("a.b = 0.5", 0.5),
        ("a.b=1e-3", 0.001),
        ("a.b=true", True),
        ("a.b=null", None),
        ("a.b=[1, 2]", [1, 2]),
        ("a.b=", None),
        ("a.b=x=y", "x=y"),
        ("a.b='1e-3'", 0.001),
    ],
)
def test_assignments_read_values_as_yaml(text: str, value: object) -> None:
    assert parse_assignments([text]) == {"a.b": value}


@pytest.mark.parametrize("text", ["optimizer.lr", "=1", "", "a.b=[1"])
def test_assignments_that_are_none(text: str) -> None:
    with pytest.raises(BadInput, match=r"--set .*(for example|quote it)"):
        parse_assignments([text])


def test_the_last_assignment_counts() -> None:
    assert parse_assignments(["seed=1", "seed=2"]) == {"seed": 2}


def test_a_change_leaves_what_it_was_given_alone() -> None:
    given = NO_AUGMENT.model_dump(mode="json")
    changed = Recipe().change({"augment": given, "augment.flip": True})
    assert changed.augment.flip
    assert given == NO_AUGMENT.model_dump(mode="json")
