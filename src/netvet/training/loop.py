"""The loop: trains one recipe, watched, and can go on exactly after a kill."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from netvet.base.errors import BadInput
from netvet.base.files import put
from netvet.images.augment import augment
from netvet.images.dataset import ImageSet
from netvet.listener import EpochReport as EpochReport
from netvet.listener import TrainingListener
from netvet.locale import _
from netvet.metrics import Summary, summarise
from netvet.nets.device import choose, environment
from netvet.nets.freezing import freeze
from netvet.recipe import Recipe
from netvet.trace import FILE, Trace, TraceWriter
from netvet.training import batches, checkpoint, generate, losses, optimizers, recording, schedules
from netvet.training.passes import predict as predict
from netvet.training.passes import recalibrate_on
from netvet.training.pool import Pool
from netvet.training.run_lock import interruptible, run_lock
from netvet.training.run_lock import recorded as recorded
from netvet.training.start import build as build
from netvet.training.start import load_images as load_images
from netvet.watching import watch

CHECKPOINT_SECONDS = 20.0  # at most this much work is done twice after a kill; writing costs well under 1 % of it
STATE_FORMAT = 1
HELD: tuple[Literal["train", "val"], ...] = ("train", "val")


@dataclass(frozen=True)
class Outcome:
    """How a training ended. `best_epoch` counts from 1; `finished` is False after Ctrl-C."""

    run: Path
    epochs: int
    steps: int
    best_epoch: int
    seconds: float
    finished: bool


@dataclass
class _Progress:
    """Where the run stands: everything beside weights that a resumed run needs."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best: float = -math.inf
    best_epoch: int = 0
    since_best: int = 0
    seconds: float = 0.0


def train(
    recipe: Recipe,
    *,
    out: str | Path,
    images: ImageSet | None = None,
    resume: bool = False,
    watched: bool = True,
    listener: TrainingListener | None = None,
) -> Outcome:
    """Train a recipe in the folder `out`, watch it, and record everything in its trace.

    `images`: loaded already, or None to load `recipe.data`. `resume`: go on from the last checkpoint, to the same
    final weights as an unbroken run (CPU, same number of threads). `watched`: run the probes. `listener`: is
    told of every step and epoch. Ctrl-C or SIGTERM saves a checkpoint and returns an outcome that is not finished.

    Raises BadInput where the folder holds another run, or is in use, or the data cannot be trained on.
    """
    run, listener = Path(out), listener or TrainingListener()
    with run_lock(run), torch.random.fork_rng(devices=range(torch.cuda.device_count())), interruptible() as stop:
        if resume:
            recipe = recorded(run, recipe)
        elif (run / FILE).exists():
            sentence = _("{run} already holds a run: add --resume to continue it, or choose another --out.")
            raise BadInput(sentence.format(run=run))
        loaded = images if images is not None else load_images(recipe, progress=False)
        generated = None
        if recipe.augment.generated.images:
            generated = generate.generate_for(recipe, loaded, run, generate.telling(stop, listener))
            if generated is None:
                return Outcome(run, 0, 0, 0, 0.0, finished=False)
        session = _Session(recipe, run, loaded, generated, listener, watched=watched)
        try:
            return session.go(resume, stop)
        finally:
            session.close()


