"""What remedies did to the class that is stuck, and what the others paid for it.

The effect is that on the class's AUC, one against the rest: it does not hang on where the line between two classes is
drawn, which class weights and samplers move by design. The others are taken together, as the mean of their AUCs, so
that a small loss of each is seen; the one that lost most is named. Intervals are those of `netvet.trials.statistics`,
corrected for the remedies tried. A run without an AUC, as after a divergence, counts as guessing.
"""

from __future__ import annotations

import math
import statistics as means
from collections.abc import Mapping, Sequence

from netvet.trials import AUC_OF, ClassEffect
from netvet.trials.statistics import compare

CHANCE = 0.5

Metrics = Mapping[str, float]
Pairs = Sequence[tuple[Metrics, Metrics]]


def effects(
    name: str, pairs: Mapping[str, Pairs], *, family: int | None = None, resolution: float = 0.0
) -> dict[str, ClassEffect]:
    """Arm -> its effect on the class `name` and on the others.

    Args:
        name: the class.
        pairs: arm -> (metrics of the treated run, of the control's), one pair a seed.
        family: how many remedies were tried, for the correction; by default as many as there are arms.
        resolution: what one image counts, see `compare`.

    Arms without a pair, or whose control has no AUC of the class (it has no image in the split), are left out.
    """
    judged = {arm: each for arm, each in pairs.items() if each and all(AUC_OF + name in own for _t, own in each)}
    mine = {arm: [_gain(pair, name) for pair in each] for arm, each in judged.items()}
    rest = {arm: _rest(each, name) for arm, each in judged.items()}
    others = {arm: [means.fmean(gains) for gains in zip(*of.values(), strict=True)] for arm, of in rest.items() if of}
    found, paid = (compare(each, family=family, resolution=resolution) for each in (mine, others))
    answers: dict[str, ClassEffect] = {}
    for arm, each in judged.items():
        loss = {other: means.fmean(gains) for other, gains in rest[arm].items()}
        worst = min(loss, key=lambda other: loss[other], default="")
        answers[arm] = ClassEffect(
            name=name,
            control=means.fmean(_auc(own, name) for _t, own in each),
            treated=means.fmean(_auc(treated, name) for treated, _c in each),
            effect=found[arm].effect,
            interval=found[arm].interval,
            others=paid[arm].effect if arm in paid else math.nan,
            others_interval=paid[arm].interval if arm in paid else (math.nan, math.nan),
            worst=worst,
            worst_effect=loss.get(worst, math.nan),
        )
    return answers


def _rest(pairs: Pairs, name: str) -> dict[str, list[float]]:
    """Class -> gains, one a pair, of the classes beside `name` that every control knows."""
    known = [key.removeprefix(AUC_OF) for key in pairs[0][1] if key.startswith(AUC_OF)]
    kept = [other for other in known if other != name and all(AUC_OF + other in own for _t, own in pairs)]
    return {other: [_gain(pair, other) for pair in pairs] for other in kept}


def _gain(pair: tuple[Metrics, Metrics], name: str) -> float:
    return _auc(pair[0], name) - _auc(pair[1], name)


def _auc(metrics: Metrics, name: str) -> float:
    value = metrics.get(AUC_OF + name, CHANCE)
    return value if math.isfinite(value) else CHANCE
