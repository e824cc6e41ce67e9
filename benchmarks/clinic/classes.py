"""The causes of a stuck class: what is healthy, what is planted in one class of it, alone and in pairs.

The painted reef gets them from the package's faults, photographs (f4k23) from options of the clinic's own sources
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
from itertools import product
from typing import Any
from zlib import crc32

from benchmarks.clinic import bases, locked
from benchmarks.clinic.bases import Half, Healthy, Net
from benchmarks.clinic.datasets import family as family_of
from benchmarks.clinic.datasets import setting
from benchmarks.clinic.photographs import TWIN
from netvet.errors import BadInput
from netvet.fault import SEVERITIES, Fault
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
EACH = 4
"""Planted runs of a cause, or of all pairs together, in each half and family of data sets."""

_RARE = ("Acanthurus_nigrofuscus", "Chaetodon_trifascialis", "Pomacentrus_moluccensis", "Canthigaster_valentini")
SPECIES: dict[tuple[Half, str], tuple[str, ...]] = {
    ("calibration", "even"): (
        *("Amphiprion_clarkii", "Chaetodon_lunulatus", "Chromis_chrysura", "Dascyllus_reticulatus"),
        *("Plectroglyphidodon_dickii", "Neoniphon_sammara", "Hemigymnus_fasciatus"),
    ),
    ("locked", "even"): ("Neoniphon_sammara", "Hemigymnus_fasciatus", *_RARE),
    ("locked", "steep"): (*_RARE, "Abudefduf_vaigiensis"),
}
SPECIES["calibration", "steep"] = SPECIES["calibration", "even"][:5]
"""The photographed classes of a set in the order of their places, the most frequent first; of those that calibration
does not have, the ones with tracks enough to be split."""

SOURCES: dict[tuple[Half, str, str], str] = {
    ("calibration", "reef", "even"): "reef:species=8,n=150,fauna=31",
    ("calibration", "reef", "steep"): "reef:species=5,n=300,imbalance=4.8,fauna=32",
    ("calibration", "f4k23", "even"): "f4k23:classes=7,each=115,val=0.3",
    ("calibration", "f4k23", "steep"): "f4k23:classes=5,each=300,imbalance=4.8,val=0.3",
    ("locked", "reef", "even"): "reef:species=7,n=150,fauna=41",
    ("locked", "reef", "steep"): "reef:species=5,n=300,imbalance=4.8,fauna=42",
    ("locked", "f4k23", "even"): f"f4k23:only={'+'.join(SPECIES['locked', 'even'])},skip=115,each=115,val=0.3",
    ("locked", "f4k23", "steep"): f"f4k23:only={'+'.join(SPECIES['locked', 'steep'])},each=210,imbalance=3.4,val=0.3",
}
"""Sets of even classes, and of classes of unequal size, in which the largest has about five times the smallest's."""

NETS: dict[tuple[Half, str, str], tuple[str, ...]] = {
    ("calibration", "reef", "even"): ("cnn-5x16", "cnn-8x12", "preact-7x12"),
    ("calibration", "reef", "steep"): ("cnn-5x16", "cnn-8x12", "resnet-7x12"),
    ("calibration", "f4k23", "even"): ("cnn-5x16", "cnn-8x12", "resnet-7x12"),
    ("calibration", "f4k23", "steep"): ("cnn-5x16", "resnet-7x12"),
    ("locked", "reef", "even"): ("cnn-6x14", "preact-5x16", "resnet-9x10"),
    ("locked", "reef", "steep"): ("cnn-6x14", "preact-5x16", "resnet-9x10"),
    ("locked", "f4k23", "even"): ("cnn-6x14", "resnet-9x10", "cnn-5x18-layer"),
    ("locked", "f4k23", "steep"): ("cnn-6x14", "resnet-9x10"),
}
_TABLES: dict[Half, Mapping[str, Net]] = {"calibration": bases.NETS, "locked": locked.NETS}
EPOCHS = {"reef": 10, "f4k23": 16}

_EVEN: dict[Half, str] = {half: SOURCES[half, "f4k23", "even"] for half in ("calibration", "locked")}
_MISSES: tuple[tuple[Half, str, str, str], ...] = (
    ("calibration", "rare-and-well", "reef:species=6,n=250,imbalance=10,difficulty=0.2,fauna=33", "cnn-8x12"),
    ("calibration", "rare-and-well", setting(_EVEN["calibration"], victim=1, few=25), "cnn-5x16"),
    ("calibration", "hard-class", "reef:species=6,n=150,lookalike=0.25,fauna=34", "resnet-7x12"),
    ("calibration", "hard-class", setting(_EVEN["calibration"], victim=2, few=25), "cnn-8x12"),
    ("locked", "rare-and-well", "reef:species=6,n=250,imbalance=11,difficulty=0.2,fauna=43", "cnn-6x14"),
    ("locked", "rare-and-well", setting(_EVEN["locked"], victim=1, few=25), "cnn-6x14"),
    ("locked", "hard-class", "reef:species=6,n=150,lookalike=0.25,fauna=44", "resnet-9x10"),
    ("locked", "hard-class", setting(_EVEN["locked"], victim=2, few=25), "resnet-9x10"),
)


