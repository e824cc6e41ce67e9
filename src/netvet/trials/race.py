"""The race of a trial's arms: all for two seeds, then more seeds for those that do well, until the budget is spent.

Successive halving by seeds rather than by epochs, since runs of different lengths cannot be compared. All arms run
seed 1, then all run seed 2, and so on, so that a race that is broken off has complete pairs.

References:
    Karnin, Koren, Somekh 2013, Almost optimal exploration in multi-armed bandits,
    https://proceedings.mlr.press/v28/karnin13.html
    Jamieson, Talwalkar 2016, Non-stochastic best arm identification and hyperparameter optimization,
    https://arxiv.org/abs/1502.07943
"""

from __future__ import annotations

import math
import shutil
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from netvet.base.words import duration
from netvet.locale import _
from netvet.trials import CONTROL, ArmProgress, ArmRun, Progress, TrialListener
from netvet.trials.budget import FIRST, MARGIN, Plan, shortened
from netvet.trials.engine import Engine, Job, Refusal
from netvet.trials.protocol import Protocol
from netvet.trials.records import RECORD, aside, record, recorded
from netvet.trials.statistics import compare

MOST_SEEDS = 8
"""More seeds hardly narrow an interval: from 8 to 16 by a third, for twice the time."""


class TimeUp(Exception):  # noqa: N818 - it ends a race, and is no error
    """The budget is spent in the middle of a run: the run is given up."""


