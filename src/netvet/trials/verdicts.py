"""From the runs of a trial to what may be said of each remedy.

Remedies are judged on validation, all together (`netvet.trials.statistics`). The one with the best mean is then held
against the control on the test split. Its images are fresh, its runs are not: an arm that came first by luck of its
seeds is lucky on the test images too. Were the plain 95 % interval enough, remedies that do nothing would be said to
help in up to 5 % of trials of three of them, 7 % of six and 9 % of ten (where the luck of a run shows on both splits
alike; 40,000 trials each). So the plain interval is used only where validation has told the remedy from the control
already, with the correction for all remedies; elsewhere the test's interval is corrected as well.

Measured so, from the choice over the halving to the confirmation, on 3,000 trials each of 1 to 10 remedies that do
nothing and 2 to 8 seeds, where luck shows on both splits alike: at most 2.9 % of trials say that one helps; 3.8 % where
one remedy scatters ten times more than all else, 2.9 % where the control does, 1.7 % where a tenth of all runs
collapses.
"""

from __future__ import annotations

import math
import statistics as means
from collections.abc import Mapping, Sequence
from dataclasses import replace

from netvet.base.errors import BadInput
from netvet.recipe import Recipe
from netvet.trials import CONTROL, ArmRun, Verdict
from netvet.trials.classes import effects
from netvet.trials.engine import Engine
from netvet.trials.protocol import Protocol
from netvet.trials.race import Race
from netvet.trials.statistics import Comparison, compare

NOT_COMPARED = Comparison(math.nan, (math.nan, math.nan), math.nan, 0)


def judge(protocol: Protocol, race: Race) -> tuple[Verdict, ...]:
    """A verdict on validation for every remedy that has run, in the order in which they were tried."""
    found = compare(race.differences(), resolution=protocol.resolution["val"])
    verdicts: list[Verdict] = []
    if protocol.reference != CONTROL and _runs(race, protocol.reference):
        verdicts.append(_measurement(protocol, race))
    verdicts += [_verdict(protocol, race, remedy, race.pairs(remedy), each) for remedy, each in found.items()]
    if protocol.stuck is None:
        return tuple(verdicts)
    pairs = {arm: [_pair(protocol, race, arm, seed) for seed in race.pairs(arm)] for arm in found}
    stuck = effects(protocol.stuck, pairs, resolution=protocol.resolution["val"])
    return tuple(replace(v, stuck=stuck.get(v.remedy)) for v in verdicts)


def best(verdicts: Sequence[Verdict], race: Race) -> Verdict | None:
    """The remedy to confirm: the best mean effect of those that were in the race to its end, if it is above 0."""
    ahead = [v for v in verdicts if v.remedy in race.racing and v.effect > 0 and v.seeds > 1]
    return max(ahead, key=lambda v: v.effect, default=None)


def confirm(chosen: Verdict, protocol: Protocol, race: Race, engine: Engine) -> Verdict | None:
    """The chosen remedy against the control on the test split; None where there is no test split."""
    seeds = race.pairs(chosen.remedy)
    try:
        after, before = (
            [engine.evaluate(race.runs[arm, seed], "test") for seed in seeds]
            for arm in (chosen.remedy, protocol.reference)
        )
    except BadInput:
        return None
    treated, control = ([_value(metrics, protocol.metric) for metrics in each] for each in (after, before))
    stuck = None
    if protocol.stuck is not None:
        pairs = {chosen.remedy: list(zip(after, before, strict=True))}
        all_tried = len(race.differences())
        found_there = effects(protocol.stuck, pairs, family=all_tried, resolution=protocol.resolution["test"])
        stuck = found_there.get(chosen.remedy)
    family = 1 if chosen.helped else len(race.differences())
    differences = {chosen.remedy: [t - c for t, c in zip(treated, control, strict=True)]}
    found = compare(differences, family=family, resolution=protocol.resolution["test"])[chosen.remedy]
    return replace(
        chosen,
        split="test",
        helped=found.interval[0] > 0,
        effect=found.effect,
        interval=found.interval,
        p=found.p,
        control=means.fmean(control),
        treated=means.fmean(treated),
        stuck=stuck,
    )