@dataclass(frozen=True)
class Kind:
    """One way to plant a cause, or two at once (`also`), in a set of a family and shape (`even`, `steep`)."""

    rule: str
    name: str
    family: str
    shape: str
    plant: Callable[[Recipe, int, Half], Recipe | None]
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
    made: list[Healthy] = []
    for (half, family, shape), nets in NETS.items():
        for net in nets:
            name = f"{'locked-' if half == 'locked' else ''}class-{shape}-{family}-{net}"
            made.append(_healthy(name, half, SOURCES[half, family, shape], net, len(made) + 1))
    for half, why, source, net in _MISSES:
        name = f"{'locked-' if half == 'locked' else ''}{why}-{family_of(source)}"
        made.append(_healthy(name, half, source, net, len(made) + 1, why))
    return made


def _healthy(name: str, half: Half, source: str, net: str, seed: int, why: str = "") -> Healthy:
    table = _TABLES[half][net]
    changes: dict[str, Any] = {"stop.epochs": EPOCHS[family_of(source)], **table.changes}
    made = bases.recipe(source, {**changes, "data.val": 0.3, "seed": seed})
    return Healthy(name, made, net, table.side, "near miss" if why else "class", half, why)


def planted(known: Mapping[str, Fault]) -> list[Planted]:
    """Every planted run; `known`: the package's faults."""
    made: list[Planted] = []
    rules = {fault.rule for fault in known.values()}
    kinds = [*_reef(known), *(kind for kind in _own() if {kind.rule, kind.also} - {""} <= rules)]
    twins = [base for base in healthy() if base.role == "class"]
    for half, family in product(("calibration", "locked"), ("reef", "f4k23")):
        here = [base for base in twins if base.half == half and base.family == family]
        groups: dict[str, list[Kind]] = {}
        for kind in kinds:
            if kind.family == family:
                groups.setdefault("" if kind.also else kind.rule, []).append(kind)
        for group in groups.values():
            made += _slots(group, here)
    return made


def _slots(group: list[Kind], twins: list[Healthy]) -> list[Planted]:
    """`EACH` runs: kinds, strengths and nets in turn, ties by lot."""
    places: list[Planted] = []
    for kind, base, severity in product(group, twins, SEVERITIES):
        recipe = kind.plant(base.recipe, severity, base.half) if f"-{kind.shape}-" in base.name else None
        if recipe is not None and recipe != base.recipe:
            name = f"{kind.rule}{'+' + kind.also if kind.also else ''}-{kind.name}-{severity}-{base.name}"
            places.append(Planted(name, base, recipe, kind, severity, victims(recipe, base), _story(kind)))
    used: Counter[object] = Counter()
    made: list[Planted] = []
    while places and len(made) < EACH:
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
                base = bases.recipe(SOURCES["calibration", family, shape], {})
                found = _try(fault, base, 1)
                if found is not None and found != base:
                    costs[shape] = _moved(base.data.source, found.data.source)
            if costs:
                yield Kind(fault.rule, fault.kind, family, min(costs, key=lambda s: costs[s]), _by(fault))


def _by(fault: Fault) -> Callable[[Recipe, int, Half], Recipe | None]:
    return lambda recipe, severity, _half: _try(fault, recipe, severity)


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


def _source(**by_severity: tuple[float, float, float]) -> Callable[[Recipe, int, Half], Recipe]:
    """Options of the source, by strength."""

    def plant(recipe: Recipe, severity: int, _half: Half) -> Recipe:
        options = {key: values[severity] for key, values in by_severity.items()}
        return recipe.change({"data.source": setting(recipe.data.source, **options)})

    return plant


def augmented(name: str, severity: int) -> dict[str, Any]:
    """The package's changes, of the photographed class `name` alone."""
    rotate, most = ((120, 0.8), (180, 0.9), (180, 0.97))[severity]
    changes = {"flip": True, "rotate": rotate, "scale": min(most, 0.9), "crop": most - 0.4}
    changes |= {"light": most, "colour": most, "erase": 1.0}
    return {"augment.per_class": {name: changes}}


def _augmented(recipe: Recipe, severity: int, half: Half) -> Recipe:
    """Of the class at place 3."""
    return recipe.change(augmented(SPECIES[half, "even"][3], severity))


def _scarce(recipe: Recipe, severity: int, half: Half) -> Recipe:
    return _source(few=(20, 14, 10))(_augmented(recipe, severity, half), severity, half)


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


def victims(recipe: Recipe, base: Healthy) -> tuple[str, ...]:
    """The classes that a planted recipe aims at, by the names that they have in its run; () where it aims at none."""
    if recipe.augment.per_class:
        return tuple(recipe.augment.per_class)
    options = _options(recipe.data.source)
    names = _names(base)
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


def _names(base: Healthy) -> tuple[str, ...]:
    if base.family == "reef":
        from netvet.images.reef.options import parse
        from netvet.images.reef.species import fauna

        reef = parse(base.recipe.data.source.partition(":")[2])
        return tuple(fauna(reef.species, reef.fauna)[0])
    return SPECIES[base.half, "steep" if "-steep-" in base.name else "even"]
