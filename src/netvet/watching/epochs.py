"""The epochs of a user's own loop: validation, the running training metrics, and what is learnt of the data."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from netvet.base.errors import BadInput
from netvet.locale import _
from netvet.metrics import Summary, declare, record, summarise
from netvet.trace import TraceWriter
from netvet.watching.layers import unwrap
from netvet.watching.outputs import are_probabilities, class_labels, given_labels, log_probabilities, two_columns
from netvet.watching.readings import kept_random_state, logits_of

KEPT = 4096  # training images of an epoch, the newest, whose predictions make the running training metrics


def summary_of(output: Tensor, labels: Tensor, names: Sequence[str]) -> Summary:
    """Metrics of outputs (n, classes), in whatever form, on the images whose label (n,) is a class."""
    known = (labels >= 0) & (labels < len(names))
    output, labels = output[known].float(), labels[known]
    shares = len(output) > 0 and bool(are_probabilities(output))
    return summarise(log_probabilities(output) if shares else output, labels, names)


class Epochs:
    """Records epochs into `writer`. `done`: epochs so far. `whole`: the run is watched from its first step. `notify`:
    called as validation begins, with each of its batches, and as it ends.
    """

    def __init__(
        self,
        model: nn.Module,
        writer: TraceWriter,
        classes: Sequence[str] | None,
        done: int,
        notify: Callable[..., None] = lambda *_args: None,
    ) -> None:
        self._model, self._writer, self._notify = model, writer, notify
        self.classes = list(classes) if classes is not None else None
        self.done = done
        self.whole = done == 0
        self._running: deque[tuple[Tensor, Tensor]] = deque()
        self._held = 0
        self._labels: list[Tensor] = []
        self._predictions: tuple[Tensor, Tensor] | None = None
        self._began = time.perf_counter()
        if self.classes is not None:
            writer.meta("classes", self.classes)

    def keep(self, logits: Tensor, labels: Tensor) -> None:
        """Remember a training batch's predictions, as long as they are among the newest."""
        logits = two_columns(logits)
        if logits.ndim != 2 or len(labels) != len(logits):
            return
        labels = class_labels(labels, logits.shape[1])
        if labels.ndim != 1:
            return
        self._names(logits.shape[1])
        whole = logits.untyped_storage().nbytes() <= logits.nbytes
        self._running.append((logits if whole else logits.clone(), labels))  # a view keeps what it is a view of
        self._held += len(labels)
        while self._held - len(self._running[0][1]) >= KEPT:
            self._held -= len(self._running.popleft()[1])
        if self.whole and self.done == 0:
            self._labels.append(labels)

    def validate(self, loader: Iterable[Any], steps: int) -> dict[str, float]:
        """Measure and record an epoch that ended after `steps` optimiser steps. See `Watcher.validate`."""
        self._notify("validation_begins")
        try:
            logits, labels = self._predict(loader)
        finally:
            self._notify("validated")
        names = self._names(logits.shape[1])
        last = max(steps - 1, 0)
        summary = summary_of(logits, labels, names)
        if not summary.confusion.any():
            raise BadInput(_("No validation image has a label: each is below 0 or beyond the model's output."))
        record(summary, self._writer, last, "val")
        if self._running:
            seen = [torch.cat([pair[i].cpu() for pair in self._running]) for i in (0, 1)]
            running = summary_of(seen[0], seen[1], names)
            if running.confusion.any():
                record(running, self._writer, last, "train")
        if self._labels:
            self._describe(labels, names, steps)
        self.done += 1
        self._writer.meta("epochs", self.done)
        declare(self._writer, "epoch", "epoch_seconds")
        self._writer.add(last, "epoch", self.done)
        self._writer.add(last, "epoch_seconds", time.perf_counter() - self._began)
        self._predictions = logits, labels
        self._running.clear()
        self._labels, self._held, self._began = [], 0, time.perf_counter()
        return dict(summary.numbers)

    def write_predictions(self, steps: int) -> None:
        """Record what the newest validation predicted, once."""
        if self._predictions is not None:
            logits, labels = self._predictions
            shares = log_probabilities(logits).exp()
            self._writer.add_array(max(steps - 1, 0), "val_probabilities", shares.numpy())
            self._writer.add_array(max(steps - 1, 0), "val_labels", labels.numpy())
            self._predictions = None

    def _names(self, columns: int) -> list[str]:
        """The classes' names; the first batch settles how many there are."""
        if self.classes is None:
            self.classes = [str(i) for i in range(columns)]
            self._writer.meta("classes", self.classes)
        if len(self.classes) != columns:
            sentence = _("The model's output has {columns} columns but {names} classes were named: name each column.")
            raise BadInput(sentence.format(columns=columns, names=len(self.classes)))
        return self.classes

    def _predict(self, loader: Iterable[Any]) -> tuple[Tensor, Tensor]:
        """Logits (n, classes) float32 and labels (n,) int64 on the CPU, in the loader's order."""
        model = self._model
        if isinstance(model._modules.get("_orig_mod", model), nn.parallel.DistributedDataParallel):
            model = unwrap(model)  # the wrapper waits for the other processes, which may not validate
        modes = {module: module.training for module in self._model.modules()}
        device = next((p.device for p in self._model.parameters()), torch.device("cpu"))
        pairs: list[tuple[Tensor, Tensor]] = []
        try:
            self._model.eval()
            with torch.no_grad(), kept_random_state():
                for images, given, *_rest in loader:
                    moved = images.to(device)
                    output = logits_of(model(moved))
                    logits = None if output is None else two_columns(output)
                    if output is None or logits is None or logits.ndim != 2:
                        raise BadInput(_("validate needs a classifier: a model whose output is (batch, classes)."))
                    labels = given_labels(given)
                    self._notify("validation_batch", moved, labels, output)
                    pairs.append((logits.float().cpu(), class_labels(labels.cpu(), logits.shape[1])))
        finally:
            for module, mode in modes.items():
                module.training = mode
        if not pairs:
            raise BadInput(_("The validation loader is empty: pass one that yields (images, labels)."))
        return torch.cat([p[0] for p in pairs]), torch.cat([p[1] for p in pairs])

    def _describe(self, labels: Tensor, names: Sequence[str], steps: int) -> None:
        """After the first epoch: its length, and the images of each class, as the loaders gave them."""
        self._writer.meta("steps_per_epoch", steps)
        train = torch.cat([x.cpu() for x in self._labels]).numpy()
        for name, values in (("class_images", train), ("val_images", labels.numpy())):
            counts = np.bincount(values[(values >= 0) & (values < len(names))], minlength=len(names))
            declare(self._writer, name)
            for label, count in zip(names, counts, strict=True):
                self._writer.add(0, name, float(count), label)
        declare(self._writer, "train_images")
        self._writer.add(0, "train_images", float(len(train)))
