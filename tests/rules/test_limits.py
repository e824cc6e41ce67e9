"""Limits that are set from outside."""

from __future__ import annotations

import math

import pytest

from netvet.base.errors import BadInput
from netvet.rules import diagnose, read_limits
from netvet.testing import altered, healthy_trace

DEAD = altered(healthy_trace(), {"dead_fraction@features.3.act": 0.55})


def test_a_limit_moves_what_fires() -> None:
    assert [f.rule for f in diagnose(DEAD).notes] == ["dead-relu"]
    assert diagnose(DEAD, limits={"dead-relu": {"limit": 0.6}}).notes == ()


def test_the_json_names_limits_that_were_set_and_only_those() -> None:
    assert diagnose(DEAD, limits={"dead-relu": {"limit": 0.6}}).to_json()["limits"] == {"dead-relu": {"limit": 0.6}}
    assert "limits" not in diagnose(DEAD).to_json()
    assert "limits" not in diagnose(DEAD, limits={"dead-relu": {}}).to_json()


def test_limits_are_read_from_texts() -> None:
    given = ["dead-relu.limit=0.6", "dead-relu.patience=4", "stuck-class.share=0.5"]
    assert read_limits(given) == {"dead-relu": {"limit": 0.6, "patience": 4}, "stuck-class": {"share": 0.5}}
    assert isinstance(read_limits(given)["dead-relu"]["patience"], int)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("dead-rule.limit=0.6", "There is no rule 'dead-rule' to set a limit of; there are: accuracy-plateau, "),
        ("dead-relu.most=0.6", "dead-relu has no limit 'most'; it has: limit, patience, few."),
        ("bad-initialisation.limit=0.6", "bad-initialisation has no limit 'limit'; it has: none."),
        ("dead-relu.limit=most", "dead-relu.limit takes a finite number, not 'most'."),
        ("dead-relu.limit=nan", "dead-relu.limit takes a finite number, not nan."),
        ("dead-relu.patience=2.5", "dead-relu.patience is counted: 2.5 is no whole number."),
        ("dead-relu.limit", "A limit is set as RULE.LIMIT=NUMBER, such as dead-relu.limit=0.6, not as "),
        ("limit=0.6", "A limit is set as RULE.LIMIT=NUMBER, such as dead-relu.limit=0.6, not as 'limit=0.6'."),
    ],
)
def test_a_limit_that_cannot_be_set_is_refused_in_a_sentence(setting: str, sentence: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_limits([setting])
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize("value", [True, math.inf, "0.6", None])
def test_what_is_no_finite_number_is_refused(value: object) -> None:
    with pytest.raises(BadInput, match="takes a finite number"):
        diagnose(DEAD, limits={"dead-relu": {"limit": value}})  # type: ignore[dict-item]
