"""The losses that people compute, on an output and labels at hand, so that one that is given can be recognised."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - as everyone writes it

from netvet.watching.outputs import cross_entropy, targets

CLOSE = 1e-3  # relative: how near a loss must come to the one that it is taken for, at every sampled step
VARIES = 0.02  # relative: a loss that is recognised by its proportion alone has to vary by more than this
FEWEST = 3  # sampled steps
SMOOTHING = "cross-entropy, labels smoothed"
_UNIFORM = "cross-entropy to all classes alike"


@dataclass(frozen=True)
class Form:
    """A loss that was recognised: `name` of a candidate, "" for none, times `scale`; `summed` over the batch, or the
    mean. `smoothing`: of the labels, 0..1.
    """

    name: str = ""
    scale: float = 1.0
    summed: bool = False
    smoothing: float = 0.0


def candidates(output: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Name -> 0-dim float32: what each loss is on output (batch, columns) and labels, as means over the images."""
    if output.ndim == 1 or (output.ndim == 2 and output.shape[1] == 1):
        return _of_one_column(output.float().reshape(-1), labels.float().reshape(len(labels), -1)[:, 0])
    output, wanted = output.float(), targets(labels, output.shape[1])
    shares, numbers = output.softmax(1), torch.arange(output.shape[1], device=output.device, dtype=torch.float32)
    found = {
        "cross-entropy": cross_entropy(output.log_softmax(1), wanted),
        _UNIFORM: -output.log_softmax(1).mean(),
        "cross-entropy of softmax": cross_entropy(shares.log_softmax(1), wanted),
        "cross-entropy of softmax over the batch": cross_entropy(output.softmax(0).log_softmax(1), wanted),
        "log-likelihood of softmax over the batch": cross_entropy(output.log_softmax(0), wanted),
        "cross-entropy of sigmoid": cross_entropy(output.sigmoid().log_softmax(1), wanted),
        "cross-entropy of tanh": cross_entropy(output.tanh().log_softmax(1), wanted),
        "cross-entropy of relu": cross_entropy(output.relu().log_softmax(1), wanted),
        "log-likelihood of the output": cross_entropy(output, wanted),
        "log-likelihood of softmax": cross_entropy(shares, wanted),
        "log-likelihood of the output's logarithm": cross_entropy(output.log(), wanted),
        "squared error": F.mse_loss(output, wanted),
        "squared error of softmax": F.mse_loss(shares, wanted),
        "squared error of sigmoid": F.mse_loss(output.sigmoid(), wanted),
        "absolute error": F.l1_loss(output, wanted),
        "absolute error of softmax": F.l1_loss(shares, wanted),
        "smooth absolute error": F.smooth_l1_loss(output, wanted),
        "smooth absolute error of softmax": F.smooth_l1_loss(shares, wanted),
        "squared error of the class number": F.mse_loss(output @ numbers, wanted @ numbers),
        "squared error of the expected class number": F.mse_loss(shares @ numbers, wanted @ numbers),
        "binary cross-entropy with logits": F.binary_cross_entropy_with_logits(output, wanted),
        "binary cross-entropy": _binary(output, wanted),
        "binary cross-entropy of softmax": _binary(shares, wanted),
        "binary cross-entropy of sigmoid": F.binary_cross_entropy_with_logits(output.sigmoid(), wanted),
        "margin": F.multi_margin_loss(output, wanted.argmax(1)),
    }
    if output.shape[1] == 2:
        for k in (0, 1):
            column = output[:, k]
            found[f"binary cross-entropy of column {k}"] = F.binary_cross_entropy_with_logits(column, wanted[:, 1])
            squashed = F.binary_cross_entropy_with_logits(column.sigmoid(), wanted[:, 1])
            found[f"binary cross-entropy of column {k}, squashed twice"] = squashed
    return found


def _of_one_column(column: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    """The same for one number an image: column and wanted are (batch,)."""
    return {
        "binary cross-entropy with logits": F.binary_cross_entropy_with_logits(column, wanted),
        "binary cross-entropy": _binary(column, wanted),
        "binary cross-entropy of sigmoid": F.binary_cross_entropy_with_logits(column.sigmoid(), wanted),
        "cross-entropy of one column": torch.zeros_like(column[0]),
        "squared error": F.mse_loss(column, wanted),
        "squared error of sigmoid": F.mse_loss(column.sigmoid(), wanted),
        "squared error of every image to every label": ((column[:, None] - wanted[None]) ** 2).mean(),
        "absolute error": F.l1_loss(column, wanted),
    }


def _binary(shares: Tensor, wanted: Tensor) -> Tensor:
    """Binary cross-entropy; not a number where the shares are none."""
    inside = shares.clamp(1e-12, 1)
    found = -(wanted * inside.log() + (1 - wanted) * (1 - shares).clamp(1e-12, 1).log()).mean()
    return torch.where(((shares >= 0) & (shares <= 1)).all(), found, torch.full_like(found, math.nan))


def recognise(
    names: Sequence[str], losses: NDArray[np.float64], values: NDArray[np.float64], sizes: NDArray[np.float64]
) -> Form:
    """Which candidate a loss is. `losses`: (steps,); `values`: (steps, names); `sizes`: images of each batch, (steps,).

    Of several that fit, one that is met as it is comes before one that is met but for a factor.
    """
    there = np.isfinite(losses)
    if there.sum() < FEWEST:
        return Form()
    losses, values, sizes = losses[there], values[there], sizes[there]
    fits = [fit for i, name in enumerate(names) if name != _UNIFORM for fit in _fits(name, losses, values[:, i], sizes)]
    if "cross-entropy" in names:
        fits += _smoothed(losses, values[:, list(names).index("cross-entropy")], values[:, list(names).index(_UNIFORM)])
    near = [fit for fit in fits if fit[1] < CLOSE]
    return min(near, key=lambda fit: (fit[0], fit[1]))[2] if near else Form()


def _fits(
    name: str, losses: NDArray[np.float64], own: NDArray[np.float64], sizes: NDArray[np.float64]
) -> list[tuple[int, float, Form]]:
    """(order, relative error, form) of one candidate: as it is, summed, or but for a factor."""
    if not np.isfinite(own).all():
        return []
    found = [(0, _error(losses, own), Form(name)), (1, _error(losses, own * sizes), Form(name, summed=True))]
    if np.ptp(own) > VARIES * np.abs(own).max() and np.abs(own).min() > 0:
        for summed, base in ((False, own), (True, own * sizes)):
            scale = float(np.median(losses / base))
            found.append((2 + summed, _error(losses, scale * base), Form(name, scale, summed)))
    return found


def _smoothed(
    losses: NDArray[np.float64], own: NDArray[np.float64], uniform: NDArray[np.float64]
) -> list[tuple[int, float, Form]]:
    """Cross-entropy with smoothed labels, (1 - s) * own + s * uniform, the share s by least squares."""
    apart = uniform - own
    if not np.isfinite(apart).all() or not np.abs(apart).max() > VARIES:
        return []
    share = float(((losses - own) * apart).sum() / (apart**2).sum())
    if not 0.005 < share < 0.6:
        return []
    return [(1, _error(losses, own + share * apart), Form(SMOOTHING, smoothing=share))]


def _error(losses: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    """The largest relative difference; of a loss below a thousandth of the median one, by that."""
    least = np.maximum(np.abs(losses), 1e-3 * np.median(np.abs(losses)))
    return float((np.abs(losses - wanted) / np.maximum(least, 1e-12)).max())
