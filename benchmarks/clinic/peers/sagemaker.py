"""Our port of the built-in rules of Amazon SageMaker Debugger, on netvet's trace. It is no code of theirs.

Conditions and default parameters as published: "List of Debugger built-in rules",
https://docs.aws.amazon.com/sagemaker/latest/dg/debugger-built-in-rules.html. The rules run in a closed container and
each answers true or false at a step; there is no order among them and no severity. Here they come by the step at which
they first fire, those of one step in the order of the documentation, each as a warning.

By default tensors are saved every 500 steps, which is more than many of these runs have. Here a rule sees what netvet
measures: layers every 10 steps, losses of training and validation once an epoch.

What differs: VanishingGradient has the mean of absolute values, here `grad_rms`, which is not smaller; DeadRelu and
SaturatedActivation count units that are active less than 1 % of the time, here `dead_fraction` counts channels that
are 0 throughout and `saturated_fraction` outputs within 0.02 of a bound, a wider net than inputs beyond 9.4999;
WeightUpdateRatio and UnchangedTensor look at the weights' last update, sampled. LossNotDecreasing, Overfit and
Overtraining look at the means of epochs: on the losses of single batches the first would fire on any run.
Of PoorWeightInitialization the ratio of the variances of the inputs of activations is judged only where no norm stands
before them, and the range of the gradients from the 5th to the 95th percentile is left out: the trace has no
percentiles. It needs a loss that does not fall as well, as its text has it.

Left out: TensorVariance (no default thresholds), SimilarAcrossRuns, StalledTrainingRule, Confusion, NLPSequenceRatio
and the rules for XGBoost, which are not about such runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.clinic.peers.words import WARNING, Heard, Word
from netvet.trace import Series, Trace

VANISHING = 1e-7
INACTIVE_LAYER = 0.5  # threshold_layer, 50 %
VARIANCES, FIRST_STEPS = 10.0, 10  # PoorWeightInitialization: threshold, steps
UPDATE_LARGE, UPDATE_SMALL = 10.0, 1e-8
IMBALANCE, MISPREDICTED = 10.0, 0.7
LOSS_STEPS, LOSS_FALL, LOSS_RISE = 10, 0.001, 0.05  # num_steps, diff_percent, increase_threshold_percent
OVERFIT = 0.1  # ratio_threshold; patience 1
PATIENCE_TRAIN, PATIENCE_VAL, BETTER = 5, 10, 0.01
UNCHANGED_STEPS, RTOL, ATOL = 3, 1e-5, 1e-8
INPUT_MEAN = 0.2

Fired = Iterator[tuple[int, str]]
"""Steps and what was seen, in any order; the first step counts."""


def hear(trace: Trace) -> Heard:
    """Every rule that fires, by the step at which it first does."""
    found = []
    for name, rule in RULES.items():
        fired = sorted(rule(trace))
        if fired:
            step, text = fired[0]
            found.append(Word((name,), WARNING, step, len(fired), text))
    return Heard(tuple(sorted(found, key=lambda word: word.step)))


def _over(trace: Trace, name: str, limit: Callable[[Series], np.ndarray[tuple[int], np.dtype[np.bool_]]]) -> Fired:
    for place in trace.places(name):
        series = trace.series(name, place)
        for i in np.flatnonzero(limit(series)):
            yield int(series.steps[i]), f"{name} of {place or 'the run'} is {series.values[i]:.3g}"


def dead_relu(trace: Trace) -> Fired:
    """More than 50 % of the units of a layer are inactive."""
    yield from _over(trace, "dead_fraction", lambda s: s.values > INACTIVE_LAYER)


def exploding_tensor(trace: Trace) -> Fired:
    """A tensor is not finite."""
    for name in ("loss", "grad_norm", "weight_norm", "activation_mean", "activation_std"):
        yield from _over(trace, name, lambda s: ~np.isfinite(s.values))


def poor_weight_initialization(trace: Trace) -> Fired:
    """In the first steps: variances of the inputs of activations differ by more than 10 times, and the loss does not
    fall.
    """
    normed = bool(trace.places("norm_mean_gap")) or (
        trace.recipe is not None and trace.recipe.model.norm_after != "none"
    )
    layers = [layer for layer in trace.meta.get("layers", []) if layer in trace.places("activation_std")][:-1]
    loss = trace.series("loss").values[: FIRST_STEPS + 1]
    if normed or len(layers) < 2 or not len(loss) or loss[1:].min(initial=np.inf) < loss[0]:
        return
    curves = [trace.series("activation_std", layer) for layer in layers]
    for i, step in enumerate(curves[0].steps):
        variances = [curve.values[i] ** 2 for curve in curves if i < len(curve)]
        if step <= FIRST_STEPS and max(variances) > VARIANCES * min(variances):
            yield int(step), f"variances from {min(variances):.3g} to {max(variances):.3g}"


def saturated_activation(trace: Trace) -> Fired:
    """More than 50 % of a sigmoid or tanh layer is saturated."""
    yield from _over(trace, "saturated_fraction", lambda s: s.values > INACTIVE_LAYER)


def vanishing_gradient(trace: Trace) -> Fired:
    """The mean absolute gradient of a tensor is below 1e-7."""
    yield from _over(trace, "grad_rms", lambda s: s.values < VANISHING)


def weight_update_ratio(trace: Trace) -> Fired:
    """An update is more than 10 times its weights, or less than 1e-8 of them."""
    yield from _over(trace, "update_ratio", lambda s: (s.values > UPDATE_LARGE) | (s.values < UPDATE_SMALL))


def all_zero(trace: Trace) -> Fired:
    """All values of a tensor are 0: a gradient, a weight, the output of a ReLU layer."""
    for name in ("grad_norm", "weight_norm"):
        yield from _over(trace, name, lambda s: s.values == 0)
    yield from _over(trace, "dead_fraction", lambda s: s.values >= 1)


def class_imbalance(trace: Trace) -> Fired:
    """The largest class has more than 10 times the images of the smallest, as they are drawn; or, at the end, more than
    70 % of a class are mispredicted.
    """
    counts = [trace.last("class_images", name) for name in trace.places("class_images")]
    drawn = trace.recipe is None or trace.recipe.sampler.name == "shuffle"
    if drawn and len(counts) > 1 and max(counts) > IMBALANCE * min(counts):
        yield 0, f"classes of {min(counts):.0f} to {max(counts):.0f} images"
    for name in trace.places("val_recall"):
        recall = trace.series("val_recall", name)
        if len(recall) and 1 - recall.last > MISPREDICTED:
            yield int(recall.steps[-1]), f"{1 - recall.last:.0%} of {name} are mispredicted"


def loss_not_decreasing(trace: Trace) -> Fired:
    """In 10 steps or more the loss has fallen by less than 0.1 %, or risen by more than the 5 % allowed."""
    series = trace.series("val_loss")
    last = 0
    for i in range(1, len(series)):
        if series.steps[i] - series.steps[last] < LOSS_STEPS:
            continue
        before, now = series.values[last], series.values[i]
        last = i
        flat = before * (1 - LOSS_FALL) < now <= before
        if flat or now > before * (1 + LOSS_RISE):
            yield int(series.steps[i]), f"loss {before:.3g}, then {now:.3g}"


def overfit(trace: Trace) -> Fired:
    """Validation loss is more than 10 % above training loss."""
    train, val = trace.series("train_loss"), trace.series("val_loss")
    for step, low, high in zip(val.steps, train.values, val.values, strict=False):
        if high - low > OVERFIT * low:
            yield int(step), f"loss {low:.3g} in training, {high:.3g} in validation"


def overtraining(trace: Trace) -> Fired:
    """Neither training loss for 5 epochs nor validation loss for 10 has improved by 0.01."""
    train, val = trace.series("train_loss"), trace.series("val_loss")
    for i, step in enumerate(val.steps):
        stale = _stale(train.values[: i + 1]) >= PATIENCE_TRAIN and _stale(val.values[: i + 1]) >= PATIENCE_VAL
        if stale:
            yield int(step), "no new optimum"


def _stale(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> int:
    best, since = np.inf, 0
    for value in values:
        if value < best - BETTER:
            best, since = value, 0
        else:
            since += 1
    return since


def unchanged_tensor(trace: Trace) -> Fired:
    """The loss is the same at 3 steps in a row, by `numpy.allclose`."""
    loss = trace.series("loss")
    for i in range(UNCHANGED_STEPS - 1, len(loss)):
        window = loss.values[i - UNCHANGED_STEPS + 1 : i + 1]
        if np.allclose(window, window[-1], rtol=RTOL, atol=ATOL):
            yield int(loss.steps[i]), f"loss stays {window[-1]:.6g}"


def check_input_images(trace: Trace) -> Fired:
    """The mean of the inputs differs from 0 by more than 0.2."""
    yield from _over(trace, "input_mean", lambda s: np.abs(s.values) > INPUT_MEAN)


RULES: dict[str, Callable[[Trace], Fired]] = {
    "DeadRelu": dead_relu,
    "ExplodingTensor": exploding_tensor,
    "PoorWeightInitialization": poor_weight_initialization,
    "SaturatedActivation": saturated_activation,
    "VanishingGradient": vanishing_gradient,
    "WeightUpdateRatio": weight_update_ratio,
    "AllZero": all_zero,
    "ClassImbalance": class_imbalance,
    "LossNotDecreasing": loss_not_decreasing,
    "Overfit": overfit,
    "Overtraining": overtraining,
    "UnchangedTensor": unchanged_tensor,
    "CheckInputImages": check_input_images,
}
"""In the order of the documentation."""
