"""What the loss is that the loop computes, and the cross-entropy of the same batch beside it.

## What it measures
`batch_cross_entropy` (nats) of a batch, from the model's output and the labels, whether the output is logits,
probabilities or their logarithms. `output_probabilities`, `output_log_probabilities`, `output_columns`: 1 where a batch
was such (columns: it sums to 1 over the batch, by class), else 0. `output_low`, `output_high`: its least and largest
value; `output_zeros`: the share of exact zeros.

Meta `loss_form`: the loss given to `vet.step`, recognised by its value at several steps among those that people write:
`name` ("" where none fits), `scale`, `summed`, `smoothing`. Meta `maximize`: the optimiser was told to climb.

## Why it matters
A loss on another scale cannot be held against that of guessing, and one that is minimised for nothing shows only here.

## References
Goodfellow, Bengio, Courville 2016, Deep Learning, chapter 6.2, https://www.deeplearningbook.org/contents/mlp.html
"""

from __future__ import annotations

from dataclasses import asdict

import torch
from torch import Tensor

from netvet.base.observed import Observed
from netvet.locale import later
from netvet.watching import Loop, Observer, observer
from netvet.watching.losses import Form, candidates, recognise
from netvet.watching.outputs import (
    are_log_probabilities,
    are_probabilities,
    cross_entropy,
    log_probabilities,
    targets,
    two_columns,
)

OFTEN, EARLY = 10, 10  # measured at every tenth step, and at each of the first ten
COMPARED = (0, 1, 2, 3, 5, 10, 20, 40, 80, 160, 320, 640)  # steps at which the loss is held against the candidates
GIVES: dict[str, Observed | str] = {
    "batch_cross_entropy": Observed(later("Cross-entropy of the batch"), "nats", "nats"),
    "output_probabilities": "0 or 1",
    "output_log_probabilities": "0 or 1",
    "output_columns": "0 or 1",
    "output_low": "as given",
    "output_high": "as given",
    "output_zeros": "0..1",
}


@observer("loss-form", gives=GIVES)
class LossForm(Observer):
    """Holds one row of numbers for each compared step."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        self._names: list[str] = []
        self._rows: list[Tensor] = []
        self._told = Form()
        self._last = -1
        loop.meta("optimizer_class", type(loop.optimizer).__name__)
        if any(group.get("maximize") for group in loop.optimizer.param_groups):
            loop.meta("maximize", True)

    def batch(self, loss: Tensor, images: Tensor | None, labels: Tensor | None, logits: Tensor | None) -> None:
        """Measure the batch, at some steps."""
        del images
        at = self.loop.at()
        if logits is None or labels is None or logits.ndim > 2 or len(labels) != len(logits) or at == self._last:
            return
        if at < EARLY or at % OFTEN == 0:
            self._last = at
            self._measure(logits, labels)
        if at in COMPARED:
            found = candidates(logits, labels)
            self._names = list(found)
            size = torch.full_like(loss.float().mean(), len(labels))
            self._rows.append(
                torch.stack([loss.float().mean(), size, *(value.to(loss.device) for value in found.values())])
            )

    def _measure(self, logits: Tensor, labels: Tensor) -> None:
        output = two_columns(logits).float()
        self.loop.add("batch_cross_entropy", cross_entropy(log_probabilities(output), targets(labels, output.shape[1])))
        self.loop.add("output_probabilities", are_probabilities(output).float())
        self.loop.add("output_log_probabilities", are_log_probabilities(output).float())
        over_batch = are_probabilities(output, 0) | are_log_probabilities(output, 0)
        self.loop.add("output_columns", over_batch.float())
        self.loop.add("output_low", logits.float().min())
        self.loop.add("output_high", logits.float().max())
        self.loop.add("output_zeros", (logits == 0).float().mean())

    def validated(self) -> None:
        """An epoch ends: say what the loss is."""
        self._tell()

    def finish(self) -> None:
        """Say what the loss is."""
        self._tell()

    def _tell(self) -> None:
        rows = [row for row in self._rows if len(row) == 2 + len(self._names)]
        if not rows:
            return
        table = torch.stack([row.cpu().double() for row in rows]).numpy()
        found = recognise(self._names, table[:, 0], table[:, 2:], table[:, 1])
        self.loop.meta("loss_form", asdict(found))
