"""Initial signal: does the signal get through the network at its initial weights, forward and back; if not, why not?

## What it does
Builds the run's network as it was before the first step, passes one batch of training images through it and the
gradient back, and measures every layer. Then it does the same with one thing changed at a time: `normalised`
(standardised images), `unbiased` (biases start at 0), `he` (weights redrawn by He's rule for the net's activation,
biases 0), `relu` (a bounded activation replaced by ReLU, with He's weights), `residual` (shortcuts around the layers of
a plain net) and `norm` (a batch norm after every convolution). What the run has already is left out, and so is what
cannot be changed in a timm model (all but the first and, where it is not pretrained, He's weights). It changes nothing
in the run.

## What it gives
By layer, in forward order: `initial_activation_std` (standard deviation of the output), `initial_grad_rms` (L2 norm of
the loss's gradient for that output, for one image; root mean square over the batch: a norm over the whole map, so that
poolings do not count), `initial_dead_fraction` (0..1), `initial_weight_gain` and `initial_unit_spread` (as the probes
of these names). At the place `own` and at the name of each change: `initial_activation_slope` and `initial_grad_slope`
(natural logarithm, per layer from the second to the last but one, by Theil and Sen; a positive slope of the gradient
means that it shrinks on its way back), `initial_loss` (nats), and `initial_sound` (1 where the signal gets through,
else 0).

Sound means: the loss is below 3 times that of guessing; over the depth of the net the activations and the gradient
change by less than a factor of 300 (or 1.08 a layer); in no layer are more than half of the units dead; in no bounded
activation do more than half of the outputs lie at a bound; and no layer's units are all the same.

## What it decides
Whether the initial weights are at fault, or the biases, the input, the activation or the depth, which all look alike
once training has failed: the first change, in the order above, that makes the signal sound.

## References
X. Glorot, Y. Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010, https://proceedings.mlr.press/v9/glorot10a.html
S. Schoenholz, J. Gilmer, S. Ganguli, J. Sohl-Dickstein, Deep information propagation, ICLR 2017, https://arxiv.org/abs/1611.01232
G. Yang et al., A mean field theory of batch normalization, ICLR 2019, https://arxiv.org/abs/1902.08129
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from netvet.base.observed import Observed
from netvet.base.words import loss_words
from netvet.exams import ExamContext, exam
from netvet.locale import _
from netvet.nets.device import choose
from netvet.nets.models import OWN
from netvet.recipe import Recipe
from netvet.training import batches
from netvet.training.loop import build
from netvet.watching import Layer, all_probes
from netvet.watching.layers import is_weight_layer, layers
from netvet.watching.readings import logits_of

WILD = 3.0  # times the loss of guessing: the rate rules, too, call a loss beyond it blown up
LOST = math.log(300)  # over the depth: nets that lose 100 learn slowly, nets that lose 1,000 do not (32 px, 14 epochs)
STEEP = 0.08  # per layer: a long and healthy net has up to 0.07
MOST = 0.5  # of a layer's units dead, or of its outputs at a bound
ALIKE = 0.01  # unit spread: drawn weights have about 1
FAINT = 1e-30  # what is smaller counts as nothing: float32 ends at 1e-38


@dataclass
class _Layer:
    """What was measured in one layer; nan where there is nothing to measure."""

    std: float = math.nan
    gradient: float = 0.0
    gain: float = math.nan
    spread: float = math.nan


@dataclass
class _Pass:
    """One batch through one net: weight layers, dead and saturated shares by path in forward order, and the loss."""

    layers: dict[str, _Layer] = field(default_factory=dict)
    dead: dict[str, float] = field(default_factory=dict)
    saturated: dict[str, float] = field(default_factory=dict)
    loss: float = math.nan

    @property
    def depth(self) -> int:
        """Weight layers before the last."""
        return max(0, len(self.layers) - 1)

    def slope(self, name: str) -> float:
        """Natural logarithm per layer over the weight layers but the first, whose size is the input's, and the last,
        whose size is the loss's, and those that have none (0 at first where a gain or a head starts at 0); nan for
        fewer than 2.
        """
        from scipy.stats import theilslopes

        values = np.array([getattr(layer, name) for layer in list(self.layers.values())[1 : self.depth]])
        there = np.flatnonzero(values > FAINT)
        if len(there) < 2 or not np.isfinite(values).all():
            return math.nan
        return float(theilslopes(np.log(values[there]), there)[0])

    def sound(self, chance: float) -> bool:
        """Whether the signal gets through."""
        if not self.loss < WILD * chance:
            return False
        slopes = [abs(s) for s in map(self.slope, ("std", "gradient")) if not math.isnan(s)]
        if any(s > STEEP and not s * self.depth < LOST for s in slopes):
            return False
        hidden = list(self.layers.values())[: self.depth]
        if any(layer.spread < ALIKE and layer.gain > 0 for layer in hidden):
            return False
        return max([*self.dead.values(), *self.saturated.values()], default=0.0) <= MOST


@exam(
    "initial-signal",
    gives={
        "initial_activation_std": Observed(),
        "initial_grad_rms": Observed(),
        "initial_dead_fraction": Observed(kind="share"),
        "initial_weight_gain": Observed(),
        "initial_unit_spread": Observed(),
        "initial_activation_slope": Observed("", "ln per layer"),
        "initial_grad_slope": Observed("", "ln per layer"),
        "initial_loss": Observed("", "nats", "nats"),
        "initial_sound": Observed(),
    },
    cost="one batch forward and back, on the run's net and on at most six variants; no step",
)
def run_exam(context: ExamContext) -> str:
    """Measure the initial weights of a context, and those of its variants."""
    variants = {"own": context.recipe, **_variants(context.recipe)}
    found = {name: _measure(context, recipe, redraw=name == "he") for name, recipe in variants.items()}
    labels = context.images.labels[context.images.indices("train")]
    share = np.bincount(labels) / len(labels)
    chance = float(-(share[share > 0] * np.log(share[share > 0])).sum())
    sound = {name: one.sound(chance) for name, one in found.items()}
    _record(context, found, sound)
    return _sentence(found, sound)


def _variants(recipe: Recipe) -> dict[str, Recipe]:
    """What is tried beside the run's own recipe, in the order in which it is held responsible."""
    model = recipe.model
    variants: dict[str, Mapping[str, Any]] = {}
    he = {"model.init": "he", "model.bias": 0.0}
    if recipe.data.normalise != "auto":
        variants["normalised"] = {"data.normalise": "auto"}
    if model.name not in OWN:
        if model.weights is None:
            variants["he"] = {}
        return {name: recipe.change(changes) for name, changes in variants.items()}
    if model.bias and model.weights is None:
        variants["unbiased"] = {"model.bias": 0.0}
    if model.init != "he" and model.weights is None:
        variants["he"] = he
    if model.activation in ("tanh", "sigmoid"):
        variants["relu"] = {**he, "model.activation": "relu"}
    if model.name == "cnn" and model.shortcut == "none" and model.depth > 2:
        variants["residual"] = {"model.shortcut": "residual"}
    normed = model.norm_after
    few = normed == "none" or (isinstance(normed, tuple) and 2 * len(normed) < model.depth)
    if few:
        variants["norm"] = {"model.norm": "batch", "model.norm_after": "all"}
    return {name: recipe.change(changes) for name, changes in variants.items()}


