"""The causes of a stuck class: what is healthy, what is planted in one class of it, alone and in pairs.

The rendered reef gets them from the package's faults, photographs (f4k23) from options of the clinic's own sources
(`photographs`), since faults cannot change those. A planted run has the seed of its twin, the same recipe without the
fault, and is sick only if the planted class fell against the twin (`harm.class_harm`). Rules join by themselves when
the package has a fault for them.

Healthy runs are the twins, and classes that look stuck and are not: a rare one that does well, and a hard one that is
recognised four times in five.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, product
from typing import Any
from zlib import crc32

from benchmarks.clinic import bases
from benchmarks.clinic.bases import Healthy, Role
from benchmarks.clinic.class_sets import EPOCHS, HALVES, MISSES, NETS, PREFIX, SOURCES, SPECIES, TABLES, VAL, Round
from benchmarks.clinic.datasets import family as family_of
from benchmarks.clinic.datasets import setting
from benchmarks.clinic.photographs import TWIN
from netvet.base.errors import BadInput
from netvet.faults import SEVERITIES, Fault
from netvet.recipe import Recipe

RULES = (
    "class-imbalance",
    "look-alike-classes",
    "scattered-class",
    "label-noise",
    "low-quality-images",
    "harmful-augmentation",
    "weak-features",
)
"""The causes that concern one class."""
EACH: dict[Round, int] = {"first": 4, "second": 4, "third": 6, "fourth": 4}
"""Planted runs of a cause, or of all pairs together, in each family of data sets."""


@dataclass(frozen=True)
class Kind:
    """One way to plant a cause, or two at once (`also`), in a set of a family and shape (`even`, `steep`)."""

    rule: str
    name: str
    family: str
    shape: str
    plant: Callable[[Recipe, int, Round], Recipe | None]
    also: str = ""


@dataclass(frozen=True)
class Planted:
    """A planted run. `victims`: the classes that should be stuck, any of them; () where any may be."""

    name: str
    base: Healthy
    recipe: Recipe
    kind: Kind
    severity: int
    victims: tuple[str, ...]
    why: str


def healthy() -> list[Healthy]:
    """The twins, and the healthy look-alikes."""
    return [base for _of, base in by_round()]


def by_round() -> Iterator[tuple[Round, Healthy]]:
    """Every healthy run of this plan, with its round."""
    for together, start in (
        (("first", "second"), 1),
        (("third",), 101),
        (("fourth",), 201),
    ):  # the first two were made together
        seed = count(start)
        for (of, family, shape), nets in NETS.items():
            for net in nets if of in together else ():
                name = f"class-{shape}-{family}-{net}"
                yield of, _base(name, of, SOURCES[of, family, shape], net, next(seed))
        for of, why, source, net in MISSES:
            if of in together:
                yield of, _base(f"{why}-{family_of(source)}", of, source, net, next(seed), why)


def _base(name: str, of: Round, source: str, net: str, seed: int, why: str = "") -> Healthy:
    table = TABLES[of][net]
    changes: dict[str, Any] = {"stop.epochs": EPOCHS[of, family_of(source)], **table.changes}
    made = bases.recipe(source, {**changes, "data.val": VAL[of], "seed": seed})
    role: Role = "near miss" if why else "class"
    return Healthy(PREFIX[of] + name, made, net, table.side, role, HALVES[of], why)


def planted(known: Mapping[str, Fault]) -> list[Planted]:
    """Every planted run; `known`: the package's faults."""
    made: list[Planted] = []
    rules = {fault.rule for fault in known.values()}
    kinds = [*_reef(known), *(kind for kind in _own() if {kind.rule, kind.also} - {""} <= rules)]
    twins = [(of, base) for of, base in by_round() if base.role == "class"]
    for of, family in product(HALVES, ("reef", "f4k23")):
        here = [base for each, base in twins if each == of and base.family == family]
        groups: dict[str, list[Kind]] = {}
        for kind in kinds:
            if kind.family == family:
                groups.setdefault("" if kind.also else kind.rule, []).append(kind)
        for group in groups.values():
            made += _slots(group, of, here)
    return made


def _slots(group: list[Kind], of: Round, twins: list[Healthy]) -> list[Planted]:
    """As many runs as `EACH` says: kinds, strengths and nets in turn, ties by lot."""
    places: list[Planted] = []
    for kind, base, severity in product(group, twins, SEVERITIES):
        recipe = kind.plant(base.recipe, severity, of) if f"-{kind.shape}-" in base.name else None
        if recipe is not None and recipe != base.recipe:
            name = f"{kind.rule}{'+' + kind.also if kind.also else ''}-{kind.name}-{severity}-{base.name}"
            places.append(Planted(name, base, recipe, kind, severity, victims(recipe, of, base), _story(kind)))
    used: Counter[object] = Counter()
    made: list[Planted] = []
    while places and len(made) < EACH[of]:
        best = min(
            places,
            key=lambda each: (used[each.kind], used[each.severity], used[each.base.name], crc32(each.name.encode())),
        )
        places.remove(best)
        used.update((best.kind, best.severity, best.base.name))
        made.append(best)
    return made


def _reef(known: Mapping[str, Fault]) -> Iterator[Kind]:
    """The package's faults, each on the shape of reef that it changes least, and on photographs where it can be."""
    for fault in known.values():
        if fault.rule not in RULES or fault.rule == "class-imbalance":
            continue  # imbalance has its own runs in the plan, and `few` here
        for family in ("reef", "f4k23"):
            costs: dict[str, int] = {}
            for shape in ("even", "steep"):
                base = bases.recipe(SOURCES["first", family, shape], {})
                found = _try(fault, base, 1)
                if found is not None and found != base:
                    costs[shape] = _moved(base.data.source, found.data.source)
            if costs:
                yield Kind(fault.rule, fault.kind, family, min(costs, key=lambda s: costs[s]), _by(fault))


