"""even-augment: what changes, and nothing else."""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.remedies import remedies


def test_empties_the_settings_of_single_classes() -> None:
    remedy = remedies()["even-augment"]
    sick = Recipe().change({"augment.per_class": {"a": {"rotate": 180}}, "augment.rotate": 30})
    mended = remedy.apply(sick, None)
    assert mended is not None
    assert mended == sick.change({"augment.per_class": {}})
    assert mended.augment.per_class == {}
    assert mended.augment.rotate == 30
    assert remedy.apply(mended, None) is None
    assert remedy.apply(Recipe(), None) is None
