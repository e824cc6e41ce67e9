"""stuck-class: one class below the others, beyond what its few images allow to be chance."""

from __future__ import annotations

from netvet.recipe import Recipe
from netvet.testing import altered, assert_fires, assert_silent, findings, healthy_trace

RULE = "stuck-class"
STUCK = {"val_auc@species 3": 0.55, "val_auc_low@species 3": 0.48, "val_auc_high@species 3": 0.62}


def test_fires_on_an_auc_that_stays_low() -> None:
    found = assert_fires(RULE, altered(healthy_trace(), STUCK), where="species 3")
    assert found.evidence[0].last < (found.limit or 0)
    assert "0.55" in found.message


def test_fires_on_a_class_that_is_never_named() -> None:
    assert_fires(RULE, altered(healthy_trace(), {"val_recall@species 3": 0.02}), where="species 3")


def test_fires_below_half_of_what_the_better_classes_reach() -> None:
    many = {"val_images@species 3": 200.0}
    assert_fires(RULE, altered(healthy_trace(), {**many, "val_recall@species 3": 0.33}), where="species 3")
    assert_silent(RULE, altered(healthy_trace(), {**many, "val_recall@species 3": 0.46}))


def test_fires_on_a_small_class_that_training_does_not_even_fit() -> None:
    unlearnt = {"val_images@species 3": 2.0, "val_recall@species 3": 0.0, "train_recall@species 3": 0.0}
    found = assert_fires(
        RULE, altered(healthy_trace(), {**unlearnt, "class_images@species 3": 20.0}), where="species 3"
    )
    assert "training recall" in found.message
    assert_silent(RULE, altered(healthy_trace(), {**unlearnt, "class_images@species 3": 3.0}))


def test_the_worst_class_comes_first_and_names_the_others() -> None:
    second = {"val_auc@species 5": 0.6, "val_auc_high@species 5": 0.67}
    (found,) = findings(RULE, altered(healthy_trace(), {**STUCK, **second}))
    assert found.where == "species 3"
    assert found.message.endswith("Also stuck: species 5.")
    assert [series.where for series in found.evidence] == ["species 3", "species 5"]


def test_silent_on_a_small_class_whose_score_is_chance() -> None:
    wide = {
        "val_auc_low@species 3": 0.2,
        "val_auc_high@species 3": 0.86,
        "val_images@species 3": 3.0,
        "val_recall@species 3": 0.0,
    }
    assert_silent(RULE, altered(healthy_trace(), {**STUCK, **wide}))


def test_silent_while_it_still_rises() -> None:
    rising = [0.5, 0.52, 0.55, 0.7]
    changes = {"val_auc@species 3": rising, "val_auc_high@species 3": [v + 0.05 for v in rising]}
    assert_silent(RULE, altered(healthy_trace(), {**changes, "val_recall@species 3": [0.0, 0.1, 0.3, 0.45]}))


def test_silent_when_nothing_is_learnt_at_all() -> None:
    assert_silent(RULE, altered(healthy_trace(), {"val_auc@*": 0.5, "val_auc_high@*": 0.55, "val_recall@*": 0.12}))


def test_silent_on_healthy_runs() -> None:
    for seed in range(5):
        assert_silent(RULE, healthy_trace(seed=seed))


def test_says_what_is_done_for_the_class_already_and_did_not_help() -> None:
    weighed = Recipe().change({"loss.class_weights": "balanced", "loss.name": "focal", "sampler.name": "oversample"})
    rare = {**STUCK, "class_images@species 3": 20.0}
    message = assert_fires(RULE, altered(healthy_trace(), rare, recipe=weighed)).message
    # 7 classes of 120 and one of 20 images: 860 / (8 x 20) = 5.4
    assert "Class weights are on: each of its 20 training images counts 5.4 times" in message
    assert "Oversampling is on: each of its 20 training images is shown 5.4 times an epoch" in message
    assert "Focal loss (gamma 2) is on; and it is still stuck." in message
    measured = {**rare, "gradient_share@species 3": 0.31, "gradient_share_plain@species 3": 0.07}
    message = assert_fires(RULE, altered(healthy_trace(), measured, recipe=weighed)).message
    assert "its share of the gradient at the logits is 31% (7% without), and it is still stuck." in message
    assert "weights" not in assert_fires(RULE, altered(healthy_trace(), measured)).message


def test_says_what_class_weights_by_the_effective_number_do() -> None:
    weighed = Recipe().change({"loss.class_weights": "effective", "loss.beta": 0.99})
    rare = {**STUCK, "class_images@species 3": 20.0}
    message = assert_fires(RULE, altered(healthy_trace(), rare, recipe=weighed)).message
    # effective numbers 18.2 and 70.1: weights 1/18.2 and 1/70.1, whose mean over 20 and 840 images is 0.0152
    assert "by the effective number of images are on: each of its 20 training images counts 3.6 times" in message
    assert "and it is still stuck." in message


def test_a_class_that_creeps_up_is_stuck() -> None:
    creeping = [0.0, 0.0, 0.02, 0.09]
    found = assert_fires(RULE, altered(healthy_trace(), {"val_recall@species 3": creeping}))
    assert found.where == "species 3"


def test_a_few_epochs_of_luck_are_no_recovery() -> None:
    lucky = [0.0] * 14 + [0.9] * 3 + [0.0] * 3
    found = assert_fires(RULE, altered(healthy_trace(), {"val_recall@species 3": lucky}))
    assert found.where == "species 3"
