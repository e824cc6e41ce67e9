"""What the rules of classes prescribe is what the pages of the remedies say that they help with."""

from __future__ import annotations

import re

import pytest

from netvet.remedies import remedies
from netvet.rules import Rule, rules

# Those that the remedies' pages were written for. A new rule says on its own page why its remedies may cure it.
OF_CLASSES = (
    *("class-imbalance", "harmful-augmentation", "label-noise", "look-alike-classes", "low-quality-images"),
    *("scattered-class", "weak-features"),
)


@pytest.mark.parametrize("rule", [rules()[name] for name in OF_CLASSES], ids=OF_CLASSES)
def test_a_remedy_claims_to_help_with_what_it_is_prescribed_for(rule: Rule) -> None:
    known = remedies()
    for name in rule.remedies:
        helps = re.split(r"^## ", known[name].page, flags=re.MULTILINE)[2]
        assert helps.startswith("When it helps")
        assert rule.name in helps, f"{name} is a remedy of {rule.name} and does not say so"


def test_the_pages_name_what_was_measured_to_help_first() -> None:
    assert rules()["class-imbalance"].remedies[:3] == ("oversample", "effective-number", "class-weights")
    assert rules()["label-noise"].remedies[0] == "clean-labels"
    assert rules()["harmful-augmentation"].remedies[0] == "even-augment"
