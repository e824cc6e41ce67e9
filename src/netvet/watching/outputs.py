"""What a classifier's output says, whatever form it has: logits, probabilities or their logarithms; and what labels say
of it, whatever form they have. On a GPU nothing here waits, but `class_labels` where it refuses.
"""

from __future__ import annotations

import torch
from torch import Tensor

from netvet.base.errors import BadInput
from netvet.locale import _

LEAST = 1e-30  # a probability that was rounded to 0 has this much, so that its logarithm is a number


def two_columns(output: Tensor) -> Tensor:
    """(batch, classes) as it is; one number an image, (batch,) or (batch, 1), as the columns of two classes.

    A number in 0..1 throughout is the probability of class 1, any other its logit.
    """
    if output.ndim == 1:
        output = output[:, None]
    if output.ndim != 2 or output.shape[1] != 1:
        return output
    column = output[:, 0].float()
    share = ((column >= 0) & (column <= 1)).all()
    return torch.stack([torch.where(share, 1 - column, torch.zeros_like(column)), column], dim=1)


def are_probabilities(output: Tensor, dim: int = 1) -> Tensor:
    """Whether no value of (batch, classes) is below 0 and all rows (`dim` 0: all columns) sum to 1; 0-dim, bool."""
    return (output >= 0).all() & ((output.float().sum(dim) - 1).abs() <= _rounding(output)).all()


def are_log_probabilities(output: Tensor, dim: int = 1) -> Tensor:
    """Whether all rows (`dim` 0: all columns) of e to the power of (batch, classes) sum to 1; 0-dim, bool."""
    return (output <= 1e-6).all() & (output.float().logsumexp(dim).abs() <= _rounding(output)).all()


def _rounding(output: Tensor) -> float:
    return 1e-4 if output.dtype in (torch.float32, torch.float64) else 2e-2


def log_probabilities(output: Tensor) -> Tensor:
    """Logarithms of the probabilities, (batch, classes) float32, that the output (batch, classes) stands for."""
    wide = output.float()
    return torch.where(are_probabilities(output), wide.clamp_min(LEAST).log(), wide.log_softmax(1))


def given_labels(labels: object) -> Tensor:
    """Labels as a tensor. Raises BadInput for what is no tensor of numbers, nor becomes one."""
    try:
        return labels.detach() if isinstance(labels, Tensor) else torch.as_tensor(labels)
    except (TypeError, ValueError, RuntimeError):
        kind = type(labels[0] if isinstance(labels, list | tuple) and labels else labels).__name__
        sentence = _("Labels have to be class numbers from 0, or one-hot rows; these are of the type {kind}.")
        raise BadInput(sentence.format(kind=kind)) from None


def class_labels(labels: Tensor, columns: int) -> Tensor:
    """The class of each image, (batch,) int64; below 0 where it has none: -100 and the like, a row without a one.

    A class number beyond the output's columns is left as it is. Raises BadInput for numbers between two classes.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2:
        none = (labels == 0).all(1) if labels.shape[1] == columns else torch.zeros_like(labels[:, 0], dtype=torch.bool)
        return torch.where(none, -1, labels.argmax(1))
    if columns <= 2 and labels.is_floating_point():
        return labels.round().long()  # the share of class 1, as binary_cross_entropy takes it
    whole = labels.long()
    if labels.is_floating_point() and not labels.is_cuda and not torch.equal(whole.to(labels.dtype), labels):
        value = float(labels[(whole != labels).nonzero()[0, 0]])
        raise BadInput(_("A label is {value:g}, and a class number has to be whole: from 0.").format(value=value))
    return whole


def targets(labels: Tensor, columns: int) -> Tensor:
    """What the output should say, (batch, columns) float32: soft labels as they are, a row of 0 where there is none."""
    if labels.ndim == 2 and labels.shape[1] == columns > 1:
        return labels.float()
    classes = class_labels(labels, columns)
    inside = (classes >= 0) & (classes < columns)
    rows = torch.zeros(len(classes), columns, device=classes.device)
    return rows.scatter_(1, classes.clamp(0, columns - 1)[:, None], inside[:, None].float())


def cross_entropy(log_p: Tensor, wanted: Tensor) -> Tensor:
    """Mean of -sum(wanted * log_p) over the images that have a label, nats, 0-dim."""
    labelled = (wanted.sum(1) > 0).sum().clamp_min(1)
    return -(wanted * log_p).sum() / labelled
