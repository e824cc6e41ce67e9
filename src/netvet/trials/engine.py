"""Where the arms of a trial run: this process; a cluster can take its place.

An engine is given jobs and gives finished runs back, in any order. It draws the next job when it has room for one, so
that whoever hands out the jobs can look at the clock before each.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from netvet.base.errors import BadInput
from netvet.images.sampling import sampled
from netvet.listener import EpochReport, TrainingListener
from netvet.recipe import Recipe
from netvet.rules import diagnose
from netvet.trace import FILE, Trace
from netvet.trials import AUC_OF, CONTROL, ArmRun

if TYPE_CHECKING:
    from netvet.images.dataset import ImageSet
    from netvet.metrics import Summary

LOCAL = "local"
"""The name of `LocalEngine`."""
SPLITTING = ("source", "val", "test", "group", "exclude", "relabel", "split_seed")
"""Fields of `data` that decide which images are in which split, and what they are called."""


@dataclass(frozen=True)
class Job:
    """One run to make: `recipe` is complete (seed and epochs included), `folder` is where the run is recorded."""

    arm: str
    recipe: Recipe
    folder: Path


@dataclass(frozen=True)
class Refusal:
    """A job that cannot be done: a remedy's recipe that this network, or these images, do not allow; and why."""

    arm: str
    reason: str


class Engine(Protocol):
    """Anything that can make the runs of a trial."""

    def run(self, jobs: Iterable[Job]) -> Iterator[ArmRun | Refusal]:
        """Train, measure on validation and diagnose each job. KeyboardInterrupt ends the trial; what was yielded
        counts. What a treated job cannot do is a `Refusal`; the control raises BadInput.
        """
        ...

    def evaluate(self, run: ArmRun, split: str) -> Mapping[str, float]:
        """Metrics of a run's final model on a split, the AUC of each class too."""
        ...


class LocalEngine:
    """One run after the other in this process, each with all its threads.

    `images`: those of the recipe `of`; runs whose recipe reads or splits its data otherwise load their own.
    `tick(share)`: hears how much of the current run is done, 0..1.
    """

    def __init__(
        self, images: ImageSet | None = None, *, of: Recipe | None = None, tick: Callable[[float], None] | None = None
    ) -> None:
        self._images = {} if images is None or of is None else {_key(of): images}
        self._tick = tick

    def run(self, jobs: Iterable[Job]) -> Iterator[ArmRun | Refusal]:
        """See `Engine.run`. A run that was broken off earlier in the same folder with the same recipe goes on."""
        for job in jobs:
            done: ArmRun | Refusal
            try:
                done = self._one(job)
            except BadInput as error:
                if job.arm == CONTROL:
                    raise
                done = Refusal(job.arm, str(error))
            yield done

    def evaluate(self, run: ArmRun, split: str) -> Mapping[str, float]:
        """See `Engine.evaluate`."""
        from netvet.training import evaluate

        recipe = Trace.open(run.folder).recipe
        assert recipe is not None
        return _metrics(evaluate(run.folder, self._load(recipe), split))

    def _one(self, job: Job) -> ArmRun:
        from netvet.training import evaluate, train

        began = monotonic()
        images = self._load(job.recipe)
        outcome = train(
            job.recipe,
            out=job.folder,
            images=images,
            resume=_prepare(job, images),
            listener=_Ticking(self._tick),
        )
        if not outcome.finished:
            raise KeyboardInterrupt
        metrics = _metrics(evaluate(job.folder, images, "val"))
        found = diagnose(Trace.open(job.folder))
        return ArmRun(
            arm=job.arm,
            seed=job.recipe.seed,
            epochs=outcome.epochs,
            metrics={name: value for name, value in metrics.items() if math.isfinite(value)},
            seconds=monotonic() - began,
            folder=str(job.folder),
            findings=tuple(dict.fromkeys(f.rule for f in found.findings if f.severity == "illness")),
            not_assessed=tuple(found.not_assessed),
        )

    def _load(self, recipe: Recipe) -> ImageSet:
        from netvet.training import load_images

        key = _key(recipe)
        if key not in self._images:
            whole = self._images.get(_key(recipe.change({"data.sample": 1.0})))
            share, seed = recipe.data.sample, recipe.data.split_seed
            cleaned = recipe.data.clean_labels != "none" or recipe.data.drop_low_quality
            if whole is None or cleaned:
                self._images[key] = load_images(recipe, progress=False)
            else:
                self._images[key] = sampled(whole, share, seed=seed)
        return self._images[key]


class _Ticking(TrainingListener):
    """Passes on how much of a training is done: nothing while a GAN is trained for it, which too must end, and nothing
    with the first step, when the training begins.
    """

    def __init__(self, tick: Callable[[float], None] | None) -> None:
        self._tick = tick or (lambda _share: None)

    def on_step(self, step: int, steps: int) -> None:  # noqa: ARG002
        """See `TrainingListener`."""
        if step <= 1:
            self._tick(0.0)

    def on_epoch(self, report: EpochReport) -> None:
        """See `TrainingListener`."""
        self._tick(report.epoch / report.epochs)


def same_split(one: Recipe, other: Recipe) -> bool:
    """Whether two recipes measure on the same images with the same labels, so that their accuracies can be compared."""
    return all(getattr(one.data, name) == getattr(other.data, name) for name in SPLITTING)


def _metrics(summary: Summary) -> dict[str, float]:
    """The numbers of a summary, with the AUC of each class as `AUC_OF` names it."""
    return {**summary.numbers, **{AUC_OF + name: value for name, value in summary.per_class["auc"].items()}}


def _key(recipe: Recipe) -> str:
    return recipe.data.model_dump_json()


def _prepare(job: Job, images: ImageSet) -> bool:
    """Whether a run can go on in the job's folder. What another recipe or other images left there is cleared away."""
    if not (job.folder / FILE).is_file():
        return False
    try:
        trace = Trace.open(job.folder)
        same = trace.recipe == job.recipe and trace.meta.get("data", {}).get("digest") == images.digest
    except BadInput:
        same = False
    if not same:
        shutil.rmtree(job.folder)
    return same