class _Session:
    """One training: model, optimiser, schedule, trace and position."""

    def __init__(
        self,
        recipe: Recipe,
        run: Path,
        images: ImageSet,
        generated: generate.GeneratedImages | None,
        listener: TrainingListener,
        *,
        watched: bool,
    ) -> None:
        for split in HELD:
            if len(images.indices(split)) < 2:
                sentence = _("{source} has fewer than 2 {split} images: add images, or change data.val.")
                raise BadInput(sentence.format(source=recipe.data.source, split=split))
        self.recipe, self.run, self.images, self.generated = recipe, run, images, generated
        self.listener = listener
        self.pool = Pool(images, generated.added if generated is not None else None)
        self.machine = choose(recipe)
        self.steps_per_epoch = self.pool.steps_per_epoch(recipe)
        self.steps = self.steps_per_epoch * recipe.stop.epochs
        self.model, self.statistics = build(recipe, images, self.machine)
        self.optimizer = optimizers.build(recipe.optimizer, self.model)
        frozen, lr = recipe.model.frozen, recipe.optimizer.lr
        thawed = max(1, recipe.stop.epochs - frozen)
        self.schedule = schedules.build(recipe.schedule, self.optimizer, thawed, self.steps_per_epoch, lr)
        self.schedule.wait(frozen * self.steps_per_epoch, lr)
        self.criterion = losses.build(recipe.loss, self.pool.counts().to(self.machine.device))
        self.at = _Progress()
        self.writer = TraceWriter(run)
        self.watcher = (
            watch(self.model, self.optimizer, out=run, classes=images.classes, recipe=recipe, writer=self.writer)
            if watched
            else None
        )
        self.audience = batches.audience(images)
        known = images.known_groups
        self.member = None if known is None else np.unique(known, return_inverse=True)[1].astype(np.int64)
        self.saved_at = time.monotonic()
        self.diverged = False

    def go(self, resume: bool, stop: threading.Event) -> Outcome:
        if resume and (self.run / checkpoint.LAST).exists():
            self._restore(checkpoint.load(self.run / checkpoint.LAST))
        self.writer.forget_after(self.at.step)
        if self.watcher is not None:
            self.watcher.at = self.at.step
        if self.at.step == 0:
            put(self.run / "recipe.yaml", self.recipe.to_yaml())
            recording.setup(
                self.writer, self.recipe, self.images, self.model, environment(self.machine), self.steps_per_epoch
            )
            if self.generated is not None:
                recording.generated(self.writer, self.generated.counts, self.generated.reported)
        finished = Trace.open(self.run).meta.get("finished", False) if resume else False
        while not finished and self.at.epoch < self.recipe.stop.epochs:
            if not self._epoch(stop):
                self._save()
                return self._outcome(finished=False)
            if self._over():
                break
        if not finished:
            self._finish()
        return self._outcome(finished=True)

    def _epoch(self, stop: threading.Event) -> bool:
        """One epoch, or the rest of one. False when asked to stop in the middle."""
        began, first = time.monotonic(), self.at.batch
        if self.recipe.model.frozen:
            freeze(self.model, self.optimizer, frozen=self.at.epoch < self.recipe.model.frozen)
        rows = self.pool.order(self.recipe, self.at.epoch)
        size = self.recipe.batch_size
        for batch in range(first, self.steps_per_epoch):
            self._step(rows[batch * size : (batch + 1) * size], batch)
            self.at.batch, self.at.step = batch + 1, self.at.step + 1
            self.listener.on_step(self.at.step, self.steps)
            if stop.is_set() and self.at.batch < self.steps_per_epoch:
                self.at.seconds += time.monotonic() - began
                return False
            if self.at.batch < self.steps_per_epoch and time.monotonic() - self.saved_at > CHECKPOINT_SECONDS:
                self._save()
        trained = time.monotonic() - began
        if self.recipe.model.recalibrate:
            recalibrate_on(self.model, self.statistics, self.machine, self.images, self.audience)
        train_summary = self._summary(self.audience)
        val_summary = self._summary(self.images.indices("val"))
        best = self._judge(val_summary)
        self.schedule.after_epoch(val_summary.numbers["loss"])
        self.at.epoch, self.at.batch = self.at.epoch + 1, 0
        seconds = time.monotonic() - began
        self.at.seconds += seconds
        recording.epoch(self.writer, self.at.step - 1, self.at.epoch, train_summary, val_summary, seconds, trained)
        if best:
            checkpoint.save(self.run / checkpoint.BEST, self._weights())
        if time.monotonic() - self.saved_at > CHECKPOINT_SECONDS:
            self._save()
        epochs, whole = self.recipe.stop.epochs, seconds * self.steps_per_epoch / (self.steps_per_epoch - first)
        left = (epochs - self.at.epoch) * whole
        told = EpochReport(self.at.epoch, epochs, train_summary, val_summary, seconds, left, best, trained)
        self.listener.on_epoch(told)
        return not stop.is_set()

    def _step(self, rows: Any, batch: int) -> None:
        seed, epoch = self.recipe.seed, self.at.epoch
        images, labels = self.pool.batch(rows, self.machine.device)
        targets = labels
        if self.recipe.augment.active:
            generator = torch.Generator().manual_seed(batches.stream(seed, batches.AUGMENT, epoch, batch))
            images, targets = augment(images, labels, self.recipe.augment, self.images.classes, generator)
        images = self.statistics.normalise(images)
        batches.seed_noise(batches.stream(seed, batches.DROPOUT, epoch, batch))
        with self.machine.autocast():
            logits = self.model(images)
        loss: Tensor = self.criterion(logits.float(), targets.to(self.machine.device))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.recipe.optimizer.clip is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.optimizer.clip)
        self.optimizer.step()
        if self.watcher is not None:
            self.watcher.step(loss=loss, labels=labels)
        self.schedule.after_step()

    def _summary(self, rows: Any) -> Summary:
        logits, labels = predict(self.model, self.statistics, self.machine, self.images, rows)
        groups = None if self.member is None else self.member[rows]
        return summarise(logits, labels, self.images.classes, groups)

    def _judge(self, val: Summary) -> bool:
        """Whether this epoch is the best so far, by the recipe's metric on validation."""
        metric = self.recipe.stop.metric
        value = -val.numbers["loss"] if metric == "loss" else val.numbers[metric]
        better = value > self.at.best
        if better:
            self.at.best, self.at.best_epoch, self.at.since_best = value, self.at.epoch + 1, 0
        else:
            self.at.since_best += 1
        self.diverged = not math.isfinite(val.numbers["loss"])
        return better

    def _over(self) -> bool:
        """Whether to stop before the last epoch: nothing finite is left to train, or early stopping says so."""
        patience = self.recipe.stop.early_stopping
        return self.diverged or (patience is not None and self.at.since_best >= patience)

    def _finish(self) -> None:
        if self.recipe.stop.early_stopping is not None and (self.run / checkpoint.BEST).exists():
            self.model.load_state_dict(checkpoint.load(self.run / checkpoint.BEST)["model"])
        rows = self.images.indices("val")
        logits, _labels = predict(self.model, self.statistics, self.machine, self.images, rows)
        if self.watcher is not None:
            self.watcher.flush()
        recording.finish(self.writer, self.at.step - 1, self.images, logits)
        self._save(finished=True)
        self.writer.meta("finished", True)

    def _weights(self) -> dict[str, Any]:
        return {
            "format": STATE_FORMAT,
            "model": self.model.state_dict(),
            "classes": list(self.images.classes),
            "mean": list(self.statistics.mean),
            "std": list(self.statistics.std),
        }

    def _save(self, *, finished: bool = False) -> None:
        if self.watcher is not None:
            self.watcher.flush()
        self.writer.flush()
        state = self._weights() | {"progress": vars(self.at) | {}}
        if not finished:
            state |= {"optimizer": self.optimizer.state_dict(), "schedule": self.schedule.state_dict()}
        checkpoint.save(self.run / checkpoint.LAST, state)
        self.saved_at = time.monotonic()

    def _restore(self, state: dict[str, Any]) -> None:
        if state["classes"] != list(self.images.classes):
            sentence = _("The classes of {source} are not those that {run} was trained on.")
            raise BadInput(sentence.format(source=self.recipe.data.source, run=self.run))
        self.model.load_state_dict(state["model"])
        if "optimizer" in state:
            self.optimizer.load_state_dict(state["optimizer"])
            self.schedule.load_state_dict(state["schedule"])
        self.at = _Progress(**state["progress"])

    def _outcome(self, *, finished: bool) -> Outcome:
        at = self.at
        return Outcome(self.run, at.epoch, at.step, at.best_epoch, at.seconds, finished)

    def close(self) -> None:
        if self.watcher is not None:
            self.watcher.close()
        self.writer.close()