def _by(fault: Fault) -> Callable[[Recipe, int, Round], Recipe | None]:
    return lambda recipe, severity, _of: _try(fault, recipe, severity)


def _try(fault: Fault, recipe: Recipe, severity: int) -> Recipe | None:
    try:
        return fault.plant(recipe, severity)
    except BadInput:
        return None


def _moved(one: str, other: str) -> int:
    """How many of the options that say what is painted, and how often, differ."""
    shape = ("species", "n", "imbalance")
    before, after = _options(one), _options(other)
    return sum(float(before.get(key, 1)) != float(after.get(key, 1)) for key in shape)


def _options(source: str) -> dict[str, str]:
    text = source.partition(":")[2]
    return dict(part.split("=", 1) for part in text.split(",")) if text else {}


def _source(**by_severity: tuple[float, float, float]) -> Callable[[Recipe, int, Round], Recipe]:
    """Options of the source, by strength."""

    def plant(recipe: Recipe, severity: int, _of: Round) -> Recipe:
        options = {key: values[severity] for key, values in by_severity.items()}
        return recipe.change({"data.source": setting(recipe.data.source, **options)})

    return plant


def augmented(name: str, severity: int) -> dict[str, Any]:
    """The package's changes, of the photographed class `name` alone."""
    rotate, most = ((120, 0.8), (180, 0.9), (180, 0.97))[severity]
    changes = {"flip": True, "rotate": rotate, "scale": min(most, 0.9), "crop": most - 0.4}
    changes |= {"light": most, "colour": most, "erase": 1.0}
    return {"augment.per_class": {name: changes}}


def _augmented(recipe: Recipe, severity: int, of: Round) -> Recipe:
    """Of the class at place 3."""
    return recipe.change(augmented(SPECIES[of, "even"][3], severity))


def _scarce(recipe: Recipe, severity: int, of: Round) -> Recipe:
    return _source(few=(20, 14, 10))(_augmented(recipe, severity, of), severity, of)


def _same(value: float) -> tuple[float, float, float]:
    return value, value, value


def _own() -> tuple[Kind, ...]:
    """What only the clinic can plant: in photographs, and pairs."""
    both, fewer = {"victim": _same(3), "victims": _same(2)}, (12, 20, 30)
    noise, quality, few = "label-noise", "low-quality-images", "class-imbalance"
    return (
        Kind(few, "few-photographs", "f4k23", "even", _source(victim=_same(3), few=(12, 6, 3))),
        Kind(noise, "swapped-photographs", "f4k23", "even", _source(victim=_same(3), mix=(0.45, 0.55, 0.65))),
        Kind("look-alike-classes", "one-species", "f4k23", "steep", _source(victim=_same(0), dealt=(0.4, 0.33, 0.25))),
        Kind("scattered-class", "one-name", "f4k23", "even",
             _source(victim=_same(1), each=(60, 50, 40), merged=(3, 4, 4))),
        Kind("weak-features", "fine-pattern", "f4k23", "steep",
             _source(victim=_same(0), dealt=(0.4, 0.33, 0.25), fine=(48, 32, 20))),
        Kind(quality, "night", "f4k23", "steep", _source(**both, dark=(0.94, 0.97, 0.99))),
        Kind(quality, "blurred", "f4k23", "steep", _source(**both, blur=(0.12, 0.2, 0.3))),
        Kind("harmful-augmentation", "one-class", "f4k23", "even", _augmented),
        Kind(few, "few-wrong-photographs", "f4k23", "even",
             _source(victim=_same(3), few=(20, 14, 10), mix=(0.4, 0.5, 0.6)), noise),
        Kind(few, "few-dark-photographs", "f4k23", "steep", _source(**both, few=(15, 10, 6), dark=(0.94, 0.97, 0.99)),
             quality),
        Kind(few, "few-augmented-photographs", "f4k23", "even", _scarce, "harmful-augmentation"),
        Kind(few, "few-wrong", "reef", "steep", _source(victim=_same(4), imbalance=fewer, mix=(0.4, 0.5, 0.6)), noise),
        Kind(few, "few-dark", "reef", "steep", _source(**both, imbalance=fewer, dark=(0.96, 0.98, 1.0)), quality),
    )  # fmt: skip


def _story(kind: Kind) -> str:
    return f"{kind.rule} and {kind.also}" if kind.also else ""


def victims(recipe: Recipe, of: Round, base: Healthy) -> tuple[str, ...]:
    """The classes that a planted recipe aims at, by the names that they have in its run; () where it aims at none."""
    if recipe.augment.per_class:
        return tuple(recipe.augment.per_class)
    options = _options(recipe.data.source)
    names = _names(of, base)
    if "lookalike" in options:
        return names[:2]
    if not options.keys() & {"victim", "kinds", "spread", "mix", "dark", "blur"}:
        return ()
    first = int(options.get("victim", 0))
    if float(options.get("dealt", 0)):
        return names[first], names[first] + TWIN
    if int(options.get("merged", 0)):
        return ("+".join(names[first : first + int(options["merged"])]),)
    return names[first : first + int(options.get("victims", 1))]


def _names(of: Round, base: Healthy) -> tuple[str, ...]:
    if base.family == "reef":
        from netvet.reef.options import parse
        from netvet.reef.species import fauna

        reef = parse(base.recipe.data.source.partition(":")[2])
        return tuple(fauna(reef.species, reef.fauna)[0])
    return SPECIES[of, "steep" if "-steep-" in base.name else "even"]
