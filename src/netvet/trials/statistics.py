"""What may be said of treated runs against an untouched control, from a few seeds.

Every seed gives one difference an arm: treated minus control, which share first weights, data order and augmentation,
so that luck common to both cancels. With two to eight seeds an arm's own variance is poorly known (with three, t is
4.3), so it is pooled over the arms, as Dunnett does for many treatments against one control:

- **Scale**: the pooled variance of the differences, or the arm's own where that is larger: pooling alone would promise
  too much for an arm that scatters more than the others. An arm that scatters `WILD` times more than the lower median
  arm (some of its runs collapsed) is left out of the pool, so that it does not blur what is said of the others.
- **Degrees of freedom**: the arms share the control's luck, so their variances are not independent. With equal
  variances two arms' differences correlate by 1/2, and Satterthwaite's formula gives 4R(S-1)/(R+3) for R arms of S
  seeds, fewer than R(S-1).
- **Correction**: Bonferroni over all remedies tried; so the interval and the decision agree, whatever their
  correlation.

"Helped" means that the whole 95 % interval lies above 0, so the error aimed at is 2.5 % for the family of remedies.
Measured: the share of trials in which any of R remedies that do nothing is said to help, worst of R = 1, 2, 3, 6 and
S = 2, 3, 5, 8, on 20,000 trials each. Equal variances 2.9 %; a control that scatters ten times more than the remedies
4.1 %; one remedy that scatters ten times more than all else 4.3 %; scatter from 0.3 to 3 times the control's 3.4 %;
Student t(3) noise 2.7 %; a tenth of all runs collapsing 2.6 %. In the worst of these cases all intervals together cover
the truth in 91.8 % of trials. `tests/test_statistics.py` draws some of them again.

What the interval covers is the luck of training (initialisation, order, augmentation) on this split of these images.
Other images would differ more (Bouthillier et al.).

References:
    Dunnett 1955, A multiple comparison procedure for comparing several treatments with a control, JASA 50, 1096-1121,
    https://doi.org/10.1080/01621459.1955.10501294
    Satterthwaite 1946, An approximate distribution of estimates of variance components, Biometrics Bulletin 2, 110-114,
    https://doi.org/10.2307/3002019
    Bouthillier et al. 2021, Accounting for variance in machine learning benchmarks, https://arxiv.org/abs/2103.03098
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95
SHARED = 0.25  # squared correlation of two arms' differences from the same control, at equal variances
WILD = 10.0  # times the variance of the lower median arm


@dataclass(frozen=True)
class Comparison:
    """One arm against the control: mean difference, two-sided interval, p (both corrected), and the number of seeds.

    With a single seed the interval is infinite and p is 1; without any, the effect is nan.
    """

    effect: float
    interval: tuple[float, float]
    p: float
    seeds: int


def compare(
    differences: Mapping[str, Sequence[float]],
    *,
    family: int | None = None,
    resolution: float = 0.0,
    level: float = LEVEL,
) -> dict[str, Comparison]:
    """Each arm's differences from the control, judged together.

    Args:
        differences: arm -> treated minus control, one number a seed; arms may have different numbers of seeds.
        family: how many remedies were tried, for the correction; by default as many as there are arms.
        resolution: the smallest step of the metric (one image of the split). Differences that are equal by rounding do
            not prove that there is no scatter: it is taken to be at least that of rounding two numbers, resolution /
            sqrt(6) (Sheppard's correction).
        level: of the intervals, for the whole family.
    """
    from scipy.special import stdtr, stdtrit  # Student's t: its distribution and quantiles

    arms = {name: np.asarray(values, dtype=np.float64) for name, values in differences.items()}
    own = {name: float(values.var(ddof=1)) for name, values in arms.items() if len(values) > 1}
    least = resolution**2 / 6
    typical = max(least, sorted(own.values())[(len(own) - 1) // 2]) if own else math.nan
    pooled = [name for name in own if own[name] <= WILD * typical]
    tail = (1 - level) / 2 / max(1, family if family is not None else len(arms))
    freedom = degrees([len(arms[name]) for name in pooled])
    weights = sum(len(arms[name]) - 1 for name in pooled)
    common = sum((len(arms[name]) - 1) * own[name] for name in pooled) / weights if weights else math.nan
    answers: dict[str, Comparison] = {}
    for name, values in arms.items():
        n = len(values)
        effect = float(values.mean()) if n else math.nan
        if n < 2:
            answers[name] = Comparison(effect, (-math.inf, math.inf), 1.0, n)
            continue
        error = math.sqrt(max(common, own[name], least) / n)
        reach = float(stdtrit(freedom, 1 - tail)) * error
        if error > 0:
            p = min(1.0, (1 - level) / tail * float(stdtr(freedom, -abs(effect) / error)))
        else:
            p = 1.0 if effect == 0 else 0.0
        answers[name] = Comparison(effect, (effect - reach, effect + reach), p, n)
    return answers


def degrees(seeds: Sequence[int]) -> float:
    """Degrees of freedom of a variance that is pooled over arms with these numbers of seeds and one control.

    >>> degrees([5])
    4.0
    >>> degrees([3, 3, 3])
    4.0
    """
    free = [n - 1 for n in seeds if n > 1]
    total = sum(free)
    if not total:
        return 0.0
    joint = sum(min(a, b) for i, a in enumerate(free) for j, b in enumerate(free) if i != j)
    return total**2 / (total + SHARED * joint)
