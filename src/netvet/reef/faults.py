"""The faults that can be planted: who is painted how, under which label, in which split, copied from where."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from .chance import Integers
from .options import Reef
from .species import INDEX, Genomes, blend, fauna

MORPHS = 4
_UNRELATED = 10_007  # the seed of the looks that a scattered class borrows; the fauna has them for no species
_SHAPE = tuple(INDEX)[: tuple(INDEX).index("bars")]
_LABELS, _SPLITS, _COPIES = 1, 2, 3


@dataclass(frozen=True)
class ReefPlan:
    """One row an image, in the order of the classes; names and looks, (looks, genes), are tables.

    species: what is painted. index: its number within the species; the image depends on nothing else but the options.
    look: row of `looks`, the genome it is painted with.
    labels: what is written on it. morph: which of the victim's looks, 0 = its own. group: number of the fish.
    split: 0 train, 1 val, 2 test, or None. duplicate_of: row of the training image it copies, -1 = none.
    """

    names: tuple[str, ...]
    looks: Genomes
    species: Integers
    index: Integers
    look: Integers
    labels: Integers
    morph: Integers
    group: Integers
    split: npt.NDArray[np.int8] | None
    duplicate_of: Integers


def plan(reef: Reef) -> ReefPlan:
    """Who is painted how, as the options say."""
    names, looks = fauna(reef.species, reef.fauna)
    if reef.lookalike is not None:
        looks[1] = blend(looks[0], looks[1], reef.lookalike)
    sizes = class_sizes(reef)
    species = np.repeat(np.arange(reef.species), sizes)
    index = np.concatenate([np.arange(size) for size in sizes])
    fish = index // reef.groups
    morph = np.where(species == reef.victim, fish % _looks(reef), 0)
    look = np.where(morph > 0, reef.species - 1 + morph, species)
    fishes = -(-sizes // reef.groups)
    group = np.repeat(np.cumsum(fishes) - fishes, sizes) + fish
    split = _split(reef, species, group) if reef.duplicates > 0 else None
    copies = _copies(reef, species, split) if split is not None else np.full(len(species), -1)
    looks = np.concatenate([looks, _morphs(reef, looks[reef.victim])])
    return ReefPlan(names, looks, species, index, look, _mislabel(reef, species), morph, group, split, copies)


def class_sizes(reef: Reef) -> Integers:
    """Images of each class: n for species 0, n / imbalance for the last (at least 1), geometric between."""
    share = np.arange(reef.species) / (reef.species - 1)
    return np.maximum(1, np.rint(reef.n * reef.imbalance**-share)).astype(np.int64)


def _looks(reef: Reef) -> int:
    """How many looks the victim has."""
    return MORPHS if reef.spread > 0 else reef.kinds


def _morphs(reef: Reef, look: npt.NDArray[np.float64]) -> Genomes:
    """The victim's looks but its own: other species as they are; or, on its body, a pattern and palette that lie
    `spread` towards unrelated ones.
    """
    _names, others = fauna(max(1, _looks(reef) - 1), _UNRELATED)
    if reef.kinds > 1:
        return others
    others[:, [INDEX[gene] for gene in _SHAPE]] = look[[INDEX[gene] for gene in _SHAPE]]
    return blend(look, others, reef.spread)


def _mislabel(reef: Reef, species: Integers) -> Integers:
    """Labels of which round(noise x images) are another class, and round(mix x images of the victim) of the victim's
    are swapped with others; a larger noise or mix keeps the errors of a smaller one.
    """
    random = np.random.default_rng([reef.seed, _LABELS])
    order = random.permutation(len(species))
    other = (species + random.integers(1, reef.species, len(species))) % reef.species
    wrong = order[: round(reef.noise * len(species))]
    labels = species.copy()
    labels[wrong] = other[wrong]
    mine, others = (
        random.permutation(np.flatnonzero(part)) for part in (species == reef.victim, species != reef.victim)
    )
    count = min(round(reef.mix * len(mine)), len(others))
    labels[mine[:count]], labels[others[:count]] = labels[others[:count]], labels[mine[:count]]
    return labels


def _split(reef: Reef, species: Integers, group: Integers) -> npt.NDArray[np.int8]:
    """70/15/15 of the fish of each class; every class has fish in train."""
    random = np.random.default_rng([reef.seed, _SPLITS])
    split = np.zeros(len(species), np.int8)
    for kind in range(reef.species):
        fish = random.permutation(np.unique(group[species == kind]))
        train = max(1, round(0.70 * len(fish)))
        val = (len(fish) - train + 1) // 2
        split[np.isin(group, fish[train : train + val])] = 1
        split[np.isin(group, fish[train + val :])] = 2
    return split


def _copies(reef: Reef, species: Integers, split: npt.NDArray[np.int8]) -> Integers:
    """For round(duplicates x val and test images) of them, the row of a training image of the same species; else -1."""
    random = np.random.default_rng([reef.seed, _COPIES])
    held_out = np.flatnonzero(split > 0)
    copies = np.full(len(species), -1)
    for row in random.permutation(held_out)[: round(reef.duplicates * len(held_out))]:
        copies[row] = random.choice(np.flatnonzero((split == 0) & (species == species[row])))
    return copies


def reencode(image: npt.NDArray[np.uint8], seed: int, row: int) -> npt.NDArray[np.uint8]:
    """The image as another upload of it would look: light +-4 %, moved by up to one pixel, a JPEG of quality 70..92."""
    random = np.random.default_rng([seed, _COPIES, row])
    down, right = (int(step) for step in random.integers(-1, 2, 2))
    height, width = image.shape[:2]
    framed = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    moved = framed[1 + down : 1 + down + height, 1 + right : 1 + right + width]
    lit = np.clip(moved * random.uniform(0.96, 1.04) + 0.5, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(lit).save(file, "JPEG", quality=int(random.integers(70, 93)))
    return np.asarray(Image.open(file), dtype=np.uint8)
