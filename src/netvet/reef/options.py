"""The options of the reef: what to paint and which faults to plant."""

from __future__ import annotations

from dataclasses import dataclass, fields

from netvet.base.errors import BadInput
from netvet.locale import _

from .species import MOST_SPECIES

_RANGES: dict[str, tuple[float, float]] = {
    "species": (2, MOST_SPECIES),
    "n": (1, 100_000),
    "seed": (0, 2**32 - 1),
    "groups": (1, 10_000),
    "noise": (0.0, 1.0),
    "mix": (0.0, 1.0),
    "imbalance": (1.0, 10_000.0),
    "lookalike": (0.0, 1.0),
    "fine": (1.0, 1_000.0),
    "spread": (0.0, 1.0),
    "kinds": (1, 8),
    "blur": (0.0, 1.0),
    "dark": (0.0, 1.0),
    "victim": (0, MOST_SPECIES - 1),
    "victims": (1, MOST_SPECIES),
    "duplicates": (0.0, 1.0),
    "difficulty": (0.0, 1.0),
    "fauna": (0, 2**32 - 1),
}
_WHOLE = frozenset({"species", "n", "seed", "groups", "kinds", "victim", "victims", "fauna"})
_OPTIONAL = frozenset({"lookalike", "fine"})


@dataclass(frozen=True)
class Reef:
    """What to paint. Raises BadInput with the allowed range when an option lies outside it.

    species: number of classes, 2..64.
    n: images per class before imbalance, 1..100000.
    seed: of the images, 0..4294967295; the species themselves are the same for every seed.
    groups: frames per fish. 1: every image is another fish. k > 1: k near-duplicate frames of each fish, as from a
        video, and one group number for them.
    noise: share 0..1 of all labels, whatever the split, that are wrong: each another class with equal chance, image by
        image.
    mix: share 0..1 of the victim's images that swap their label with an image of another class, drawn by chance, so
        that no class changes its size.
    imbalance: size of the largest class (species 0, `n` images) over that of the smallest (the last one), at least 1;
        the sizes between are geometric.
    lookalike: None, or how far species 1 lies from species 0, 0..1: 0 = the same look, 1 = its own look.
    fine: None, or the number of faint bars along the body of species 1, which are then all that tells it from species 0
        where `lookalike` is 0. They leave its mean colour as it is, and are gone where a bar is narrower than a pixel.
    spread: how far the four morphs of the victim class lie apart, 0..1: 0 = one look, 1 = four unrelated patterns and
        palettes on one body.
    kinds: species that are painted under the victim's label, 1..8, fish by fish in turn: its own, and others that no
        class has by itself. With more than 1, `spread` stays 0.
    blur: of the victim classes, 0..1; a Gaussian with a standard deviation of 0.06 x `blur` image widths.
    dark: of the victim classes, 0..1; its light is multiplied by 1 - 0.92 x `dark`, before the camera's noise.
    victim: the class that mix, spread, kinds, blur and dark are planted in, 0..species-1.
    victims: how many classes, from the victim on, are blurred and dark; the other faults are in the first alone.
    duplicates: share 0..1 of the val and test images that are replaced by re-encoded copies of training images of the
        same class. With more than 0 the set comes split, 70/15/15 in each class, by group where there are groups.
    difficulty: strength of pose, light, turbidity and occlusion, 0..1.
    fauna: 0 = the species of the catalogue (any beyond twelve drawn by chance), else the seed by which all are drawn.
    """

    species: int = 8
    n: int = 150
    seed: int = 0
    groups: int = 1
    noise: float = 0.0
    mix: float = 0.0
    imbalance: float = 1.0
    lookalike: float | None = None
    fine: float | None = None
    spread: float = 0.0
    kinds: int = 1
    blur: float = 0.0
    dark: float = 0.0
    victim: int = 0
    victims: int = 1
    duplicates: float = 0.0
    difficulty: float = 0.5
    fauna: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.name in _OPTIONAL:
                continue
            low, high = _RANGES[field.name]
            kinds = int if field.name in _WHOLE else int | float
            if not isinstance(value, kinds) or isinstance(value, bool) or not low <= value <= high:
                raise BadInput(_refusal(field.name, value))
        if self.kinds > 1 and self.spread > 0:
            raise BadInput(_("reef options kinds and spread cannot be combined: leave one of the two out."))
        if self.victim >= self.species:
            raise BadInput(
                _("reef option victim: {value} is not a class of this reef; use 0 to {last}.").format(
                    value=self.victim, last=self.species - 1
                )
            )
        if self.victim + self.victims > self.species:
            raise BadInput(
                _("reef option victims: from class {victim} on there are {left} classes; use 1 to {left}.").format(
                    victim=self.victim, left=self.species - self.victim
                )
            )

    def __str__(self) -> str:
        """The options that differ from the defaults, as `parse` reads them; "" for the default reef."""
        changed = [f for f in fields(self) if getattr(self, f.name) != f.default]
        return ",".join(f"{f.name}={getattr(self, f.name)}" for f in changed)


def parse(options: str) -> Reef:
    """The reef that `species=6,n=100,noise=0.1` names; "" is the default reef, `lookalike=none` no look-alike.

    Raises BadInput that names the option and what is allowed.
    """
    known = [field.name for field in fields(Reef)]
    values: dict[str, int | float | None] = {}
    for part in options.split(",") if options.strip() else []:
        name, equals, text = (piece.strip() for piece in part.partition("="))
        if name not in known or not equals:
            raise BadInput(
                _("reef option {part!r} is not known; write name=value with one of: {names}.").format(
                    part=part.strip(), names=", ".join(known)
                )
            )
        if name in values:
            raise BadInput(_("reef option {name} is given twice; give it once.").format(name=name))
        values[name] = _value(name, text)
    return Reef(**values)  # type: ignore[arg-type]  # each value is checked by Reef itself


def _value(name: str, text: str) -> int | float | None:
    if name in _OPTIONAL and text.lower() == "none":
        return None
    try:
        return int(text) if name in _WHOLE else float(text)
    except ValueError:
        raise BadInput(_refusal(name, text)) from None


def _refusal(name: str, value: object) -> str:
    low, high = _RANGES[name]
    kind = _("a whole number") if name in _WHOLE else _("a number")
    return _("reef option {name}: {value!r} is not allowed; use {kind} from {low} to {high}.").format(
        name=name, value=value, kind=kind, low=low, high=high
    )