def _measure(context: ExamContext, recipe: Recipe, *, redraw: bool) -> _Pass:
    """One batch of the run's training images through the net of a recipe at its initial weights, and back."""
    machine = choose(recipe)
    images = context.images
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        model, statistics = build(recipe, images, machine)
        if redraw and recipe.model.name not in OWN:
            _redraw(model)
        rows = batches.order(context.recipe, images, 0)[: recipe.batch_size]
        pixels = statistics.normalise(batches.pixels(images, rows, machine.device))
        labels = torch.from_numpy(images.labels[rows]).to(machine.device)
        return _passed(model.train(), pixels, labels)


def _redraw(model: nn.Module) -> None:
    """He's rule for ReLU in every convolution and linear layer but the last, biases 0."""
    weighing = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    for module in weighing[:-1]:
        nn.init.kaiming_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _passed(model: nn.Module, images: Tensor, labels: Tensor) -> _Pass:
    """`images` (batch, 3, h, w), `labels` (batch,): the pass, with every layer's first call measured."""
    found = _Pass()
    known = all_probes()
    shares = ((found.dead, known["dead_fraction"]), (found.saturated, known["saturated_fraction"]))

    def hook(path: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if not isinstance(output, Tensor) or path in found.layers:
            return
        layer = Layer(path, module, inputs[0], output, model)
        for kept, probe in shares:
            value = probe.measure(layer)
            for where, share in (value if isinstance(value, Mapping) else {path: value}).items():
                if share is not None:
                    kept.setdefault(where, float(share))
        weight = module._parameters.get("weight")
        if weight is None or not is_weight_layer(module):
            return
        w, units = weight.detach().float(), len(weight)
        apart = float((w - w.mean(0)).norm() / w.norm().clamp_min(FAINT)) if units > 1 else math.nan
        std = float(output.detach().float().std(correction=0))
        one = found.layers[path] = _Layer(std, gain=float(w.norm()) / math.sqrt(units), spread=apart)

        def backward(gradient: Tensor) -> None:
            rows = gradient.detach().float().flatten(1) * len(images)  # of one image's loss, not of the mean
            one.gradient = float(rows.norm(dim=1).square().mean().sqrt())

        if output.requires_grad:
            output.register_hook(backward)  # type: ignore[no-untyped-call]

    handles = [
        module.register_forward_hook(lambda m, i, o, path=path: hook(path, m, i, o)) for path, module in layers(model)
    ]
    try:
        logits = logits_of(model(images))
        assert logits is not None
        loss = nn.functional.cross_entropy(logits.float(), labels)
        found.loss = float(loss.detach())
        loss.backward()  # type: ignore[no-untyped-call]
    finally:
        for handle in handles:
            handle.remove()
    return found


def _record(context: ExamContext, found: Mapping[str, _Pass], sound: Mapping[str, bool]) -> None:
    record, own = context.record, found["own"]
    for where, layer in own.layers.items():
        record.add(0, "initial_activation_std", layer.std, where)
        record.add(0, "initial_grad_rms", layer.gradient, where)
        record.add(0, "initial_weight_gain", layer.gain, where)
        record.add(0, "initial_unit_spread", layer.spread, where)
    for where, share in own.dead.items():
        record.add(0, "initial_dead_fraction", share, where)
    for name, one in found.items():
        record.add(0, "initial_activation_slope", one.slope("std"), name)
        record.add(0, "initial_grad_slope", one.slope("gradient"), name)
        record.add(0, "initial_loss", one.loss, name)
        record.add(0, "initial_sound", float(sound[name]), name)


def _sentence(found: Mapping[str, _Pass], sound: Mapping[str, bool]) -> str:
    own = found["own"]
    forward, back = math.exp(own.slope("std")), math.exp(-own.slope("gradient"))
    numbers = {"forward": forward, "back": back, "loss": loss_words(own.loss, ".3g"), "layers": len(own.layers)}
    known = math.isfinite(forward + back)  # two layers between the first and the last, and none of them dead
    if sound["own"]:
        text = _(
            "At its initial weights the signal gets through: it is multiplied by {forward:.2g} per layer on its way "
            "forward, the gradient by {back:.2g} on its way back. The initialisation is not at fault."
        )
        if not known:
            text = _(
                "At its initial weights the signal gets through, forward and back. The initialisation is not at fault."
            )
        return text.format(**numbers)
    cure = next((name for name in list(found)[1:] if sound[name]), None)
    start = _(
        "At its initial weights the signal does not get through {layers} layers: it is multiplied by {forward:.2g} per "
        "layer on its way forward, the gradient by {back:.2g} on its way back, and the loss is {loss}."
    )
    if not known:
        start = _("At its initial weights the signal does not get through {layers} layers: the loss is {loss}.")
    start = start.format(**numbers)
    if cure is None:
        return f"{start} " + _("No single change fixes this: there is more than one fault.")
    ends = {
        "normalised": _("With standardised images it does: the input is at fault."),
        "unbiased": _("With biases of 0 it does: the biases are at fault."),
        "he": _("With He initialisation it does: the initialisation is at fault."),
        "relu": _("He initialisation does not help, ReLU does: the activation is at fault."),
        "residual": _("With shortcuts it does: the depth without shortcuts is at fault."),
        "norm": _("It does only with a norm after every convolution."),
    }
    return f"{start} {ends[cure]}"
