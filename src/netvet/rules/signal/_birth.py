"""A net at its first weights: what the rules of this family look at. Which of them comes before which, each declares.

The `initial-signal` exam decides where it was taken: it changed one thing at a time. Without it the first measurements
of the trace must do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netvet.rules._loss import batch_loss
from netvet.rules._views import view
from netvet.trace import Series, Trace

LOST = math.log(300)  # over the whole depth; see the exam
GROWN = math.log(300)  # of the gradient on its way back
OFF = 0.75  # a gain below this share of the usual one, or above its inverse; PyTorch's own has 0.41, Glorot's 0.71
WILD = 3.0  # times the loss of guessing
ALIKE, STILL_ALIKE = 0.01, 0.1  # unit spread at first, and at the end: drawn weights have 0.75 to 1.00
BOUND = 0.5  # of a layer's outputs at a bound; healthy tanh nets have at most 0.23
WIDE = 10.0  # spread of the input: standardised images have about 1, pixels in 0..1 have 0.3, bytes about 60
NARROW = 0.02  # spread and mean of the input: dark images in 0..1 have 0.05, pixels divided by 255 twice 0.0009
UNFELT = 0.3  # spread behind the first activation: drawn biases alone leave 0.17 at most, a norm 0.58
FELT = 5.0  # spread behind the first activation: below 1 in a healthy net
USUAL = math.sqrt(2)  # He's gain for ReLU
STEEP = 0.08  # per layer, natural logarithm: healthy nets of 20 to 53 layers have 0.04 to 0.07, batch norm alone 0.13
FAINT = 1e-30
LONG = 10  # layers: in shorter nets a slope shows the widths and the poolings


@dataclass(frozen=True)
class Birth:
    """A net at its first weights.

    `layers`: its weight layers but the last, forward. `forward`, `back`: natural logarithm of what the depth makes of
    the activations and, on its way back, of the gradient; nan for fewer than three layers. `gain`: the layers' median,
    `usual`: what it should be. `loss`: the first, over that of guessing. `bounded`: whether most activations have two
    bounds. `full`: the layer with the largest share of outputs at a bound. `alike`: layers whose units are the same.
    `felt`: whether a wide input gets past the first layers. `cure`: the first change that made the signal sound in the
    exam, "none" where none did, "own" where nothing had to be changed, "" where it was not taken.
    """

    layers: tuple[str, ...]
    forward: float
    back: float
    gain: float
    usual: float
    loss: float
    bounded: bool
    full: Series
    alike: tuple[str, ...]
    felt: bool
    cure: str

    @property
    def open(self) -> bool:
        """Whether no change in the exam says what is at fault: what was measured must do."""
        return self.cure in ("", "none")

    @property
    def wide(self) -> bool:
        """Whether the input is too wide."""
        return self.cure == "normalised" or (self.open and self.felt)

    @property
    def filled(self) -> bool:
        """Whether outputs at a bound keep the signal back."""
        full = self.bounded and self.full.first > BOUND
        return full and (self.cure in ("unbiased", "he", "relu") or (self.open and not self.felt))

    @property
    def scaled(self) -> bool:
        """Whether weights of the wrong size keep the signal back."""
        return self.cure == "he" or (self.open and self._scaled())

    @property
    def grows(self) -> bool:
        """Whether the gradient explodes on its way back."""
        if self.cure in ("residual", "norm"):
            return self.back > 0 and len(self.layers) >= LONG
        return (self.open or self.cure == "own") and self._growth()

    @property
    def kept_back(self) -> bool:
        """Whether the kind of activation, by the exam, is what keeps the gradient back."""
        if self.cure == "relu":
            return not self.filled
        return self.cure in ("residual", "norm") and not self.grows

    def _growth(self) -> bool:
        """Whether the gradient grows on its way back through a deep net."""
        return len(self.layers) >= LONG and self.back > max(GROWN, STEEP * len(self.layers))

    def _scaled(self) -> bool:
        """Whether weights of the wrong size are what the signal suffers from."""
        off = math.log(max(self.gain, FAINT) / self.usual)
        if not abs(off) > -math.log(OFF):
            return False
        if off > 0:
            return not self.bounded and (self.forward > LOST or self.loss > WILD)
        lost = min(
            self.forward, self.back
        )  # with random biases the activations keep up, and the gradient alone shrinks
        return lost < -LOST and off * len(self.layers) < 0.5 * lost


@view()
def birth(trace: Trace) -> Birth:
    """What the first measurements, and the exam where it was taken, say of the net."""
    weighing = trace.places("grad_rms")
    layers = tuple(weighing[:-1])
    bounded, full = _bounded(trace, weighing)
    gains = [trace.series("weight_gain", layer).first for layer in layers]
    loss, guessing = batch_loss(trace)
    return Birth(
        layers,
        forward=depth_change(np.array([trace.series("activation_std", layer).first for layer in layers])),
        back=-depth_change(np.array([trace.series("grad_rms", layer).first for layer in layers])),
        gain=float(np.median(gains)) if gains else math.nan,
        usual=1.0 if bounded else USUAL,
        loss=loss.first / max(guessing, 1e-9),
        bounded=bounded,
        full=full,
        alike=tuple(layer for layer in layers if _alike(trace.series("unit_spread", layer))),
        felt=_felt(trace, weighing, full),
        cure=_cure(trace),
    )


def depth_change(values: NDArray[np.float64]) -> float:
    """Natural logarithm of the change from the first layer to the last by the median of all pairs' slopes (Theil, Sen);
    nan for fewer than three layers or what is not finite. Layers that have none are left out: the branches of a
    residual net get no gradient at first where their last gain starts at 0.
    """
    there = np.flatnonzero(values > FAINT)
    if len(there) < 3 or not np.isfinite(values).all():
        return math.nan
    logs = np.log(values[there])
    i, j = np.triu_indices(len(there), 1)
    return float(np.median((logs[j] - logs[i]) / (there[j] - there[i])) * len(values))


def per_layer(change: float, layers: int) -> float:
    """The factor per layer of a change over so many."""
    return math.exp(change / max(layers, 1))


def _bounded(trace: Trace, weighing: list[str]) -> tuple[bool, Series]:
    """Whether most activations before the last weight layer have two bounds, and the fullest of them at first. Gates
    (squeeze and excitation) are a minority, a sigmoid after the last layer is the model's answer.
    """
    order = trace.places("activation_std")
    end = order.index(weighing[-1]) if weighing and weighing[-1] in order else len(order)
    activations = [place for place in order[:end] if place not in weighing]
    inner = [place for place in trace.places("saturated_fraction") if place in activations]
    curves = [trace.series("saturated_fraction", place) for place in inner]
    full = max(curves, key=lambda curve: curve.first, default=trace.series("saturated_fraction", "?"))
    return 2 * len(inner) >= len(activations) > 0, full


def _alike(spread: Series) -> bool:
    return len(spread) > 0 and spread.first < ALIKE and spread.last < STILL_ALIKE


def _felt(trace: Trace, weighing: list[str], full: Series) -> bool:
    if _faint(trace, weighing):
        return True
    if not trace.series("input_std").first > WIDE:
        return False
    return _behind_first(trace, weighing) > FELT or full.first > BOUND


def _faint(trace: Trace, weighing: list[str]) -> bool:
    """Whether images of almost no spread stay so behind the first activation: no norm made up for it."""
    spread, mean = trace.series("input_std").first, abs(trace.series("input_mean").first)
    return max(spread, mean) < NARROW and _behind_first(trace, weighing) < UNFELT


def _behind_first(trace: Trace, weighing: list[str]) -> float:
    """The first spread behind the first activation or norm; behind the first weights where all are plain functions."""
    places = trace.places("activation_std")
    first = next((place for place in places if place not in weighing), places[0] if places else "?")
    return trace.series("activation_std", first).first


def _cure(trace: Trace) -> str:
    tried = trace.places("initial_sound")
    sound = [name for name in tried if trace.last("initial_sound", name) > 0]
    return "" if not tried else sound[0] if sound else "none"
