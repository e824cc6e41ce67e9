"""class-imbalance: unequal classes, and a price paid for it."""

from __future__ import annotations

from collections.abc import Mapping

from netvet.testing import Curve, altered, assert_fires, assert_silent, healthy_trace

RULE = "class-imbalance"
COUNTS = [640, 400, 250, 160, 100, 60, 40, 25]


def _unequal(recalls: list[float], split: str = "val") -> Mapping[str, Curve]:
    counts = {f"class_images@species {i}": float(n) for i, n in enumerate(COUNTS)}
    return {**counts, **{f"{split}_recall@species {i}": r for i, r in enumerate(recalls)}}


COSTLY = [0.95, 0.93, 0.9, 0.85, 0.7, 0.5, 0.2, 0.0]


def test_fires_when_recall_follows_the_counts() -> None:
    found = assert_fires(RULE, altered(healthy_trace(), _unequal(COSTLY)), where="species 7")
    assert "640" in found.message
    assert "25" in found.message


def test_surer_when_training_recall_is_low_too() -> None:
    memorised = altered(healthy_trace(), _unequal(COSTLY))
    ignored = altered(memorised, _unequal(COSTLY, "train"))
    assert assert_fires(RULE, ignored).confidence > assert_fires(RULE, memorised).confidence


def test_training_recall_is_enough_where_validation_has_too_few_images() -> None:
    few = {f"val_images@species {i}": 1.0 for i in range(5, 8)}
    assert_fires(RULE, altered(healthy_trace(), {**_unequal(COSTLY), **_unequal(COSTLY, "train"), **few}))
    assert_silent(RULE, altered(healthy_trace(), {**_unequal([0.9] * 6 + [0.5, 0.5]), **few}))


def test_silent_when_it_costs_nothing() -> None:
    assert_silent(RULE, altered(healthy_trace(), _unequal([0.9] * 8)))
    assert_silent(RULE, altered(healthy_trace(), _unequal(list(reversed(COSTLY)))))


def test_silent_when_classes_are_equal_whatever_their_recall() -> None:
    recalls = {f"val_recall@species {i}": r for i, r in enumerate(COSTLY)}
    assert_silent(RULE, altered(healthy_trace(), recalls))
    assert_silent(RULE, healthy_trace())


def _curve(name: str, half: float, whole: float, twice: float, low: float, high: float) -> dict[str, Curve]:
    values = {"auc_half": half, "auc": whole, "auc_twice": twice, "gain_low": low, "gain_high": high}
    return {f"curve_{part}@{name}": value for part, value in values.items()}


def test_says_whether_more_images_would_help() -> None:
    rising = altered(healthy_trace(), {**_unequal(COSTLY), **_curve("species 7", 0.71, 0.78, 0.83, 0.03, 0.08)})
    found = assert_fires(RULE, rising, where="species 7")
    assert "half of the 25 images of species 7 gave an AUC of 0.71" in found.message
    assert "all of them 0.78, and twice as many would give about 0.83: the curve is still rising" in found.message
    assert [series.name for series in found.evidence[-3:]] == ["curve_auc_half", "curve_auc", "curve_auc_twice"]
    flat = altered(healthy_trace(), {**_unequal(COSTLY), **_curve("species 7", 0.78, 0.78, 0.785, -0.01, 0.015)})
    assert "the curve is flat" in assert_fires(RULE, flat).message
    open_ = altered(healthy_trace(), {**_unequal(COSTLY), **_curve("species 7", 0.75, 0.78, 0.81, -0.02, 0.08)})
    assert "is uncertain (a gain of -0.02 to +0.08)" in assert_fires(RULE, open_).message


def test_takes_the_rarest_class_that_has_a_curve_and_no_frequent_one() -> None:
    rarer = altered(healthy_trace(), {**_unequal(COSTLY), **_curve("species 5", 0.71, 0.78, 0.83, 0.03, 0.08)})
    assert "images of species 5 gave" in assert_fires(RULE, rarer, where="species 7").message
    frequent = altered(healthy_trace(), {**_unequal(COSTLY), **_curve("species 0", 0.71, 0.78, 0.83, 0.03, 0.08)})
    assert "gave an AUC" not in assert_fires(RULE, frequent).message


def test_one_class_that_is_rare_and_stuck_among_even_ones() -> None:
    rare = {"class_images@species 3": 6.0, "val_recall@species 3": 0.0}
    found = assert_fires(RULE, altered(healthy_trace(), {"class_images@*": 70.0, **rare}))
    assert found.where == "species 3"
    assert "has 6 training images" in found.message
    assert_silent(RULE, altered(healthy_trace(), {"class_images@*": 70.0, "class_images@species 3": 6.0}))
    assert_silent(RULE, altered(healthy_trace(), {"class_images@*": 70.0, "val_recall@species 3": 0.0}))


def test_says_how_many_more_images_it_takes() -> None:
    rare = {**_unequal(COSTLY), "class_images@species 7": 20.0}
    plain = assert_fires(RULE, altered(healthy_trace(), rare)).needed
    assert plain == (
        "species 7 needs more images: with 108 more it would have 128, one for every 5 of species 0, and no longer "
        "count as rare."
    )
    known = altered(healthy_trace(), {**rare, **_curve("species 7", 0.9, 0.93, 0.95, 0.01, 0.03)})
    assert (
        "From the 20 it has, features independent of the run separate it from the others with an AUC of 0.93"
        in assert_fires(RULE, known).needed
    )
    rising = altered(healthy_trace(), {**rare, **_curve("species 7", 0.71, 0.78, 0.85, 0.03, 0.08)})
    assert "an AUC of 0.85 takes about 20 more, 40 in all" in assert_fires(RULE, rising).needed
    flat = altered(healthy_trace(), {**rare, **_curve("species 7", 0.7, 0.7, 0.705, -0.01, 0.015)})
    assert "8 times as many like those it has would not" in assert_fires(RULE, flat).needed
    falling = altered(healthy_trace(), {**rare, **_curve("species 7", 0.7, 0.7, 0.69, -0.03, 0.01)})
    assert "8 times as many" in assert_fires(RULE, falling).needed