class TooSlow(Exception):  # noqa: N818 - as above
    """A run would take `seconds`, longer than there is time for: it is given up while there is time for others."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


@dataclass
class Race:
    """State of a race.

    `runs`: what has been run, by arm and seed. `refused`: arms that cannot be run, with the reason. `reused`: how many
    of the runs an earlier trial had made. `plan`: how many epochs, remedies and seeds fit. `racing`: the arms that are
    still in the race, or were when it ended. `worse`: those that were clearly worse in runs of so many epochs, and not
    tried in longer ones. `doing`, `share`, `index`, `arm`, `run_began`: what is under way, how much
    of it is done (0..1), which seed of which arm that is, and since when.
    """

    protocol: Protocol
    budget: float
    engine: Engine
    folder: Path
    listener: TrialListener = field(default_factory=TrialListener)
    clock: Callable[[], float] = field(default_factory=lambda: monotonic)
    runs: dict[tuple[str, int], ArmRun] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    reused: int = 0
    interrupted: bool = False
    racing: list[str] = field(default_factory=list)
    worse: dict[str, int] = field(default_factory=dict)
    doing: str = ""
    share: float = 0.0
    index: int = 0
    arm: str = CONTROL
    run_began: float = 0.0
    began: float = field(init=False)
    plan: Plan = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock()
        self.protocol, self.plan = self.protocol.fitted(self.budget, self.protocol.pace)
        self.racing = list(self.protocol.compared)

    @property
    def reference(self) -> str:
        """The arm that the others are compared with."""
        return self.protocol.reference

    @property
    def tried(self) -> list[str]:
        """The remedies for which the plan has time, compared with the reference."""
        first = list(self.protocol.prescriptions)[: self.plan.remedies]
        return [arm for arm in self.protocol.compared if arm in first and arm not in self.refused]

    @property
    def is_decided(self) -> bool:
        """Whether a remedy is known to help."""
        judged = compare(self.differences(), resolution=self._resolution)
        return any(judged[arm].interval[0] > 0 for arm in self.racing if arm in judged)

    def differences(self) -> dict[str, list[float]]:
        """Arm -> treated minus reference, for every seed that both have run."""
        found = {arm: self.pairs(arm) for arm in self.protocol.compared}
        return {
            arm: [self.value(arm, s) - self.value(self.reference, s) for s in seeds]
            for arm, seeds in found.items()
            if seeds
        }

    def pairs(self, arm: str) -> list[int]:
        """The seeds that both the arm and the reference have run."""
        return sorted(s for a, s in self.runs if a == arm and (self.reference, s) in self.runs)

    def value(self, arm: str, seed: int) -> float:
        """The metric of a run on validation; 0 where it is no number, as after a divergence."""
        return self.runs[arm, seed].metrics.get(self.protocol.metric, 0.0)

    def spent(self) -> float:
        """Seconds since the race began."""
        return self.clock() - self.began

    def say(self, doing: str, share: float = 0.0) -> None:
        """Tell of progress. `share`: of the run under way, 0..1."""
        self.doing, self.share = doing, share
        self.listener.on_update(self.progress())

    def tick(self, share: float) -> None:
        """Tell how much of the run under way is done, 0..1. Raises TimeUp where it can no longer end in time."""
        self.say(self.doing, share)
        left = self.left(self.index)
        if share >= 1:
            return
        if left < 0:
            raise TimeUp
        if share == 0:  # images are loaded: the training begins
            self.run_began = self.clock()
            return
        whole = (self.clock() - self.run_began) / share
        if (1 - share) * whole + self._still(whole) > left:
            raise TooSlow(whole)

    def progress(self) -> Progress:
        """How the race stands."""
        judged = compare(self.differences(), resolution=self._resolution)
        arms: list[ArmProgress] = []
        for arm in self.protocol.arms:
            seeds = [s for a, s in self.runs if a == arm]
            mean = statistics.fmean([self.value(arm, s) for s in seeds]) if seeds else math.nan
            found = judged.get(arm)
            out = arm in self.protocol.compared and arm not in self.racing
            arms.append(
                ArmProgress(
                    arm,
                    len(seeds),
                    mean,
                    found.effect if found else math.nan,
                    found.interval if found else (math.nan, math.nan),
                    "dropped" if out else "racing",
                )
            )
        return Progress(tuple(arms), self.spent(), self.budget, self.doing, self.share)

    def seeds(self, tried: Sequence[str]) -> None:
        """The race of these remedies: one seed after the other of all that are in it."""
        self.racing = list(tried)
        compared = bool(self.racing)
        bystanders = [] if self.reference == CONTROL else [CONTROL]
        for index in range(MOST_SEEDS):
            if index >= FIRST and compared:
                chosen = self._select(index)
                if not chosen:
                    return
                self.racing = chosen
            arms = [self.reference, *self.racing]
            if (compared and not self.racing) or (not compared and index >= self.plan.seeds):
                return
            self.round(index, [*bystanders, *arms] if index < FIRST else arms)
            if index == 0:  # arms for which there was no time at all
                self.racing = [arm for arm in self.racing if (arm, self._seed(0)) in self.runs]
            if not all((arm, self._seed(index)) in self.runs for arm in [self.reference, *self.racing]):
                return

    @property
    def _resolution(self) -> float:
        return self.protocol.resolution["val"]

    def _seed(self, index: int) -> int:
        return self.protocol.recipe.seed + index

    def round(self, index: int, arms: Sequence[str]) -> None:
        """One seed of each of these arms, as far as the time allows."""
        self.index = index
        todo: list[Job] = []
        for arm in arms:
            job = self.job(arm, index)
            if (arm, job.recipe.seed) in self.runs:
                continue
            found = recorded(job, self.protocol.digest) or recorded(aside(job), self.protocol.digest)
            if found is None:
                if (job.folder / RECORD).exists():  # of another recipe, other images or another version
                    shutil.rmtree(job.folder)
                todo.append(job)
            else:
                self.runs[arm, job.recipe.seed] = found
                self.reused += 1
        while todo:
            try:
                self._run(index, todo)
            except TooSlow as slow:
                if self.arm in (CONTROL, self.reference):
                    raise
                if any(arm == self.arm for arm, _seed in self.runs):
                    raise TimeUp from None
                reason = _("one run would take {time}, longer than there is time for.")
                self._refuse(self.arm, reason.format(time=duration(slow.seconds)))
            else:
                return

    def _run(self, index: int, todo: list[Job]) -> None:
        for run in self.engine.run(self._fitting(index, todo)):
            if isinstance(run, Refusal):
                self._refuse(run.arm, run.reason)
                continue
            self.runs[run.arm, run.seed] = run
            record(run, self.job(run.arm, index), self.protocol.digest)
            self.say(self.doing, 1.0)

    def _refuse(self, arm: str, reason: str) -> None:
        self.refused[arm] = reason
        self.racing = [each for each in self.racing if each != arm]

    def _fitting(self, index: int, jobs: list[Job]) -> Iterator[Job]:
        """The jobs in order, each taken off the list, only if there is time for it; in the first round, for its second
        seed as well.
        """
        while jobs:
            job = jobs.pop(0)
            needed = self.estimate(job.arm)
            self.arm = job.arm
            if index == 0:
                needed += self.estimate(job.arm) + sum(
                    self._price(a, 1) for a in {a for a, _s in self.runs} - {job.arm}
                )
            if needed > self.left(index) and self.runs:
                jobs.clear()
                return
            arm = _("control") if job.arm == CONTROL else job.arm
            self.run_began = self.clock()
            self.say(_("{arm}, seed {seed}").format(arm=arm, seed=job.recipe.seed))
            yield job

    def _still(self, own: float) -> float:
        """Seconds that it takes, after a first run, until there are two pairs: the second seed of all that have had
        their first and of this arm, whose runs take `own`; and of one remedy, where there is only what it is held
        against.
        """
        if self.index:
            return 0.0
        first = {a for a, _s in self.runs} - {self.arm}
        pair = FIRST * own if self.arm in (CONTROL, self.reference) and self.protocol.compared else 0.0
        return own + pair + sum(self._price(arm, 1) for arm in first)

    def _select(self, index: int) -> list[str]:
        """Who goes on: none that is clearly worse; past the planned seeds the better half; and only as many as there is
        time for.
        """
        ranked = sorted(self.racing, key=lambda arm: -compare(self.differences())[arm].effect)
        if index == FIRST:
            standing = compare(self.differences(), family=1, resolution=self._resolution)
            ranked = [arm for arm in ranked if standing[arm].interval[1] >= 0]
        if index >= self.plan.seeds:
            ranked = ranked[: math.ceil(len(ranked) / 2)]
        while ranked and sum(self._price(arm, index) for arm in [self.reference, *ranked]) > self.left(index):
            ranked = ranked[: math.ceil(len(ranked) / 2)] if len(ranked) > 1 else []
        return [arm for arm in self.racing if arm in ranked]

    def left(self, index: int) -> float:
        """Seconds left for training, less what the test evaluation of `index` + 1 seeds takes."""
        return self.budget - self.spent() - 2 * (index + 1) * self.protocol.pace.evaluation

    def _price(self, arm: str, index: int) -> float:
        """Seconds that a run will take: none where it is recorded already."""
        return 0.0 if recorded(self.job(arm, index), self.protocol.digest) is not None else self.estimate(arm)

    def estimate(self, arm: str) -> float:
        """From the arm's own runs; before it has any, from the others'; before there are any, the plan's figure."""
        own = [run.seconds for (name, _s), run in self.runs.items() if name == arm]
        if own:
            return MARGIN * max(own)
        others = [run.seconds for run in self.runs.values()]
        return MARGIN * statistics.median(others) if others else self.protocol.pace.run(self.plan.epochs)

    def job(self, arm: str, index: int) -> Job:
        """The run of an arm with the seed of this index, from 0, as long as the plan has it."""
        recipe = shortened(self.protocol.arms[arm], self.plan.epochs).change({"seed": self._seed(index)})
        return Job(arm, recipe, self.folder / f"{arm}-{recipe.seed}")
