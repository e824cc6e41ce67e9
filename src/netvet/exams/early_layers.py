"""Early layers: did they learn, and is the network better for it?

## What it does
Looks at the first third of the weight layers, in the order of the forward pass, in two ways that train nothing but a
linear classifier. First, the features behind them (each channel's mean over a 2 x 2 grid) are given to a logistic
regression fitted on training images and scored on validation images, once with the trained weights and once with
the first ones. Second, each of these layers is put back to its initial weights in the final network, alone and together
with those before it, and the validation accuracy is taken again. Batch norms get statistics recomputed over training
images each time, so that the weights alone make the difference. Training the rest with the early layers frozen would
answer the same question at the price of a training, and is left out.

## What it gives
`early_probe_trained`, `early_probe_initial`: accuracy of the linear probe, 0..1. `reinitialised_fall`: validation
accuracy lost (-1..1) by putting that layer back alone; `reinitialised_together_fall`: by putting it and all before it
back.

## What it decides
Whether early layers that do not learn can be the cause. "Early layers learn": the trained features beat the first
ones, or the network loses accuracy without them. "As they were": the first layers can all be put back and it costs
nothing. Where the network is no better than guessing there is nothing to lose, and the probe alone decides.

## References
Alain, Bengio 2016, Understanding intermediate layers using linear classifier probes, https://arxiv.org/abs/1610.01644
Zhang, Bengio, Singer 2019, Are all layers created equal?, https://arxiv.org/abs/1902.01996
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from netvet.base.observed import Observed
from netvet.exams import ExamContext, exam
from netvet.locale import _, ngettext

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import nn

    from netvet.exams._trained import Trained

IMAGES = 1024  # of each split at most: accuracy to within about 3 points
GRID = 2  # cells a side over which a channel is averaged: where a fish is bright says more than its mean
LEAST = 0.02  # a difference in accuracy below this is none, however many images there are
WORK = 10_000  # images that putting layers back may cost in all
FEWEST = 96  # of each split, however many layers there are


@exam(
    "early-layers",
    gives={
        "early_probe_trained": Observed("", "0..1", "share"),
        "early_probe_initial": Observed("", "0..1", "share"),
        "reinitialised_fall": Observed("", "accuracy, -1..1"),
        "reinitialised_together_fall": Observed("", "accuracy, -1..1"),
    },
    cost="6 forward passes over at most 1,024 images of either split, a logistic regression twice, and 4 passes "
    "for each layer of the first third",
)
def run_exam(context: ExamContext) -> str:
    """Probe the early layers of a context and put them back one by one."""
    from netvet.exams import _trained

    subject = _trained.load(context)
    layers = forward_order(subject)
    early = layers[: max(1, len(layers) // 3)]
    if len(layers) < 2:
        return _("This network has a single layer, so it has no early layers.")
    val, train = subject.rows("val", IMAGES), subject.rows("train", IMAGES)
    last, first = (subject.recalibrated(model, train) for model in (subject.last, subject.first))
    whole = subject.score(last, val)
    if not whole.finite:
        return _("The network's output is not finite, so its early layers cannot be judged.")
    truth = subject.images.labels[val]
    right = {
        name: _probe(subject, model, layers[len(early)], train, val) == truth
        for name, model in (("trained", last), ("initial", first))
    }
    trained, initial = float(right["trained"].mean()), float(right["initial"].mean())
    record = context.record
    record.add(0, "early_probe_trained", trained)
    record.add(0, "early_probe_initial", initial)
    falls = _put_back(context, subject, last, early)
    better = trained - initial >= LEAST and _trained.gained(right["trained"], right["initial"]) > 0
    guess = float(np.bincount(truth).max() / len(truth))
    kept = next((n for n, (fall, surely) in enumerate(falls) if surely and fall >= LEAST), len(early))
    numbers = {"trained": trained, "initial": initial, "layer": early[max(kept - 1, 0)], "n": kept}
    if whole.accuracy < guess + LEAST and not better:
        text = _(
            "Neither the early layers nor the later ones learn: a linear probe after {layer} reaches {trained:.1%} "
            "with the trained weights and {initial:.1%} with the initial ones, and the network is no better than "
            "guessing."
        )
        return text.format(**numbers | {"layer": early[-1]})
    if better or kept == 0:
        text = _(
            "Early layers learn: a linear probe after {layer} reaches {trained:.1%} with the trained weights and "
            "{initial:.1%} with the initial ones; resetting the early layers lowers accuracy by {fall:.1%}."
        )
        return text.format(**numbers | {"layer": early[-1], "fall": max(0.0, falls[-1][0])})
    text = ngettext(
        "The first layer has not learnt: resetting {layer} to its initial weights costs nothing, and a linear probe "
        "after the early layers reaches {trained:.1%}, against {initial:.1%} with the initial weights.",
        "The first {n} layers have not learnt: resetting all up to {layer} to their initial weights costs nothing, and "
        "a linear probe after the early layers reaches {trained:.1%}, against {initial:.1%} with the initial weights.",
        kept,
    )
    return text.format(**numbers)


def forward_order(subject: Trained) -> list[str]:
    """Paths of the weight layers in the order in which the final network calls them; tied weights once."""
    import torch

    from netvet.watching.layers import is_weight_layer

    called: dict[int, str] = {}
    hooks = [
        module.register_forward_pre_hook(
            lambda module, _inputs, name=name: called.setdefault(id(module._parameters["weight"]), name) and None
        )
        for name, module in subject.last.named_modules()
        if is_weight_layer(module)
    ]
    try:
        with torch.no_grad(), subject.machine.autocast():
            subject.last(subject.pixels(subject.rows("val", 2)))
    finally:
        for hook in hooks:
            hook.remove()
    return list(called.values())


def _probe(
    subject: Trained, model: nn.Module, next_layer: str, train: NDArray[np.int64], val: NDArray[np.int64]
) -> NDArray[np.int64]:
    """What a linear classifier, fitted on the training images' features, says of the validation images."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    seen, asked = (_features(subject, model, next_layer, rows) for rows in (train, val))
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 200 steps are near enough
        linear.fit(seen, subject.images.labels[train])
    said: NDArray[np.int64] = linear.predict(asked)
    return said


