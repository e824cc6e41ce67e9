"""Healthy traces with what the signal family reads beside the common curves."""

from __future__ import annotations

import numpy as np

from netvet.recipe import Recipe
from netvet.testing import Curve, altered, healthy_trace
from netvet.trace import Observation, Trace


def signal_trace(layers: int = 6, *, recipe: Recipe | None = None, bounded: bool = False) -> Trace:
    """A healthy trace with gains of 1.41, unlike units, standardised input and activations that keep their spread.

    `bounded`: tanh in place of ReLU: `saturated_fraction` (0.1) in place of `dead_fraction`.
    """
    trace = healthy_trace(layers=layers, recipe=recipe or Recipe())
    rows = [
        Observation(int(step), name, float(value), where)
        for name in trace.names()
        if not (bounded and name == "dead_fraction")
        for where in trace.places(name)
        for step, value in zip(trace.series(name, where).steps, trace.series(name, where).values, strict=True)
    ]
    steps = trace.series("grad_rms", "head").steps
    for layer in trace.places("grad_rms"):
        for step in steps[::10]:
            rows += [
                Observation(int(step), "weight_gain", 1.41, layer),
                Observation(int(step), "unit_spread", 0.97, layer),
            ]
        for step in steps:
            rows.append(Observation(int(step), "activation_std", 1.2, layer))
            if layer == "head":
                continue
            act = layer.replace("conv", "act")
            rows.append(Observation(int(step), "activation_std", 0.7, act))
            if bounded:
                rows.append(Observation(int(step), "saturated_fraction", 0.1, act))
    for step in steps:
        rows.append(Observation(int(step), "grad_norm", 1.0 + 0.2 * np.sin(step), ""))
    for step in steps[::10]:
        rows += [Observation(int(step), "input_mean", 0.1), Observation(int(step), "input_std", 1.1)]
    return Trace(rows, recipe=trace.recipe, meta=trace.meta)


def examined(trace: Trace, sound: dict[str, bool], slope: float = -0.1) -> Trace:
    """The trace with the answer of the `initial-signal` exam: which changes make the signal sound, in their order."""
    answer: dict[str, Curve] = {f"initial_sound@{name}": float(yes) for name, yes in sound.items()}
    answer |= {f"initial_grad_slope@{name}": slope for name in sound}
    answer |= {f"initial_activation_slope@{name}": slope for name in sound}
    return altered(trace, answer)


def fading(trace: Trace, factor: float, gain: float) -> Trace:
    """The trace with activations that are multiplied by `factor` per layer, and weights of that gain."""
    changes: dict[str, Curve] = {f"weight_gain@{layer}": gain for layer in trace.places("grad_rms")}
    for depth, layer in enumerate(trace.places("grad_rms")):
        changes[f"activation_std@{layer}"] = factor**depth
    return altered(trace, changes)
