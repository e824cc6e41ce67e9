"""What a trained net's last layer is given, and what a linear classifier makes of it: for the exams of classes."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netvet.base.arrays import Floats
from netvet.metrics import one_vs_rest_auc
from netvet.training.batches import EVALUATION_BATCH
from netvet.watching.layers import is_weight_layer

if TYPE_CHECKING:
    from netvet.exams._trained import Trained

STRENGTH = 0.1  # C of the regression, on standardised features: they are as many as the images of some classes


def frozen(subject: Trained, rows: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Features (n, d) that the last weight layer is given, averaged over places, and the logits (n, classes)."""
    given: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0].detach().float()
        if x.ndim > 2:  # channels come second, or last before a linear layer
            x = x.flatten(1, -2).mean(1) if isinstance(module, nn.Linear) else x.flatten(2).mean(2)
        given[:] = [x]

    layers = [module for module in subject.last.modules() if is_weight_layer(module)]
    hooks = [layer.register_forward_pre_hook(keep) for layer in layers]  # the last that is called has the last word
    features: list[Tensor] = []
    logits: list[Tensor] = []
    try:
        with torch.no_grad(), subject.machine.autocast():
            for start in range(0, len(rows), EVALUATION_BATCH):
                part = rows[start : start + EVALUATION_BATCH]
                logits.append(subject.last(subject.pixels(part)).float().cpu())
                features.append(given[0].cpu())
    finally:
        for hook in hooks:
            hook.remove()
    return torch.cat(features).double().nan_to_num().numpy(), torch.cat(logits).double().numpy()


def probe(seen: Floats, labels: NDArray[np.int64], asked: Floats, classes: int) -> Floats:
    """(n, classes): what a balanced logistic regression, fitted on features and labels, says of other features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    linear = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=200, class_weight="balanced"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it stopped at max_iter: near enough
        linear.fit(seen, labels)
    found = np.zeros((len(asked), classes))
    found[:, linear.classes_] = linear.predict_proba(asked)
    return found


def auc(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve; nan where one side is empty."""
    return float(one_vs_rest_auc(np.stack([-scores, scores], axis=1), positive.astype(np.int64))[1])