def _features(subject: Trained, model: nn.Module, next_layer: str, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """What goes into a layer: each channel's mean over a 2 x 2 grid, (rows, 4 channels); of tokens, over them all."""
    import torch
    from torch.nn import functional

    from netvet.training.batches import EVALUATION_BATCH

    found: list[torch.Tensor] = []

    def keep(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        x = inputs[0].detach().float()
        if x.ndim == 4 and isinstance(module, torch.nn.Linear):
            x = x.permute(0, 3, 1, 2)
        if x.ndim == 4:
            x = functional.adaptive_avg_pool2d(x, GRID).flatten(1)
        found.append(x.flatten(1, -2).mean(1).cpu() if x.ndim > 2 else x.cpu())

    hook = model.get_submodule(next_layer).register_forward_pre_hook(keep)
    parts: list[torch.Tensor] = []
    try:
        with torch.no_grad(), subject.machine.autocast():
            for start in range(0, len(rows), EVALUATION_BATCH):
                found.clear()
                model(subject.pixels(rows[start : start + EVALUATION_BATCH]))
                parts.append(found[0])  # of a layer that is called twice, the first call
    finally:
        hook.remove()
    features: NDArray[np.float64] = torch.cat(parts).double().nan_to_num().numpy()
    return features


def _put_back(context: ExamContext, subject: Trained, whole: nn.Module, early: list[str]) -> list[tuple[float, bool]]:
    """What putting the first 1, 2, ... layers back together costs, and whether surely; records that, and each alone."""
    from netvet.exams._trained import gained

    count = int(np.clip(WORK // (4 * len(early)), FEWEST, IMAGES))
    val, train = subject.rows("val", count), subject.rows("train", count)
    base = subject.score(subject.recalibrated(whole, train), val)
    record, falls = context.record, list[tuple[float, bool]]()
    for index, layer in enumerate(early):
        alone = subject.score(_first_weights(subject, [layer], train), val)
        together = subject.score(_first_weights(subject, early[: index + 1], train), val) if index else alone
        falls.append((base.accuracy - together.accuracy, gained(base.right, together.right) > 0))
        record.add(0, "reinitialised_fall", base.accuracy - alone.accuracy, layer)
        record.add(0, "reinitialised_together_fall", falls[-1][0], layer)
    return falls


def _first_weights(subject: Trained, layers: list[str], train: NDArray[np.int64]) -> nn.Module:
    """The final network with some layers' initial weights, its batch norms' statistics recomputed."""
    import copy

    changed = copy.deepcopy(subject.last)
    for layer in layers:
        changed.get_submodule(layer).load_state_dict(subject.first.get_submodule(layer).state_dict())
    return subject.recalibrated(changed, train)
