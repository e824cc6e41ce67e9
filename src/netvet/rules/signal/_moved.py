"""How far layers moved because they learnt: decay moves a weight too, and Adam moves it whatever its gradient."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from netvet.trace import Trace

UNSCALED = ("SGD", "ASGD")  # optimisers of PyTorch whose steps are as long as the gradient is


def learnt_distance(trace: Trace, layers: list[str]) -> NDArray[np.float64]:
    """Distance over first norm at the end of the run, less what weight decay alone makes of it, (layers,).

    `weight_turn`, where a loop is watched, leaves every rescaling out. Otherwise the recipe says what decay does; where
    nothing says so, what the layer that moved least has moved is taken for it.
    """
    turned = np.array([trace.last("weight_turn", layer) for layer in layers])
    if len(turned) and np.isfinite(turned).all():
        return turned
    moved = np.array([trace.last("weight_distance", layer) for layer in layers])
    decayed = _decayed(trace)
    least = min((trace.last("weight_distance", layer) for layer in trace.places("weight_distance")), default=0.0)
    return np.maximum(moved - (least if math.isnan(decayed) else decayed), 0.0)


def _decayed(trace: Trace) -> float:
    """The distance that a weight without a gradient moves by decay over the run, 0..1; nan where it is not known."""
    if trace.recipe is None or trace.recipe.optimizer.name == "adam":
        return math.nan
    optimizer, rates = trace.recipe.optimizer, trace.series("learning_rate").values
    longer = 1 - optimizer.momentum if optimizer.name == "sgd" else 1.0
    return 1 - math.exp(-optimizer.weight_decay * float(rates[np.isfinite(rates)].sum()) / longer)


def scales_steps(trace: Trace) -> bool:
    """Whether the optimiser makes every step as long as it likes, as Adam does, so that a distance proves nothing."""
    if trace.recipe is not None:
        return trace.recipe.optimizer.name != "sgd"
    return trace.meta.get("optimizer_class", "SGD") not in UNSCALED
