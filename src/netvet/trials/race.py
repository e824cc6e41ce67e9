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

import json
import math
import shutil
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from time import monotonic

from netvet import __version__
from netvet.base.errors import BadInput
from netvet.base.files import put
from netvet.locale import _
from netvet.trials import CONTROL, ArmProgress, ArmRun, Progress, TrialListener
from netvet.trials.budget import FIRST, MARGIN, Plan, shortened
from netvet.trials.engine import Engine, Job, Refusal
from netvet.trials.protocol import Protocol
from netvet.trials.statistics import compare

MOST_SEEDS = 8
"""More seeds hardly narrow an interval: from 8 to 16 by a third, for twice the time."""

RECORD = "arm.json"


class TimeUp(Exception):  # noqa: N818 - it ends a race, and is no error
    """The budget is spent in the middle of a run: the run is given up."""


@dataclass
class Race:
    """State of a race.

    `runs`: what has been run, by arm and seed. `refused`: arms that cannot be run, with the reason. `reused`: how many
    of the runs an earlier trial had made. `plan`: how many epochs, remedies and seeds fit. `racing`: the arms that are
    still in the race, or were when it ended. `doing`, `share`, `index`: what is under way, how much of it is done
    (0..1), and which seed that is.
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
    doing: str = ""
    share: float = 0.0
    index: int = 0
    began: float = field(init=False)
    plan: Plan = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock()
        self.plan = self.protocol.plan(self.budget, self.protocol.pace)
        self.racing = list(self.protocol.compared)

    @property
    def reference(self) -> str:
        """The arm that the others are compared with."""
        return self.protocol.reference

    def go(self) -> None:
        """Run the race. Ctrl-C ends it early; what was finished counts."""
        try:
            self._pilot()
            self._seeds()
        except KeyboardInterrupt:
            self.interrupted = True
        except TimeUp:
            pass
        self.say("")

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
        if share < 1 and self._left(self.index) < 0:
            raise TimeUp

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

    def _pilot(self) -> None:
        """Make the runs long enough to show what ails the run that is treated: the control's first run tells.

        What does not show in short runs cannot be cured in them, and remedies for it are no help there. So they are
        doubled until it shows, as far as the budget goes.
        """
        sought, full, left = self.protocol.sought, self.protocol.recipe.stop.epochs, self.budget
        while sought and self.plan.epochs < full:
            job = self._job(CONTROL, 0)
            aside = replace(job, folder=self.folder / f"pilot-{self.plan.epochs}")
            run = _recorded(aside, self.protocol.digest)
            if run is None:
                self._round(0, [CONTROL])
                run = self.runs.get((CONTROL, job.recipe.seed))
            if run is None or sought & set(run.findings):
                return
            left -= run.seconds
            pace = self.protocol.pace
            pace = replace(pace, epoch=max(pace.epoch, (run.seconds - pace.start) / max(1, run.epochs)))
            try:
                longer = self.protocol.plan(left, pace, min(full, 2 * self.plan.epochs))
            except BadInput:  # no time for longer runs
                return
            if longer.remedies < min(self.plan.remedies, self.protocol.least):
                return
            if self.runs.pop((CONTROL, job.recipe.seed), None) is not None and job.folder.exists():
                shutil.rmtree(aside.folder, ignore_errors=True)
                job.folder.replace(aside.folder)
            self.plan = longer

    def _seeds(self) -> None:
        tried = list(self.protocol.prescriptions)[: self.plan.remedies]
        self.racing = [arm for arm in self.protocol.compared if arm in tried]
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
            self._round(index, [*bystanders, *arms] if index < FIRST else arms)
            if index == 0:  # arms for which there was no time at all
                self.racing = [arm for arm in self.racing if (arm, self._seed(0)) in self.runs]
            if not all((arm, self._seed(index)) in self.runs for arm in [self.reference, *self.racing]):
                return

    @property
    def _resolution(self) -> float:
        return self.protocol.resolution["val"]

    def _seed(self, index: int) -> int:
        return self.protocol.recipe.seed + index

    def _round(self, index: int, arms: Sequence[str]) -> None:
        """One seed of each of these arms, as far as the time allows."""
        self.index = index
        todo: list[Job] = []
        for arm in arms:
            job = self._job(arm, index)
            if (arm, job.recipe.seed) in self.runs:
                continue
            found = _recorded(job, self.protocol.digest)
            if found is None:
                if (job.folder / RECORD).exists():  # of another recipe, other images or another version
                    shutil.rmtree(job.folder)
                todo.append(job)
            else:
                self.runs[arm, job.recipe.seed] = found
                self.reused += 1
        for run in self.engine.run(self._fitting(index, todo)):
            if isinstance(run, Refusal):
                self.refused[run.arm] = run.reason
                self.racing = [arm for arm in self.racing if arm != run.arm]
                continue
            self.runs[run.arm, run.seed] = run
            _record(run, self._job(run.arm, index), self.protocol.digest)
            self.say(self.doing, 1.0)

    def _fitting(self, index: int, jobs: Sequence[Job]) -> Iterator[Job]:
        """The jobs in order, each only if there is time for it; in the first round, for its second seed as well."""
        for job in jobs:
            needed = self._estimate(job.arm)
            if index == 0:
                needed += sum(self._price(arm, 1) for arm in {a for a, _s in self.runs} | {job.arm})
            if needed > self._left(index) and self.runs:
                return
            arm = _("control") if job.arm == CONTROL else job.arm
            self.say(_("{arm}, seed {seed}").format(arm=arm, seed=job.recipe.seed))
            yield job

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
        while ranked and sum(self._price(arm, index) for arm in [self.reference, *ranked]) > self._left(index):
            ranked = ranked[: math.ceil(len(ranked) / 2)] if len(ranked) > 1 else []
        return [arm for arm in self.racing if arm in ranked]

    def _left(self, index: int) -> float:
        """Seconds left for training, less what the test evaluation of `index` + 1 seeds takes."""
        return self.budget - self.spent() - 2 * (index + 1) * self.protocol.pace.evaluation

    def _price(self, arm: str, index: int) -> float:
        """Seconds that a run will take: none where it is recorded already."""
        return 0.0 if _recorded(self._job(arm, index), self.protocol.digest) is not None else self._estimate(arm)

    def _estimate(self, arm: str) -> float:
        """From the arm's own runs; before it has any, the plan's figure, or what the others took if that is more."""
        own = [run.seconds for (name, _s), run in self.runs.items() if name == arm]
        if own:
            return MARGIN * max(own)
        others = [run.seconds for run in self.runs.values()]
        return max(self.protocol.pace.run(self.plan.epochs), MARGIN * statistics.median(others) if others else 0.0)

    def _job(self, arm: str, index: int) -> Job:
        recipe = shortened(self.protocol.arms[arm], self.plan.epochs).change({"seed": self._seed(index)})
        return Job(arm, recipe, self.folder / f"{arm}-{recipe.seed}")


def _record(run: ArmRun, job: Job, digest: str) -> None:
    """Keep a finished run beside its trace, so that the same trial need not make it again."""
    tree = {
        "version": __version__,
        "digest": digest,
        "recipe": job.recipe.model_dump(mode="json"),
        "run": {**asdict(run), "metrics": dict(run.metrics)},
    }
    job.folder.mkdir(parents=True, exist_ok=True)
    put(job.folder / RECORD, json.dumps(tree, indent=1))


def _recorded(job: Job, digest: str) -> ArmRun | None:
    """The run that an earlier trial made of this very recipe, images and version; None where there is none."""
    try:
        tree = json.loads((job.folder / RECORD).read_text(encoding="utf-8"))
        same = (tree["version"], tree["digest"], tree["recipe"]) == (
            __version__,
            digest,
            job.recipe.model_dump(mode="json"),
        )
        return ArmRun.from_json(tree["run"]) if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
