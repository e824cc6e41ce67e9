"""What each remedy makes of particular recipes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from netvet.recipe import NO_AUGMENT, Recipe
from netvet.remedies import remedies
from netvet.rules import Finding
from netvet.trace import Series


def treated(name: str, changes: dict[str, Any], *best: float) -> dict[str, Any] | None:
    """What the remedy changes in the default recipe with `changes`; `best`: learning rates that range tests found."""
    recipe = Recipe().change(changes)
    evidence = tuple(
        Series("lr_range_best", f"seed {i}", np.zeros(1, np.int64), np.array([rate])) for i, rate in enumerate(best)
    )
    changed = remedies()[name].apply(recipe, Finding("x", evidence=evidence) if best else None)
    if changed is None:
        return None
    return {path: after for path, (_before, after) in recipe.differences(changed).items()}


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("leaky-relu", {}, {"model.activation": "leaky-relu"}),
        ("leaky-relu", {"model.activation": "tanh"}, {"model.activation": "leaky-relu"}),
        ("leaky-relu", {"model.activation": "elu"}, None),
        ("leaky-relu", {"model.bias": -3.0}, {"model.activation": "leaky-relu", "model.bias": 0.0}),
        ("leaky-relu", {"model.bias": 0.5}, {"model.activation": "leaky-relu"}),
        ("leaky-relu", {"model.name": "resnet18"}, {"surgery": ["activation=leaky-relu"]}),
        ("leaky-relu", {"model.name": "resnet18", "surgery": ["activation=leaky-relu"]}, None),
        (
            "leaky-relu",
            {"model.name": "resnet18", "surgery": ["activation=sigmoid", "init=he"]},
            {"surgery": ["init=he", "activation=leaky-relu"]},
        ),
        ("elu", {}, {"model.activation": "elu"}),
        ("elu", {"model.activation": "leaky-relu", "model.bias": -1.0}, {"model.activation": "elu", "model.bias": 0.0}),
        ("elu", {"model.activation": "gelu"}, None),
        ("elu", {"model.name": "resnet18"}, {"surgery": ["activation=elu"]}),
        ("residual", {}, {"model.shortcut": "residual"}),
        ("residual", {"model.depth": 2}, None),
        ("residual", {"model.shortcut": "residual"}, None),
        ("residual", {"model.name": "resnet"}, None),
        ("residual", {"model.name": "resnet18"}, None),
        ("residual", {"model.name": "vgg11"}, {"surgery": ["residual"]}),
        ("residual", {"model.weights": "some.pth"}, None),
        ("pre-activation", {"model.name": "resnet"}, {"model.name": "preact-resnet"}),
        (
            "pre-activation",
            {"model.shortcut": "residual"},
            {"model.name": "preact-resnet", "model.shortcut": "none"},
        ),
        ("pre-activation", {}, None),
        ("pre-activation", {"model.name": "preact-resnet"}, None),
        ("pre-activation", {"model.name": "resnet18"}, None),
        ("pre-activation", {"model.name": "resnet", "model.weights": "some.pth"}, None),
        ("drop-deep-batch-norm", {}, {"model.norm_after": "early"}),
        ("drop-deep-batch-norm", {"model.norm_after": "late"}, {"model.norm_after": "none"}),
        ("drop-deep-batch-norm", {"model.norm_after": [2, 3, 4]}, {"model.norm_after": [2, 3]}),
        ("drop-deep-batch-norm", {"model.norm_after": [2, 9]}, None),
        ("drop-deep-batch-norm", {"model.norm_after": "early"}, None),
        ("drop-deep-batch-norm", {"model.norm": "group"}, None),
        ("drop-deep-batch-norm", {"model.name": "resnet18"}, {"surgery": ["drop-deep-batch-norm"]}),
        ("drop-deep-batch-norm", {"model.name": "resnet18", "surgery": ["norm=group"]}, None),
        ("drop-deep-batch-norm", {"model.name": "vgg11"}, None),
        ("group-norm", {}, {"model.norm": "group"}),
        ("group-norm", {"model.norm": "layer"}, None),
        ("group-norm", {"model.norm_after": "none"}, None),
        ("group-norm", {"model.norm_after": [7]}, None),
        ("group-norm", {"model.name": "vgg11_bn"}, {"surgery": ["norm=group"]}),
        ("group-norm", {"model.name": "resnet18", "surgery": ["norm=layer"]}, None),
        ("layer-norm", {}, {"model.norm": "layer"}),
        ("layer-norm", {"model.name": "resnet18"}, {"surgery": ["norm=layer"]}),
        ("recalibrate-batch-norm", {}, {"model.recalibrate": True}),
        (
            "recalibrate-batch-norm",
            {"model.norm_momentum": 0.001},
            {"model.recalibrate": True, "model.norm_momentum": 0.1},
        ),
        ("recalibrate-batch-norm", {"model.norm_momentum": 0.5}, {"model.recalibrate": True}),
        ("recalibrate-batch-norm", {"model.name": "resnet18"}, {"model.recalibrate": True}),
        ("recalibrate-batch-norm", {"model.recalibrate": True, "model.norm_momentum": 0.01}, None),
        ("recalibrate-batch-norm", {"model.norm": "group"}, None),
        ("recalibrate-batch-norm", {"model.norm_after": "none"}, None),
        ("larger-batch", {}, None),
        ("larger-batch", {"batch_size": 8}, {"batch_size": 64}),  # 0.05 is the rate for 64 images already
        ("larger-batch", {"batch_size": 8, "optimizer.lr": 0.002}, {"batch_size": 64, "optimizer.lr": 0.016}),
        ("larger-batch", {"batch_size": 4, "optimizer.lr": 0.02}, {"batch_size": 64, "optimizer.lr": 0.05}),
        ("larger-batch", {"batch_size": 4, "optimizer.lr": 0.5}, {"batch_size": 64}),
        (
            "larger-batch",
            {"batch_size": 16, "optimizer.name": "adam", "optimizer.lr": 0.0003},
            {"batch_size": 64, "optimizer.lr": 0.0006},
        ),
        ("cyclic-learning-rate", {}, {"schedule.name": "cyclic"}),  # 24 epochs: six cycles of four
        ("cyclic-learning-rate", {"stop.epochs": 14}, {"schedule.name": "cyclic", "schedule.cycle": 7}),
        ("cyclic-learning-rate", {"stop.epochs": 3}, {"schedule.name": "cyclic", "schedule.cycle": 3}),
        ("cyclic-learning-rate", {"schedule.name": "cyclic"}, None),
        ("cosine", {"schedule.name": "constant"}, {"schedule.name": "cosine"}),
        ("cosine", {"schedule.name": "cosine"}, None),
        ("cosine", {}, None),
        ("reduce-on-plateau", {"schedule.name": "constant"}, {"schedule.name": "plateau", "schedule.patience": 2}),
        (
            "reduce-on-plateau",
            {"schedule.name": "constant", "stop.epochs": 100, "schedule.gamma": 0.5},
            {"schedule.name": "plateau", "schedule.patience": 10, "schedule.gamma": 0.1},
        ),
        ("reduce-on-plateau", {"schedule.name": "plateau"}, None),
        ("reduce-on-plateau", {}, None),
        ("momentum", {"optimizer.momentum": 0.0}, {"optimizer.momentum": 0.9}),
        ("momentum", {"optimizer.momentum": 0.0, "optimizer.lr": 0.005}, {"optimizer.momentum": 0.9}),
        (
            "momentum",
            {"optimizer.momentum": 0.0, "optimizer.lr": 1.0},
            {"optimizer.momentum": 0.9, "optimizer.lr": 0.1},
        ),
        (
            "momentum",
            {"optimizer.momentum": 0.0, "optimizer.lr": 0.3},
            {"optimizer.momentum": 0.9, "optimizer.lr": 0.05},
        ),
        (
            "momentum",
            {"optimizer.momentum": 0.5, "optimizer.lr": 1.0},
            {"optimizer.momentum": 0.9, "optimizer.lr": 0.2},
        ),
        ("momentum", {"optimizer.momentum": 0.8}, None),
        ("momentum", {"optimizer.momentum": 0.0, "optimizer.name": "adam"}, None),
        ("clip-gradients", {}, {"optimizer.clip": 1.0}),
        ("clip-gradients", {"optimizer.clip": 5.0}, {"optimizer.clip": 1.0}),
        ("clip-gradients", {"optimizer.clip": 0.5}, None),
        ("normalise-input", {"data.normalise": "bytes"}, {"data.normalise": "auto"}),
        ("normalise-input", {}, None),
        ("larger-model", {"model.width": 2, "model.depth": 1}, {"model.width": 32, "model.depth": 5}),
        ("larger-model", {"model.width": 64, "model.depth": 2}, {"model.depth": 5}),
        ("larger-model", {}, {"model.width": 64}),
        ("larger-model", {"model.width": 100}, {"model.width": 128}),
        ("larger-model", {"model.width": 128}, None),
        ("larger-model", {"model.name": "resnet18"}, None),
        ("larger-model", {"model.weights": "some.pth"}, None),
        ("larger-images", {}, {"data.image_size": 128, "model.depth": 6}),
        (
            "larger-images",
            {"data.image_size": 128, "model.depth": 16, "model.pool_every": 4},
            {"data.image_size": 224, "model.depth": 20},
        ),
        ("larger-images", {"model.name": "resnet18"}, {"data.image_size": 128}),
        ("larger-images", {"data.image_size": 161}, None),
        ("larger-images", {"data.image_size": 512}, None),
        (
            "transfer",
            {"surgery": ["init=he"], "augment.rotate": 40.0, "stop.epochs": 9, "schedule.name": "constant"},
            {
                "data.image_size": 128,
                "model.name": "tf_efficientnet_lite0",
                "model.weights": "imagenet",
                "optimizer.name": "adamw",
                "optimizer.lr": 0.001,
                "optimizer.weight_decay": 0.05,
                "schedule.name": "one-cycle",
                "loss.label_smoothing": 0.1,
                "batch_size": 32,
                "surgery": [],
            },
        ),
        ("transfer", {"model.weights": "some.pth"}, None),
        ("he-init", {"model.init": "small"}, {"model.init": "he"}),
        ("he-init", {}, None),
        ("he-init", {"model.bias": -2.0}, {"model.bias": 0.0}),
        ("he-init", {"model.init": "large", "model.bias": 0.1}, {"model.init": "he", "model.bias": 0.0}),
        ("he-init", {"model.name": "resnet18"}, {"surgery": ["init=he"]}),
        ("he-init", {"model.name": "resnet18", "surgery": ["init=small"]}, {"surgery": ["init=he"]}),
        ("he-init", {"model.name": "resnet18", "model.weights": "some.pth"}, None),
        ("he-init", {"model.init": "small", "model.weights": "some.pth"}, None),
        ("early-batch-norm", {"model.norm_after": "none"}, {"model.norm_after": "all"}),
        ("early-batch-norm", {"model.norm_after": "late"}, {"model.norm_after": "all"}),
        ("early-batch-norm", {"model.norm_after": [4, 5]}, {"model.norm_after": "all"}),
        ("early-batch-norm", {"model.norm_after": [1, 2, 3]}, None),
        ("early-batch-norm", {"model.norm": "group"}, None),
        ("early-batch-norm", {"model.name": "vgg16"}, {"surgery": ["early-batch-norm"]}),
        ("early-batch-norm", {"model.name": "vgg16_bn"}, None),
        ("early-batch-norm", {"model.name": "resnet18"}, None),
        (
            "early-batch-norm",
            {"model.norm": "group", "model.norm_after": "none"},
            {"model.norm": "batch", "model.norm_after": "all"},
        ),
        ("feature-channels", {}, {"surgery": ["feature-channels=edges+contrast+opponents"]}),
        (
            "feature-channels",
            {"model.name": "resnet18", "model.weights": "some.pth", "surgery": ["feature-channels=edges", "init=he"]},
            {"surgery": ["init=he", "feature-channels=edges+contrast+opponents"]},
        ),
        ("feature-channels", {"surgery": ["feature-channels=edges+contrast+opponents"]}, None),
        ("one-cycle", {"schedule.name": "constant"}, {"schedule.name": "one-cycle"}),
        ("one-cycle", {"schedule.warmup": 0.5}, None),
        ("augment", {}, {"augment.crop": 0.125, "augment.erase": 0.25}),
        ("dropout", {}, {"model.dropout": 0.5}),
        ("dropout", {"model.name": "resnet18"}, {"model.dropout": 0.2}),
        ("dropout", {"model.dropout": 0.6}, None),
        ("weight-decay", {}, {"optimizer.weight_decay": 0.005}),
        ("weight-decay", {"optimizer.name": "adamw"}, {"optimizer.weight_decay": 0.05}),
        ("weight-decay", {"optimizer.weight_decay": 0.01}, None),
        ("early-stopping", {}, {"stop.early_stopping": 5}),
        ("early-stopping", {"stop.epochs": 8}, {"stop.early_stopping": 2}),
        ("early-stopping", {"stop.epochs": 2}, None),
        ("early-stopping", {"stop.early_stopping": 9}, None),
        ("smaller-model", {}, {"model.width": 16}),
        ("smaller-model", {"model.width": 12}, None),
        ("smaller-model", {"model.name": "resnet50"}, None),
        ("oversample", {}, {"sampler.name": "oversample"}),
        ("oversample", {"loss.class_weights": "balanced"}, None),
        ("class-weights", {}, {"loss.class_weights": "balanced"}),
        ("class-weights", {"loss.class_weights": "balanced"}, None),
        ("class-weights", {"sampler.name": "oversample"}, None),
        ("class-weights", {"loss.class_weights": "effective"}, None),
        ("oversample", {"loss.class_weights": "effective"}, None),
        ("effective-number", {}, {"loss.class_weights": "effective"}),
        (
            "effective-number",
            {"loss.class_weights": "balanced", "loss.beta": 0.5},
            {"loss.class_weights": "effective", "loss.beta": 0.99},
        ),
        ("effective-number", {"loss.class_weights": "effective"}, None),
        ("effective-number", {"sampler.name": "oversample"}, None),
        ("focal-loss", {"loss.gamma": 0.5}, {"loss.name": "focal", "loss.gamma": 2.0}),
        ("focal-loss", {"loss.name": "focal", "loss.gamma": 1.0}, None),
        ("clean-labels", {}, {"data.clean_labels": "correct"}),
        ("clean-labels", {"data.clean_labels": "leave-out"}, None),
        ("drop-low-quality", {}, {"data.drop_low_quality": True}),
        ("drop-low-quality", {"data.drop_low_quality": True}, None),
        ("group-split", {"data.group": "none"}, {"data.group": "auto"}),
        ("group-split", {"data.group": "camera"}, None),
    ],
)
def test_amounts(name: str, changes: dict[str, Any], expected: dict[str, Any] | None) -> None:
    assert treated(name, changes) == expected


def test_augmentation_starts_with_flips_but_does_not_bring_them_back() -> None:
    """Where a recipe augments without flips, left and right may mean something."""
    nothing = NO_AUGMENT.model_dump(mode="json")
    assert treated("augment", {"augment": nothing}) == {
        "augment.flip": True,
        "augment.rotate": 15.0,
        "augment.scale": 0.2,
        "augment.crop": 0.125,
        "augment.light": 0.2,
        "augment.colour": 0.1,
        "augment.erase": 0.25,
    }
    assert treated("augment", {"augment.flip": False}) == {"augment.crop": 0.125, "augment.erase": 0.25}
    assert treated("augment", {"augment.rotate": 40, "augment.crop": 0.2, "augment.erase": 0.3}) is None


@pytest.mark.parametrize(
    ("name", "rate", "best", "expected"),
    [
        ("raise-learning-rate", 0.0005, (), 0.05),  # far below the usual: to the usual
        ("raise-learning-rate", 0.05, (), 0.5),  # usual already: ten times
        ("raise-learning-rate", 0.5, (), None),  # ten times the usual: no further
        ("raise-learning-rate", 0.0005, (0.2, 0.3, 9.0), 0.3),  # the median of the range tests
        ("raise-learning-rate", 0.25, (0.3,), None),  # as near as a range test can tell
        ("raise-learning-rate", 0.05, (0.01,), None),  # the best rate lies below
        ("lower-learning-rate", 5.0, (), 0.05),
        ("lower-learning-rate", 0.05, (), 0.005),
        ("lower-learning-rate", 0.005, (), None),
        ("lower-learning-rate", 5.0, (0.02,), 0.02),
        ("lower-learning-rate", 0.05, (0.3,), None),
    ],
)
def test_learning_rates(name: str, rate: float, best: tuple[float, ...], expected: float | None) -> None:
    changed = treated(name, {"optimizer.lr": rate}, *best)
    assert changed == (None if expected is None else {"optimizer.lr": pytest.approx(expected)})


def test_cycles_peak_where_the_range_test_says() -> None:
    assert treated("cyclic-learning-rate", {"schedule.cycle": 9}, 0.2, 0.3, 0.1) == {
        "schedule.name": "cyclic",
        "schedule.cycle": 4,
        "optimizer.lr": 0.2,
    }


def test_adam_has_another_usual_rate() -> None:
    assert treated("lower-learning-rate", {"optimizer.name": "adam", "optimizer.lr": 0.05}) == {"optimizer.lr": 0.001}
    assert treated("raise-learning-rate", {"optimizer.name": "adamw", "optimizer.lr": 1e-5}) == {"optimizer.lr": 0.001}


def test_the_aim_keeps_away_from_where_the_loss_rises() -> None:
    evidence = tuple(
        Series(name, "", np.zeros(1, np.int64), np.array([rate]))
        for name, rate in (("lr_range_best", 0.3), ("lr_range_high", 0.4))
    )
    changed = remedies()["raise-learning-rate"].apply(
        Recipe().change({"optimizer.lr": 0.001}), Finding("x", evidence=evidence)
    )
    assert changed is not None
    assert changed.optimizer.lr == pytest.approx(0.2)


def test_a_range_test_without_an_answer_is_no_aim() -> None:
    assert treated("raise-learning-rate", {"optimizer.lr": 0.0005}, float("nan")) == {"optimizer.lr": 0.05}
