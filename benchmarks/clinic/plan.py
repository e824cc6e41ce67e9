"""The plan: which faults are planted where, in which strength, and what is locked away for the score.

It is a function of the faults that `netvet.fault` knows, so a new one joins by itself. For each cause the data sets and
the sides of the table of nets are dealt to the two halves by a hash of its name: no kind of a cause has a data set or a
net in both halves. A cause that can be planted in one data set only would be split by net alone; `list` says which are.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import product
from zlib import crc32

from benchmarks.clinic.bases import Half, Healthy, healthy
from benchmarks.clinic.datasets import FAMILIES, setting
from netvet.errors import BadInput
from netvet.fault import SEVERITIES, Fault, faults
from netvet.recipe import Recipe

HALVES: tuple[Half, ...] = ("calibration", "locked")
PER_HALF = 5
"""Planted runs of a cause in each half, or one of each kind where there are more kinds."""

ROLES = {
    "weak-regularisation": "modest",
    "over-capacity": "modest",
    "scarce-data": "modest",
    "late-stopping": "mislabelled",
    "class-imbalance": "plenty",
    "split-leakage": "grouped",
    "duplicate-images": "grouped",
}
"""Bases on which a cause is planted; `plain` for every other. A gap needs few images, imbalance needs many."""


@dataclass(frozen=True)
class Run:
    """One training of the clinic.

    `name`: also its file's. `recipe`: its source by the clinic's name. `family`: of data sets. `net`: the
    architecture. `rule`: the cause that was planted, "" in a healthy run. `control`: the healthy run without the fault.
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


def unequal_photographs(recipe: Recipe, severity: int) -> Recipe | None:
    """Ten, twenty or forty times as many images of one class as of another, in photographs."""
    if recipe.data.source.startswith("reef"):
        return None
    return recipe.change({"data.source": setting(recipe.data.source, imbalance=(10, 20, 40)[severity])})


OWN = (Fault("class-imbalance", "unequal-photographs", unequal_photographs, Recipe()),)
"""Faults that only the clinic can plant, in its own sources."""


@cache
def runs() -> tuple[Run, ...]:
    """Every run: the healthy ones, then the planted ones of the calibration half, then those of the locked half."""
    sound = [Run(h.name, h.half, h.recipe, h.family, h.net, why=h.why) for h in healthy()]
    by_rule: dict[str, list[Fault]] = {}
    for each in (*faults().values(), *OWN):
        by_rule.setdefault(each.rule, []).append(each)
    planted = [run for rule, kinds in sorted(by_rule.items()) for run in _planted(rule, kinds)]
    return (*sound, *(run for half in HALVES for run in planted if run.half == half))


def _planted(rule: str, kinds: list[Fault]) -> list[Run]:
    """The runs of a cause, by the first deal of data sets and sides that leaves something to plant in both halves."""
    places = [base for base in healthy() if base.role == ROLES.get(rule, "plain")]
    for deal in _deals(rule):
        halves = {
            half: _slots(
                rule, kinds, [b for b in places if b.family in deal[half][0] and b.side == deal[half][1]], half
            )
            for half in HALVES
        }
        if all(halves.values()):
            return [run for half in HALVES for run in halves[half]]
    raise ValueError(f"No kind of {rule} can be planted in both halves of the clinic: give it more bases.")


Deal = dict[Half, tuple[tuple[str, ...], str]]


def _deals(rule: str) -> list[Deal]:
    """Ways to deal out data sets and sides, a cause's own first; those that share a data set come last."""
    deals: list[Deal] = []
    for lone, swap, side in product(FAMILIES, (False, True), ("A", "B")):
        rest = tuple(name for name in FAMILIES if name != lone)
        first, second = (rest, (lone,)) if swap else ((lone,), rest)
        deals.append({"calibration": (first, side), "locked": (second, "B" if side == "A" else "A")})
    turn = crc32(rule.encode()) % len(deals)
    shared: list[Deal] = [
        {"calibration": (FAMILIES, side), "locked": (FAMILIES, "B" if side == "A" else "A")} for side in ("A", "B")
    ]
    return [*deals[turn:], *deals[:turn], *shared]


def _slots(rule: str, kinds: list[Fault], places: list[Healthy], half: Half) -> list[Run]:
    """Runs of a cause in one half: kinds in turn, strengths in turn, each on the base that has had the fewest."""
    fitting = [(kind, [base for base in places if _planted_in(kind, base, 1) is not None]) for kind in kinds]
    fitting = [(kind, there) for kind, there in fitting if there]
    made: list[Run] = []
    used: Counter[str] = Counter()
    for i in range(max(PER_HALF, len(fitting)) if fitting else 0):
        kind, there = fitting[i % len(fitting)]
        severity = SEVERITIES[(i % len(fitting) + 2 * (i // len(fitting)) + crc32(rule.encode())) % len(SEVERITIES)]
        base = min(there, key=lambda b: (used[b.name], crc32(f"{rule} {b.name}".encode())))
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
    timm = planted.model.name not in ("cnn", "resnet", "preact-resnet")
    return None if changed == idle or (timm and idle) else planted


def _idle(path: str, planted: Recipe, base: Healthy) -> bool:
    """Whether a changed field has no effect in this recipe."""
    if path.startswith("model.") and planted.model.name not in ("cnn", "resnet", "preact-resnet"):
        return path not in ("model.name", "model.dropout", "model.weights")
    if path in ("optimizer.momentum", "optimizer.nesterov"):
        return planted.optimizer.name != "sgd"
    if path in ("model.norm", "model.norm_momentum"):
        return planted.model.norm_after == "none"
    if path == "data.group":
        return base.family == "fashion" or (base.family == "reef" and "groups=" not in base.recipe.data.source)
    return False
