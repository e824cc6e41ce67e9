"""The plan: which faults are planted where, in which strength, and what is locked away for the score.

It is a function of the faults that `netvet.faults` knows, so a new one joins by itself. The locked half has nets and
images of its own, so nothing in it has been seen. In the calibration half, for each cause, data sets and sides of the
table of nets are dealt to two folds by a hash of its name; a cause that fits one data set only is split by net alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import product
from zlib import crc32

from benchmarks.clinic import classes
from benchmarks.clinic.bases import Half, Healthy, bases, near_misses
from benchmarks.clinic.datasets import FAMILIES, setting
from benchmarks.clinic.locked import locked
from netvet.base.errors import BadInput
from netvet.faults import SEVERITIES, Fault, faults
from netvet.recipe import Recipe
from netvet.remedies import OWN_NETS

HALVES: tuple[Half, ...] = ("calibration", "locked")
PER_HALF = 5
"""Planted runs of a cause in each fold, or one of each kind where there are more kinds; the locked half is one fold."""

ROLES = {
    "no-momentum": "ravine",
    "weak-regularisation": "modest",
    "over-capacity": "modest",
    "late-stopping": "mislabelled",
    "class-imbalance": "plenty",
    "split-leakage": "grouped",
}
"""Bases on which a cause is planted; `plain` for every other. A gap needs few images, imbalance needs many, momentum
is missed where plain SGD trains a net without norms."""


@dataclass(frozen=True)
class Run:
    """One training of the clinic.

    `name`: also its file's. `recipe`: its source by the clinic's name. `family`: of data sets. `net`: the
    architecture. `rule`: the cause that was planted, "" in a healthy run; `also`: a second one, planted with it.
    `victims`: the classes that they should keep from being learnt, () where none is meant. `control`: the healthy run
    without the fault. `of_class`: whether the run belongs to the plan of `classes`.
    """

    name: str
    half: Half
    recipe: Recipe
    family: str
    net: str
    rule: str = ""
    fault: str = ""
    severity: int = 1
    control: str = ""
    why: str = ""
    also: str = ""
    victims: tuple[str, ...] = ()
    of_class: bool = False


def unequal_photographs(recipe: Recipe, severity: int) -> Recipe | None:
    """Ten, twenty or forty times as many images of one class as of another, in photographs."""
    if recipe.data.source.startswith("reef"):
        return None
    return recipe.change({"data.source": setting(recipe.data.source, imbalance=(10, 20, 40)[severity])})


OWN = (Fault("class-imbalance", "unequal-photographs", unequal_photographs, Recipe()),)
"""Faults that only the clinic can plant, in its own sources."""


@cache
def healthy() -> tuple[Healthy, ...]:
    """All healthy runs."""
    return (*bases(), *near_misses(), *locked(), *classes.healthy())


@cache
def runs() -> tuple[Run, ...]:
    """Every run: the healthy ones, then the planted ones of the calibration half, then those of the locked half."""
    own = {h.name for h in classes.healthy()}
    sound = [Run(h.name, h.half, h.recipe, h.family, h.net, why=h.why, of_class=h.name in own) for h in healthy()]
    by_rule: dict[str, list[Fault]] = {}
    for each in (*faults().values(), *OWN):
        if each.rule not in classes.RULES or each.rule == "class-imbalance":
            by_rule.setdefault(each.rule, []).append(each)
    planted = [run for rule, kinds in sorted(by_rule.items()) for run in _planted(rule, kinds)]
    planted += [_of_class(each) for each in classes.planted(faults())]
    return (*sound, *(run for half in HALVES for run in planted if run.half == half))


def _of_class(each: classes.Planted) -> Run:
    base, kind = each.base, each.kind
    return Run(
        each.name,
        base.half,
        each.recipe,
        base.family,
        base.net,
        kind.rule,
        f"{kind.rule}/{kind.name}",
        each.severity,
        control=base.name,
        why=each.why,
        also=kind.also,
        victims=each.victims,
        of_class=True,
    )


def _planted(rule: str, kinds: list[Fault]) -> list[Run]:
    """The runs of a cause: two folds of the calibration half, which between them hold every data set, by the first
    deal that leaves something to plant in both; then those of the locked half, on its own nets and images.
    """
    role = ROLES.get(rule, "plain")
    known = [base for base in healthy() if base.role == role and base.half == "calibration"]
    locked = _slots(rule, kinds, [base for base in healthy() if base.role == role and base.half == "locked"], "locked")
    for deal in _deals(rule):
        folds = [
            _slots(rule, kinds, [b for b in known if b.family in families and b.side == side], "calibration")
            for families, side in deal
        ]
        if all(folds) and locked:
            return [*folds[0], *folds[1], *locked]
    raise ValueError(f"No kind of {rule} can be planted in both halves of the clinic: give it more bases.")


Deal = tuple[tuple[tuple[str, ...], str], tuple[tuple[str, ...], str]]
"""Of the two folds, the data sets and the side of the table of nets."""


def _deals(rule: str) -> list[Deal]:
    """Ways to deal out data sets and sides, a cause's own first; those that share a data set come last."""
    deals: list[Deal] = []
    for lone, swap, side in product(FAMILIES, (False, True), ("A", "B")):
        rest = tuple(name for name in FAMILIES if name != lone)
        first, second = (rest, (lone,)) if swap else ((lone,), rest)
        deals.append(((first, side), (second, "B" if side == "A" else "A")))
    turn = crc32(rule.encode()) % len(deals)
    shared: list[Deal] = [((FAMILIES, side), (FAMILIES, "B" if side == "A" else "A")) for side in ("A", "B")]
    return [*deals[turn:], *deals[:turn], *shared]


