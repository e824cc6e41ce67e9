"""The mode, train or eval, in which the loop's own passes are made.

## What it measures
`mode_layers`: dropouts, and batch norms with running statistics, which do something else in each mode. At the end of an
epoch `eval_trained`: the share of passes with a backward pass for which the model was in eval mode, 0..1; and
`train_checked`: images that went through in train mode without a gradient and are none of the epoch's training images,
in blocks of passes as a validation makes them. `vet.validate` sets eval mode itself and is not counted.

## Why it matters
In train mode dropout drops units, and batch norms use the batch and move their running statistics; in eval mode they
do neither.

## References
PyTorch documentation, torch.nn.Module.eval, https://pytorch.org/docs/stable/generated/torch.nn.Module.html
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netvet.watching import Loop, Observer, observer

MOST = 65_536  # images of an epoch that are remembered, by one number each: 512 KiB
POINTS = 16  # pixels of an image that make its number


@observer("modes", gives={"mode_layers": "layers", "eval_trained": "0..1", "train_checked": "images"})
class Modes(Observer):
    """Keeps one number of each image of the epoch: at most 1 MiB."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        self._training = True
        self._told = False
        self._passes = self._eval = self._blocks = self._steps = 0
        self._inside = False
        self._trained: list[Tensor] = []
        self._checked: list[Tensor] = []
        self._begin()

    def _begin(self) -> None:
        self._passes = self._eval = self._blocks = self._steps = 0
        self._inside = False
        self._trained = []
        self._checked = []

    def forward(self, images: Tensor | None, logits: Tensor | None, *, training: bool, grad: bool) -> None:
        """Remember the mode, and which images they are."""
        del logits
        if grad:
            self._training, self._inside = training, False
            _remember(self._trained, images)
        elif training and not _recalibrates(self.loop.model):
            self._blocks += not self._inside
            self._inside = True
            _remember(self._checked, images)

    def backward(self, gradient: Tensor) -> None:
        """The last pass was one that trains."""
        del gradient
        self._passes += 1
        self._eval += not self._training

    def after_step(self) -> None:
        """A step, between blocks of checks."""
        self._steps += 1

    def validated(self) -> None:
        """The epoch is over."""
        self._tell()

    def finish(self) -> None:
        """The same, where no validation ended the epoch."""
        self._tell()

    def _tell(self) -> None:
        if not self._passes:
            return
        if not self._told:
            self._told = True
            self.loop.add("mode_layers", float(sum(_depends(m) for m in self.loop.model.modules())))
        self.loop.add("eval_trained", self._eval / self._passes)
        if self._checked and 5 * self._blocks <= max(self._steps, 5):
            checked = torch.cat(self._checked)
            known = torch.cat([x.to(checked.device) for x in self._trained]) if self._trained else checked[:0]
            self.loop.add("train_checked", (~torch.isin(checked, known)).sum().float())
        else:
            self.loop.add("train_checked", 0.0)
        self._begin()


def _remember(kept: list[Tensor], images: Tensor | None) -> None:
    """One number of each image, float32: the same pixels give the same one, whatever the batch that they come in."""
    if images is None or images.ndim < 2 or sum(map(len, kept)) > MOST:
        return
    flat = images.detach().flatten(1)
    points = flat[:, :: max(1, flat.shape[1] // POINTS)].double()
    factors = torch.arange(1, points.shape[1] + 1, device=points.device, dtype=torch.float64).sqrt()
    kept.append((points * factors).sum(1).float())


def _depends(module: nn.Module) -> bool:
    """Whether it does something else in eval mode."""
    if isinstance(module, nn.modules.dropout._DropoutNd):
        return module.p > 0
    return isinstance(module, nn.modules.batchnorm._BatchNorm) and module.track_running_stats


def _recalibrates(model: nn.Module) -> bool:
    """Whether running statistics are being recomputed, as `torch.optim.swa_utils.update_bn` does."""
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) and m.momentum is None for m in model.modules())
