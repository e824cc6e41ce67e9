"""Remedies for the class that a finding names: that class alone is changed, and without one they decline."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from netvet.images.augment import augment
from netvet.recipe import NO_AUGMENT, Recipe, Transforms
from netvet.remedies import named_class, remedies
from netvet.rules import Finding

PERCH = Finding("x", where="perch", rule="class-imbalance")


def treated(name: str, changes: dict[str, Any], finding: Finding | None = PERCH) -> dict[str, Any] | None:
    """What the remedy changes in the default recipe with `changes`."""
    recipe = Recipe().change(changes)
    changed = remedies()[name].apply(recipe, finding)
    if changed is None:
        return None
    return {path: after for path, (_before, after) in recipe.differences(changed).items()}


@pytest.mark.parametrize(
    ("finding", "name"),
    [
        (PERCH, "perch"),
        (Finding("x", where="perch", rule="stuck-class"), "perch"),
        (Finding("x", rule="stuck-class"), None),
        (Finding("x", where="features.0", rule="dead-relu"), None),
        (Finding("x", where="val", rule="split-leakage"), None),
        (Finding("x", where="perch", rule="not-yet-written"), None),
        (None, None),
    ],
)
def test_which_class_a_finding_names(finding: Finding | None, name: str | None) -> None:
    assert named_class(finding) == name
    if name is None:
        assert treated("class-augment", {}, finding) is None
        assert treated("gan-augment", {}, finding) is None


def test_class_augment_is_for_that_class_alone() -> None:
    usual = Transforms().model_dump()
    stronger = {**usual, "rotate": 30.0, "scale": 0.35, "light": 0.4}
    assert treated("class-augment", {}) == {"augment.per_class.perch": (stronger)}
    pike = {**usual, "rotate": 0.0}
    both = Recipe().change({"augment.per_class": {"pike": pike}})
    changed = remedies()["class-augment"].apply(both, PERCH)
    assert changed is not None
    assert {name: each.model_dump() for name, each in changed.augment.per_class.items()} == {
        "pike": pike,
        "perch": stronger,
    }


def test_class_augment_weakens_nothing_and_ends() -> None:
    found = treated("class-augment", {"augment.rotate": 90, "augment.erase": 0.5})
    assert found is not None
    own = found["augment.per_class.perch"]
    assert (own["rotate"], own["scale"], own["light"], own["erase"]) == (90.0, 0.35, 0.4, 0.5)
    strong = {"rotate": 30, "scale": 0.4, "light": 0.4}
    assert treated("class-augment", {"augment.per_class": {"perch": strong}}) is None


def test_class_augment_flips_only_where_nothing_was_augmented() -> None:
    nothing = treated("class-augment", {"augment": NO_AUGMENT.model_dump(mode="json")})
    assert nothing is not None
    assert nothing["augment.per_class.perch"]["flip"]
    sided = treated("class-augment", {"augment.flip": False})
    assert sided is not None
    assert not sided["augment.per_class.perch"]["flip"]


def test_class_augment_leaves_the_images_of_other_classes_as_they_were() -> None:
    """The very pixels: an image's random numbers do not depend on what is done to another."""
    recipe = Recipe()
    changed = remedies()["class-augment"].apply(recipe, PERCH)
    assert changed is not None
    images = torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    labels = torch.tensor([0, 1] * 4)
    before, after = (
        augment(images, labels, each.augment, ("perch", "pike"), torch.Generator().manual_seed(2))[0]
        for each in (recipe, changed)
    )
    assert torch.equal(before[1::2], after[1::2])
    assert not any(torch.equal(a, b) for a, b in zip(before[::2], after[::2], strict=True))


def test_gan_augment_asks_for_images_of_that_class_once() -> None:
    assert treated("gan-augment", {}) == {"augment.generated.images.perch": 100}
    pike = {"augment.generated": {"images": {"pike": 7}, "steps": 30}}
    assert treated("gan-augment", pike) == {"augment.generated.images.perch": 100}
    assert treated("gan-augment", {"augment.generated.images.perch": 7}) is None