def _verdict(protocol: Protocol, race: Race, remedy: str, seeds: Sequence[int], found: Comparison) -> Verdict:
    treated = [race.runs[remedy, seed] for seed in seeds]
    control = [race.runs[protocol.reference, seed] for seed in seeds]
    return Verdict(
        remedy=remedy,
        helped=found.interval[0] > 0,
        cured=cured(protocol.targets(remedy), treated, control),
        effect=found.effect,
        interval=found.interval,
        p=found.p,
        seeds=found.seeds,
        control=means.fmean(race.value(protocol.reference, seed) for seed in seeds),
        treated=means.fmean(race.value(remedy, seed) for seed in seeds),
        new_findings=tuple(sorted(usual(treated) - usual(control))),
        changes=_changes(protocol.arms[protocol.reference], protocol.arms[remedy]),
        against=protocol.reference,
        too_short=_too_short(protocol, race, remedy, found),
    )


def _too_short(protocol: Protocol, race: Race, remedy: str, found: Comparison) -> int:
    """The epochs of the runs where they are too few to tell against a remedy that pays late, else 0."""
    undecided = protocol.is_slow(remedy) and race.plan.epochs < protocol.recipe.stop.epochs and found.interval[0] <= 0
    return race.plan.epochs if undecided else 0


def _measurement(protocol: Protocol, race: Race) -> Verdict:
    """The remedy that mends the split: what counts is whether the leak is gone, and what accuracy is left."""
    remedy = protocol.reference
    treated, control = _runs(race, remedy), _runs(race, CONTROL)
    return Verdict(
        remedy=remedy,
        helped=False,
        cured=cured(protocol.targets(remedy), treated, control),
        effect=NOT_COMPARED.effect,
        interval=NOT_COMPARED.interval,
        p=NOT_COMPARED.p,
        seeds=len(treated),
        control=means.fmean(_value(r.metrics, protocol.metric) for r in control) if control else math.nan,
        treated=means.fmean(_value(r.metrics, protocol.metric) for r in treated),
        new_findings=tuple(sorted(usual(treated) - usual(control))) if control else (),
        changes=_changes(protocol.recipe, protocol.arms[remedy]),
        measurement=True,
    )


def cured(sought: set[str], treated: Sequence[ArmRun], control: Sequence[ArmRun]) -> bool | None:
    """Whether most treated runs show none of what is sought; None where the control does not show it either, or nothing
    can be told.
    """
    if not sought or not treated or not control:
        return None
    ill = sum(bool(sought & set(run.findings)) for run in control)
    if 2 * ill <= len(control):
        return None
    assessed = [run for run in treated if not sought <= set(run.not_assessed)]
    if not assessed:
        return None
    return 2 * sum(not sought & set(run.findings) for run in assessed) > len(assessed)


def usual(runs: Sequence[ArmRun]) -> set[str]:
    """What ails most of these runs."""
    names = {name for run in runs for name in run.findings}
    return {name for name in names if 2 * sum(name in run.findings for run in runs) > len(runs)}


def _pair(protocol: Protocol, race: Race, arm: str, seed: int) -> tuple[Mapping[str, float], Mapping[str, float]]:
    return race.runs[arm, seed].metrics, race.runs[protocol.reference, seed].metrics


def _runs(race: Race, arm: str) -> list[ArmRun]:
    return [run for (name, _seed), run in sorted(race.runs.items()) if name == arm]


def _value(metrics: Mapping[str, float], name: str) -> float:
    value = metrics.get(name, 0.0)
    return value if math.isfinite(value) else 0.0


def _changes(before: Recipe, after: Recipe) -> dict[str, tuple[object, object]]:
    return dict(before.differences(after))
