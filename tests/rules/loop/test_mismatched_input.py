"""mismatched-input: the network is right in another reading; other light is no fault."""

from __future__ import annotations

from netvet.testing import altered, assert_fires, assert_silent, assert_suspects, healthy_trace
from netvet.trace import Trace

RULE = "mismatched-input"
FED = {"train_input_mean": 0.0, "train_input_std": 1.0, "val_input_mean": 0.0, "val_input_std": 1.0}


def read(name: str, accuracy: float, gain: float, train: float = 0.95, **fed: float) -> Trace:
    seen = {
        "reading_accuracy@as they are": 0.2,
        f"reading_accuracy@{name}": accuracy,
        f"reading_gain@{name}": gain,
        "reading_images": 120.0,
    }
    trace = healthy_trace(recipe=None, train_accuracy=train, val_accuracy=0.2)
    return altered(trace, {**FED, **fed, **seen})


def test_channels_in_reverse_are_found_though_mean_and_spread_agree() -> None:
    found = assert_fires(RULE, read("channels reversed", 0.9, 0.6))
    assert "right on 20% as they are, and on 90% with their channels in reverse order" in found.message


def test_rescaling_counts_only_beyond_what_light_explains() -> None:
    assert_fires(RULE, read("rescaled", 0.9, 0.6, val_input_mean=0.4, val_input_std=0.2))
    assert_silent(RULE, read("rescaled", 0.9, 0.6, val_input_mean=-0.5, val_input_std=0.7))


def test_silent_on_a_small_gain_and_where_training_learnt_nothing() -> None:
    assert_silent(RULE, read("upside down", 0.25, 0.01))
    assert_silent(RULE, read("upside down", 0.3, 0.06))
    assert_silent(RULE, read("as negatives", 0.9, 0.6, train=0.15))


def test_without_readings_mean_and_spread_decide_where_validation_falls_behind() -> None:
    raw = {**FED, "val_input_mean": 0.45, "val_input_std": 0.22}
    assert_fires(RULE, altered(healthy_trace(recipe=None, val_accuracy=0.2), raw))
    assert_silent(RULE, altered(healthy_trace(recipe=None), raw))


def test_shapes_that_differ_are_said() -> None:
    trace = read("at the size of training", 0.9, 0.4)
    trace.meta["input_shapes"] = {"training": [3, 32, 32], "validation": [3, 64, 64]}
    assert "3 × 32 × 32, validation images 3 × 64 × 64" in assert_fires(RULE, trace).message


def test_sizes_that_differ_are_suspected_where_no_reading_helps() -> None:
    trace = read("at the size of training", 0.22, 0.0)
    trace.meta["input_shapes"] = {"training": [3, 24, 24], "validation": [3, 48, 48]}
    assert "3 × 24 × 24" in assert_suspects(RULE, trace).message
    good = altered(healthy_trace(recipe=None, train_accuracy=0.95, val_accuracy=0.94), FED)
    good.meta["input_shapes"] = trace.meta["input_shapes"]
    assert_silent(RULE, good)