def _slots(rule: str, kinds: list[Fault], places: list[Healthy], half: Half) -> list[Run]:
    """Runs of a cause in one half: kinds in turn, strengths in turn, each on the base that has had the fewest; in the
    locked half on one of timm's nets first, which few faults fit.
    """

    def turn(base: Healthy) -> tuple[int, bool, int]:
        late = half == "locked" and base.recipe.model.name in OWN_NETS
        return used[base.name], late, crc32(f"{rule} {base.name}".encode())

    fitting = [(kind, [base for base in places if _planted_in(kind, base, 1) is not None]) for kind in kinds]
    fitting = [(kind, there) for kind, there in fitting if there]
    made: list[Run] = []
    used: Counter[str] = Counter()
    for i in range(max(PER_HALF, len(fitting)) if fitting else 0):
        kind, there = fitting[i % len(fitting)]
        severity = SEVERITIES[(i % len(fitting) + 2 * (i // len(fitting)) + crc32(rule.encode())) % len(SEVERITIES)]
        base = min(there, key=turn)
        used[base.name] += 1
        recipe = _planted_in(kind, base, severity) or _planted_in(kind, base, 1)
        assert recipe is not None
        name = f"{rule}-{kind.kind}-{severity}-{base.name}-{i}"
        recipe = recipe.change({"seed": 1 + i})
        made.append(
            Run(name, half, recipe, base.family, base.net, rule, kind.name, severity, control=base.name, why=kind.story)
        )
    return made


def _planted_in(kind: Fault, base: Healthy, severity: int) -> Recipe | None:
    """The base with the fault; None where it cannot be planted there, or where what it changes has no effect."""
    try:
        planted = kind.plant(base.recipe, severity)
    except BadInput:
        return None
    if planted is None:
        return None
    changed = set(planted.differences(base.recipe))
    idle = {path for path in changed if _idle(path, planted, base)}
    timm = planted.model.name not in OWN_NETS
    return None if changed == idle or (timm and idle) else planted


def _idle(path: str, planted: Recipe, base: Healthy) -> bool:
    """Whether a changed field has no effect in this recipe."""
    if path.startswith("model.") and planted.model.name not in OWN_NETS:
        return path not in ("model.name", "model.dropout", "model.weights")
    if path in ("optimizer.momentum", "optimizer.nesterov"):
        return planted.optimizer.name != "sgd"
    if path in ("model.norm", "model.norm_momentum"):
        return planted.model.norm_after == "none"
    if path == "data.group":
        return base.family == "fashion" or (base.family == "reef" and "groups=" not in base.recipe.data.source)
    return False
