"""probabilities-as-logits: exact by the loss's value, and by bounds where accuracy is low."""

from __future__ import annotations

from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
from netvet.trace import Trace

RULE = "probabilities-as-logits"
PLAIN = {
    "batch_cross_entropy": 0.4,
    "output_probabilities": 0.0,
    "output_columns": 0.0,
    "output_low": -4.0,
    "output_high": 6.0,
    "output_zeros": 0.0,
}


def loop(name: str = "cross-entropy", accuracy: float = 0.98, **seen: float) -> Trace:
    trace = altered(healthy_trace(recipe=None, train_accuracy=accuracy), {**PLAIN, **seen})
    trace.meta["loss_form"] = {"name": name}
    return trace


def test_softmax_twice_names_the_floor_of_the_loss() -> None:
    found = assert_fires(RULE, loop(output_probabilities=1.0))
    assert "cannot fall below 1.27" in found.message  # ln(1 + 7 / e): eight classes
    assert found.fix


def test_a_softmax_over_the_batch() -> None:
    assert "axis 0" in assert_fires(RULE, loop(output_columns=1.0)).message


def test_a_softmax_of_the_output_in_the_loss() -> None:
    assert "softmax of the output" in assert_fires(RULE, loop("cross-entropy of softmax")).message


def test_a_relu_or_a_bound_at_the_end_is_told_where_accuracy_is_low() -> None:
    assert "ReLU" in assert_fires(RULE, loop(accuracy=0.5, output_low=0.0, output_zeros=0.6)).message
    assert "0 to 1" in assert_fires(RULE, loop(accuracy=0.5, output_low=0.01, output_high=0.99)).message
    assert "-1 to 1" in assert_fires(RULE, loop(accuracy=0.5, output_low=-0.99, output_high=0.99)).message
    assert_silent(RULE, loop(output_low=-0.99, output_high=0.99))


def test_silent_on_logits_and_on_what_suits() -> None:
    assert_silent(RULE, loop())
    assert_silent(RULE, loop(accuracy=0.5, output_low=-0.3, output_high=0.3))  # drawn weights, not a bound
    assert_silent(RULE, loop("log-likelihood of the output's logarithm", output_probabilities=1.0))
    assert_silent(RULE, loop("", output_probabilities=1.0))
