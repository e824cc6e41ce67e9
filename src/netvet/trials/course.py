"""The course of a trial: how long its runs are, and what is done with the time that is left.

Runs are as long as it takes to show what ails the one that is treated; then the arms race. Where no remedy is known to
help and there is time left, those that the plan had no time for are tried, and then the open ones in longer runs.
"""

from __future__ import annotations

import math
import shutil
import statistics
from contextlib import suppress
from dataclasses import replace

from netvet.base.errors import BadInput
from netvet.trials import CONTROL, ArmRun
from netvet.trials.budget import FIRST, Pace, Plan
from netvet.trials.race import Race, TimeUp, TooSlow
from netvet.trials.records import recorded, set_aside
from netvet.trials.statistics import compare


def run(race: Race) -> None:
    """Run a race to its end. Ctrl-C ends it early; what was finished counts."""
    try:
        while not _ran(race):
            pass
    except KeyboardInterrupt:
        race.interrupted = True
    except TimeUp:
        pass
    race.say("")


def _ran(race: Race) -> bool:
    """Whether it came to an end; False where the first run showed that it has to be planned anew."""
    try:
        pilot(race)
        race.seeds(race.tried)
        if race.tried and race.runs and not race.differences():  # the machine became busy: no time for a pair
            took = statistics.median(run.seconds for run in race.runs.values())
            return not refitted(race, max(0.0, took - race.protocol.pace.start))
        while not race.is_decided:
            others(race)
            if not longer(race):
                break
    except TooSlow as slow:
        if race.runs or not refitted(race, slow.seconds):
            raise TimeUp from None
        return False
    return True


def pilot(race: Race) -> None:
    """Make the runs long enough to show what ails the run that is treated: the control's first run tells.

    What does not show in short runs cannot be cured in them, and remedies for it are no help there. So they are
    made longer until it shows, twice as long each time or as far as the budget goes.
    """
    sought, full, left = race.protocol.sought, race.protocol.recipe.stop.epochs, race.budget
    while sought and race.plan.epochs < full:
        job = race.job(CONTROL, 0)
        aside = replace(job, folder=race.folder / f"pilot-{race.plan.epochs}")
        first = recorded(aside, race.protocol.digest)
        if first is None:
            race.round(0, [CONTROL])
            first = race.runs.get((CONTROL, job.recipe.seed))
        if first is None or sought & set(first.findings):
            return
        left -= first.seconds
        pace = race.protocol.pace
        pace = replace(pace, epoch=max(pace.epoch, (first.seconds - pace.start) / max(1, first.epochs)))
        plan = _prolonged(race, left, pace)
        if plan is None:
            return
        if race.runs.pop((CONTROL, job.recipe.seed), None) is not None and job.folder.exists():
            shutil.rmtree(aside.folder, ignore_errors=True)
            job.folder.replace(aside.folder)
        race.plan = plan


def _prolonged(race: Race, left: float, pace: Pace) -> Plan | None:
    """The plan with the longest runs from half again to twice the present ones, without fewer remedies; None where
    there is no time for that.
    """
    now, fewest = race.plan.epochs, min(race.plan.remedies, race.protocol.least)
    for epochs in range(min(race.protocol.recipe.stop.epochs, 2 * now), math.ceil(1.5 * now) - 1, -1):
        with suppress(BadInput):
            plan = race.protocol.plan(left, pace, epochs)
            if plan.remedies >= fewest:
                return plan
    return None


def others(race: Race) -> None:
    """Remedies that the plan had no time for, where there is time after all; those before them stay as they are."""
    before, ran = race.racing, {arm for arm, _seed in race.runs}
    waiting = [arm for arm in race.protocol.compared if arm not in ran and arm not in race.refused]
    fitting = waiting[: int(max(0.0, race.left(FIRST)) // max(1e-9, FIRST * race.estimate(race.reference)))]
    if fitting and ran:
        race.seeds(fitting)
        race.racing = [*before, *race.racing]


def longer(race: Race) -> bool:
    """The race once more in runs of twice the epochs, of the remedies that the short ones do not decide against: those
    that pay late, and those that are not clearly worse. Whether there was time for it, and two pairs came of it.
    """
    full, judged = race.protocol.recipe.stop.epochs, compare(race.differences())
    still = [arm for arm, each in judged.items() if race.protocol.is_slow(arm) or each.interval[1] >= 0]
    if race.plan.epochs >= full or not still:
        return False
    narrowed = race.protocol.narrowed(still)
    try:
        plan = narrowed.plan(race.budget - race.spent(), _measured(race), min(full, 2 * race.plan.epochs))
    except BadInput:
        return False
    if plan.remedies < len(still):
        return False
    before = (race.protocol, race.plan, _set_aside(race), race.racing)
    race.protocol, race.plan, race.runs = narrowed, plan, {}
    try:
        race.seeds(race.tried)
    finally:
        done = any(len(each) >= FIRST for each in race.differences().values())
        if not done:
            race.protocol, race.plan, race.runs, race.racing = before
    race.worse |= {arm: before[1].epochs for arm in judged if done and arm not in still}
    return done


def refitted(race: Race, seconds: float) -> bool:
    """Plan anew for the pace that the first run has, `seconds` of training, as on a machine that became busy; whether
    that is another plan, and there is time for it. Runs that were made by then are set aside.
    """
    pace = race.protocol.pace
    slower = seconds / race.plan.epochs / max(1e-9, pace.epoch)
    measured = Pace(slower * pace.epoch, pace.start, slower * pace.evaluation)
    try:
        protocol, plan = race.protocol.fitted(race.budget - race.spent(), measured)
    except BadInput:
        return False
    if (protocol.reduction, plan.epochs) == (race.protocol.reduction, race.plan.epochs):
        return False
    reduced = protocol.reduction != race.protocol.reduction
    _set_aside(race)
    race.runs = {}
    race.protocol, race.plan = protocol if reduced else replace(protocol, pace=measured), plan
    return True


def _set_aside(race: Race) -> dict[tuple[str, int], ArmRun]:
    """The runs that were made, moved out of the way of others of the same seeds."""
    first, digest = race.protocol.recipe.seed, race.protocol.digest
    return {(arm, seed): set_aside(run, race.job(arm, seed - first), digest) for (arm, seed), run in race.runs.items()}


def _measured(race: Race) -> Pace:
    """The pace of the runs that were made."""
    pace = race.protocol.pace
    epochs = [(run.seconds - pace.start) / max(1, run.epochs) for run in race.runs.values()]
    return replace(pace, epoch=max(0.0, statistics.median(epochs)))
