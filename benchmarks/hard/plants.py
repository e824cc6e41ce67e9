"""What is planted in one class of a hard set (or in two), in its files and labels, in all splits alike.

Drawn by lot from the names of the files, so that the same fault is planted everywhere.

- `renamed`: 60 % of a class carry the names of any other classes, image by image.
- `renamed-to-one`: 60 % of a class carry the name of one other.
- `exchanged`: half of the images of two classes carry the other's name. Where no groups are known that is the same as
  one kind dealt to two names, so that look-alike classes are right as well.
- `swapped`: 80 % of a class swap names with images of any other classes, so that no class changes its size.
- `cut`: a class has 5 images in all.
- `blurred`: a class is blurred by a Gaussian of 0.04 image widths.
- `dark`: a class has a fifth of its light.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.clinic.photographs import lot
from benchmarks.hard.sets import Item

RENAMED, SWAPPED, EXCHANGED, FEW = 0.6, 0.8, 0.5, 5
BLUR, LIGHT = 0.04, 0.2
Planter = Callable[[Path, list[Item], tuple[str, ...]], list[Item]]


@dataclass(frozen=True)
class Plant:
    """`rules`: the causes that are right to be named first. `apply`: the items with the fault."""

    name: str
    rules: tuple[str, ...]
    apply: Planter


def _drawn(made: list[Item], label: str, why: str) -> list[int]:
    """Rows of a class in an order by lot."""
    rows = [i for i, each in enumerate(made) if each.label == label]
    return sorted(rows, key=lambda i: lot(f"{why} {made[i].path}"))


def _named(made: list[Item], names: Mapping[int, str]) -> list[Item]:
    return [replace(each, label=names.get(i, each.label)) for i, each in enumerate(made)]


def _renamed(_root: Path, made: list[Item], victims: tuple[str, ...]) -> list[Item]:
    others = sorted({each.label for each in made} - {victims[0]})
    rows = _drawn(made, victims[0], "rename")
    rows = rows[: round(RENAMED * len(rows))]
    return _named(made, {row: others[i % len(others)] for i, row in enumerate(rows)})


def _renamed_to_one(_root: Path, made: list[Item], victims: tuple[str, ...]) -> list[Item]:
    rows = _drawn(made, victims[0], "rename")
    return _named(made, dict.fromkeys(rows[: round(RENAMED * len(rows))], victims[1]))


def _exchanged(_root: Path, made: list[Item], victims: tuple[str, ...]) -> list[Item]:
    names: dict[int, str] = {}
    for mine, other in ((victims[0], victims[1]), (victims[1], victims[0])):
        rows = _drawn(made, mine, "exchange")
        names |= dict.fromkeys(rows[: round(EXCHANGED * len(rows))], other)
    return _named(made, names)


def _swapped(_root: Path, made: list[Item], victims: tuple[str, ...]) -> list[Item]:
    rows = _drawn(made, victims[0], "swap")
    rows = rows[: round(SWAPPED * len(rows))]
    others = [i for i, each in enumerate(made) if each.label != victims[0]]
    others.sort(key=lambda i: lot(f"swap {made[i].path}"))
    names: dict[int, str] = {}
    for row, other in zip(rows, others, strict=False):
        names |= {row: made[other].label, other: victims[0]}
    return _named(made, names)


def _cut(_root: Path, made: list[Item], victims: tuple[str, ...]) -> list[Item]:
    gone = set(_drawn(made, victims[0], "cut")[FEW:])
    return [each for i, each in enumerate(made) if i not in gone]


def _spoilt(spoil: Callable[[Image.Image], Image.Image], how: str) -> Planter:
    def apply(root: Path, made: list[Item], victims: tuple[str, ...]) -> list[Item]:
        return [
            replace(each, path=_written(root, each, spoil, how)) if each.label == victims[0] else each for each in made
        ]

    return apply


def _written(root: Path, each: Item, spoil: Callable[[Image.Image], Image.Image], how: str) -> str:
    path = f"{how}/{each.path}"
    if not (root / path).exists():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        spoil(Image.open(root / each.path).convert("RGB")).save(root / path)
    return path


def _blur(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(BLUR * image.width))


def _darken(image: Image.Image) -> Image.Image:
    return Image.fromarray((np.asarray(image, np.float64) * LIGHT + 0.5).astype(np.uint8))


PLANTS: dict[str, Plant] = {
    each.name: each
    for each in (
        Plant("renamed", ("label-noise",), _renamed),
        Plant("renamed-to-one", ("label-noise",), _renamed_to_one),
        Plant("exchanged", ("label-noise", "look-alike-classes"), _exchanged),
        Plant("swapped", ("label-noise",), _swapped),
        Plant("cut", ("class-imbalance",), _cut),
        Plant("blurred", ("low-quality-images",), _spoilt(_blur, "blurred")),
        Plant("dark", ("low-quality-images",), _spoilt(_darken, "dark")),
    )
}
