"""A made-up engine for tests of trials: runs take no time, and end as a known effect and scatter would have it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from netvet.recipe import Recipe
from netvet.rules import Diagnosis, Finding
from netvet.trace import TraceWriter
from netvet.trials import AUC_OF, ArmRun
from netvet.trials.engine import Job, Refusal

SICK = Finding("low", rule="learning-rate-too-low", explains=("loss-plateau",), remedies=("raise-learning-rate",))
SYMPTOM = Finding("flat", rule="loss-plateau", kind="symptom")
STUCK = Finding("low", where="perch", rule="stuck-class", kind="symptom")
LEAK = Finding("twins", rule="split-leakage", remedies=("group-split",))
HEALTHY = Diagnosis((), {}, "healthy")
ILL = Diagnosis((SICK, SYMPTOM), {}, "sick")
ONE_STUCK = Diagnosis((STUCK,), {}, "sick")
LEAKING = Diagnosis((LEAK,), {}, "sick")


@dataclass
class Clock:
    """Seconds that pass only when told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeEngine:
    """`effects`: arm -> what it adds to the metric; `scatter`: arm -> standard deviation of a run, "" for all others.

    `auc`: arm -> class -> its AUC, "" for arms that are not named. `agreement`: how much of a run's luck shows on
    validation and test alike, 0..1. `seconds`: of one epoch. `findings`: what the traces of an arm show. `refuses`:
    arms that cannot be run, with the reason. `stop_after`: Ctrl-C comes when so many runs are finished.
    """

    effects: Mapping[str, float] = field(default_factory=dict)
    scatter: Mapping[str, float] = field(default_factory=lambda: {"": 0.01})
    agreement: float = 0.5
    base: float = 0.7
    seconds: float = 1.0
    findings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    stop_after: int = 1_000
    refuses: Mapping[str, str] = field(default_factory=dict)
    auc: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    luck: int = 0
    noise: Callable[[np.random.Generator], float] = field(default=lambda random: float(random.normal()))
    jobs: list[Job] = field(default_factory=list)
    evaluated: list[tuple[str, int]] = field(default_factory=list)

    def run(self, jobs: Iterable[Job]) -> Iterator[Any]:
        for job in jobs:
            if job.arm in self.refuses:
                yield Refusal(job.arm, self.refuses[job.arm])
                continue
            if len(self.jobs) >= self.stop_after:
                raise KeyboardInterrupt
            self.jobs.append(job)
            self.clock.now += self.seconds * job.recipe.stop.epochs
            value = self._value(job.arm, job.recipe.seed, "val")
            yield ArmRun(
                arm=job.arm,
                seed=job.recipe.seed,
                epochs=job.recipe.stop.epochs,
                metrics={"balanced_accuracy": value, "accuracy": value / 2, **self._auc(job.arm, job.recipe.seed)},
                seconds=self.seconds * job.recipe.stop.epochs,
                folder=str(job.folder),
                findings=tuple(self.findings.get(job.arm, ())),
            )

    def evaluate(self, run: ArmRun, split: str) -> Mapping[str, float]:
        assert split == "test"
        self.evaluated.append((run.arm, run.seed))
        value = self._value(run.arm, run.seed, split)
        return {"balanced_accuracy": value, "accuracy": value / 2, **self._auc(run.arm, run.seed)}

    def _auc(self, arm: str, seed: int) -> dict[str, float]:
        """The AUC of each class, a hundredth up or down by the seed."""
        known = self.auc.get(arm, self.auc.get("", {}))
        return {AUC_OF + name: value + 0.01 * (-1) ** (seed * len(arm)) for name, value in known.items()}

    def _value(self, arm: str, seed: int, split: str) -> float:
        """A block effect of the seed, the arm's effect, luck of the run, luck of the split."""
        name = int.from_bytes(arm.encode()[:7], "big")
        own = self.noise(np.random.default_rng([self.luck, seed, name, 1]))
        split_own = self.noise(np.random.default_rng([self.luck, seed, name, 2, len(split)]))
        block = float(np.random.default_rng([self.luck, seed, 3]).normal())
        luck = self.agreement**0.5 * own + (1 - self.agreement) ** 0.5 * split_own
        scatter = self.scatter.get(arm, self.scatter.get("", 0.01))
        return float(self.base + self.effects.get(arm, 0.0) + scatter * luck + 0.02 * block)


def record_run(
    folder: Path, recipe: Recipe | None = None, *, epoch_seconds: float = 1.0, classes: Sequence[int] = (90, 30, 15)
) -> Path:
    """A run folder with what a trial reads of it: recipe, pace, images per class, and that it is finished."""
    recipe = recipe or Recipe().change({"stop.epochs": 12})
    with TraceWriter(folder) as writer:
        writer.recipe(recipe)
        for name, share in (("class_images", 1.0), ("val_images", 0.2), ("test_images", 0.2)):
            for index, count in enumerate(classes):
                writer.add(0, name, round(share * count), f"species {index}")
        for epoch in range(recipe.stop.epochs):
            writer.add(10 * epoch, "epoch_seconds", epoch_seconds)
            writer.add(10 * epoch, "training_seconds", 0.9 * epoch_seconds)
        writer.meta("finished", True)
        writer.meta("data", {"digest": "d1"})
    return folder
