"""The species of the reef: each is a vector of genes that says how its fish look.

A gene is a number: a length in units of the body length (nose = 0, root of the tail = 1), an opacity 0..1, a count, or
a colour channel 0..1. As a species is a vector, "half way between two species" has a meaning: that is how look-alikes
and classes of several morphs are made. No species here is a real one.
"""

from __future__ import annotations

import colorsys
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Genomes: TypeAlias = npt.NDArray[np.float64]
"""Shape (species, genes), columns in the order of `GENES`."""

PARTS = ("back", "belly", "mark", "line", "fin", "tail")
GENES: dict[str, tuple[float, float]] = {
    # body: height over length, where it is deepest, bluntness of the head, share of the height above the axis
    "depth": (0.20, 0.66),
    "peak": (0.30, 0.46),
    "snout": (0.45, 0.95),
    "above": (0.42, 0.58),
    "peduncle": (0.035, 0.07),
    # fins: start, end, height, where highest (0 front .. 1 rear), serration, backward sweep
    "dorsal_start": (0.24, 0.40),
    "dorsal_end": (0.78, 0.94),
    "dorsal_height": (0.06, 0.26),
    "dorsal_lean": (0.15, 0.85),
    "spines": (0.0, 1.0),
    "sweep": (0.1, 0.8),
    "anal_start": (0.54, 0.68),
    "anal_height": (0.06, 0.24),
    "pelvic": (0.06, 0.20),
    "pectoral": (0.10, 0.18),
    # tail: length, half height at its end, depth of the fork, roundness
    "tail_length": (0.18, 0.34),
    "tail_height": (0.11, 0.26),
    "fork": (0.0, 0.65),
    "round": (0.0, 0.35),
    # eye: radius and place
    "eye": (0.026, 0.045),
    "eye_t": (0.10, 0.16),
    # pattern: opacity first, then geometry
    "bars": (0.0, 1.0),
    "bar_count": (1.5, 7.0),
    "bar_width": (0.25, 0.55),
    "bar_phase": (0.0, 1.0),
    "bar_curve": (-0.1, 0.1),
    "stripes": (0.0, 1.0),
    "stripe_count": (1.0, 5.0),
    "stripe_width": (0.2, 0.5),
    "stripe_slant": (-0.5, 0.5),
    "spots": (0.0, 1.0),
    "spot_count": (6.0, 13.0),
    "spot_size": (0.22, 0.40),
    "mask": (0.0, 1.0),
    "ocellus": (0.0, 1.0),
    "ocellus_t": (0.62, 0.90),
    "ocellus_v": (-0.2, 0.6),
    "rear": (0.0, 1.0),
    "rear_from": (0.45, 0.75),
    "rear_slant": (-0.25, 0.25),
    # palette, red green blue each
    **{
        f"{part}_{channel}": (0.0, 1.0)
        for part in ("back", "belly", "mark", "line", "fin", "tail")
        for channel in "rgb"
    },
}
INDEX: dict[str, int] = {gene: column for column, gene in enumerate(GENES)}
LOW = np.array([low for low, _high in GENES.values()])
HIGH = np.array([high for _low, high in GENES.values()])
OPACITIES = ("bars", "stripes", "spots", "mask", "ocellus", "rear")
MOST_SPECIES = 64

_PLAIN = dict.fromkeys(OPACITIES, 0.0)
_Look: TypeAlias = tuple[dict[str, float], dict[str, str]]
# The first twelve are drawn by hand: body plans and patterns as they are common on reefs, on fish that do not exist.
_CATALOGUE: dict[str, _Look] = {
    "Quorvilla_larvata": (  # deep disc, eye mask, dark bars
        {"depth": 0.66, "peak": 0.44, "snout": 0.80, "above": 0.52, "dorsal_start": 0.27, "dorsal_end": 0.93,
         "dorsal_height": 0.13, "dorsal_lean": 0.75, "sweep": 0.3, "anal_start": 0.58, "anal_height": 0.15,
         "pelvic": 0.15, "tail_length": 0.19, "tail_height": 0.12, "fork": 0.05, "round": 0.1, "mask": 1.0,
         "bars": 0.85, "bar_count": 3.6, "bar_width": 0.3, "bar_phase": 0.62, "bar_curve": 0.05},
        {"back": "f2c12e", "belly": "fbeec2", "mark": "2a2018", "line": "ffffff", "fin": "f3b51d", "tail": "f7d860"},
    ),
    "Zembrachus_pallidicauda": (  # oval, blue in front, pale behind
        {"depth": 0.47, "peak": 0.40, "snout": 0.55, "dorsal_height": 0.12, "dorsal_lean": 0.7, "spines": 0.4,
         "anal_height": 0.12, "tail_length": 0.26, "tail_height": 0.16, "fork": 0.45, "eye": 0.038,
         "rear": 1.0, "rear_from": 0.66, "rear_slant": -0.15},
        {"back": "1f3fae", "belly": "4f79d8", "mark": "f6d23c", "line": "f6d23c", "fin": "27379a", "tail": "f8dc55"},
    ),
    "Tolquina_trizona": (  # stout, three pale bars, round tail
        {"depth": 0.42, "peak": 0.38, "snout": 0.52, "dorsal_height": 0.10, "dorsal_lean": 0.3, "spines": 0.5,
         "anal_height": 0.10, "tail_length": 0.22, "tail_height": 0.15, "round": 0.30, "peduncle": 0.068,
         "bars": 1.0, "bar_count": 2.75, "bar_width": 0.30, "bar_phase": 0.27, "bar_curve": -0.05},
        {"back": "d9541a", "belly": "f58a3c", "mark": "f7f3ea", "line": "1a1414", "fin": "e0681f", "tail": "ef8130"},
    ),
    "Undrostoma_viridis": (  # slender, stripes along the body
        {"depth": 0.25, "peak": 0.38, "snout": 0.72, "dorsal_start": 0.26, "dorsal_end": 0.92, "dorsal_height": 0.065,
         "dorsal_lean": 0.5, "anal_start": 0.55, "anal_height": 0.06, "pelvic": 0.07, "tail_length": 0.20,
         "tail_height": 0.12, "round": 0.22, "eye": 0.026, "peduncle": 0.055, "stripes": 0.9, "stripe_count": 1.8,
         "stripe_width": 0.36},
        {"back": "1f8a6b", "belly": "8fd6b0", "mark": "d4457e", "line": "e0527f", "fin": "c85a8a", "tail": "39a5a0"},
    ),
    "Ombrafex_guttatus": (  # heavy, big head, pale spots, round tail
        {"depth": 0.38, "peak": 0.36, "snout": 0.50, "above": 0.5, "dorsal_start": 0.28, "dorsal_end": 0.90,
         "dorsal_height": 0.12, "dorsal_lean": 0.6, "spines": 0.9, "anal_start": 0.64, "anal_height": 0.11,
         "tail_length": 0.22, "tail_height": 0.15, "round": 0.33, "peduncle": 0.07, "eye": 0.032, "spots": 0.95,
         "spot_count": 10.5, "spot_size": 0.30},
        {"back": "7d2f22", "belly": "b9674c", "mark": "4a1a14", "line": "9fd4f2", "fin": "6b2a24", "tail": "5b2420"},
    ),
    "Pharquelus_altipinnis": (  # disc with tall swept fins, slanting stripes
        {"depth": 0.60, "peak": 0.42, "snout": 0.70, "dorsal_start": 0.34, "dorsal_end": 0.93, "dorsal_height": 0.26,
         "dorsal_lean": 0.75, "sweep": 0.8, "anal_start": 0.58, "anal_height": 0.24, "pelvic": 0.20,
         "tail_length": 0.22, "tail_height": 0.14, "round": 0.15, "stripes": 0.95, "stripe_count": 4.2,
         "stripe_width": 0.36, "stripe_slant": 0.32, "mask": 0.5},
        {"back": "23358f", "belly": "3b62c4", "mark": "0e1538", "line": "f3d74a", "fin": "2c46a8", "tail": "f0c93a"},
    ),
    "Jurandia_argentea": (  # fast swimmer, silver, deep fork, no pattern
        {"depth": 0.33, "peak": 0.37, "snout": 0.66, "dorsal_start": 0.38, "dorsal_end": 0.92, "dorsal_height": 0.12,
         "dorsal_lean": 0.15, "sweep": 0.6, "anal_start": 0.58, "anal_height": 0.10, "pelvic": 0.07,
         "tail_length": 0.30, "tail_height": 0.25, "fork": 0.65, "peduncle": 0.035, "eye": 0.034},
        {"back": "5b7f93", "belly": "eef3f4", "mark": "3a4a55", "line": "ffffff", "fin": "9fb3b5", "tail": "d8c25a"},
    ),
    "Velquarius_falcatus": (  # oval, crescent tail, dark eyespot, single flash
        {"depth": 0.46, "peak": 0.42, "snout": 0.58, "dorsal_start": 0.25, "dorsal_end": 0.93, "dorsal_height": 0.09,
         "dorsal_lean": 0.6, "anal_start": 0.54, "anal_height": 0.09, "pelvic": 0.10, "tail_length": 0.25,
         "tail_height": 0.22, "fork": 0.5, "peduncle": 0.035, "ocellus": 1.0, "ocellus_t": 0.80, "ocellus_v": 0.1,
         "stripes": 0.5, "stripe_count": 1.0, "stripe_width": 0.25},
        {"back": "4b3a2c", "belly": "7a624a", "mark": "120f0e", "line": "e8a23c", "fin": "3a2d28", "tail": "e9e2d2"},
    ),
    "Xylvonax_ocellatus": (  # short and pale, saddle bars and dots
        {"depth": 0.45, "peak": 0.45, "snout": 0.85, "dorsal_start": 0.40, "dorsal_end": 0.80, "dorsal_height": 0.08,
         "dorsal_lean": 0.8, "anal_start": 0.66, "anal_height": 0.08, "pelvic": 0.06, "tail_length": 0.20,
         "tail_height": 0.11, "round": 0.2, "peduncle": 0.06, "eye": 0.045, "bars": 0.6, "bar_count": 2.2,
         "bar_width": 0.4, "bar_phase": 0.1, "spots": 0.8, "spot_count": 12.5, "spot_size": 0.24},
        {"back": "c9b58a", "belly": "f7f2e4", "mark": "51402a", "line": "7c4a21", "fin": "e2cf8e", "tail": "e8c44e"},
    ),
    "Krellichthys_arenarius": (  # long and low, blotched, sand coloured
        {"depth": 0.20, "peak": 0.32, "snout": 0.50, "dorsal_start": 0.30, "dorsal_end": 0.90, "dorsal_height": 0.10,
         "dorsal_lean": 0.25, "spines": 0.8, "anal_start": 0.58, "anal_height": 0.08, "pelvic": 0.10,
         "tail_length": 0.20, "tail_height": 0.10, "round": 0.35, "peduncle": 0.055, "eye": 0.03, "spots": 0.7,
         "spot_count": 7.5, "spot_size": 0.36, "ocellus": 0.7, "ocellus_t": 0.88, "ocellus_v": 0.0},
        {"back": "9a8158", "belly": "e6dab9", "mark": "2b2318", "line": "6b4a2a", "fin": "c9b88f", "tail": "b59b6a"},
    ),
    "Dravopterus_rosaceus": (  # stocky, teal, pink fins, scribbled bars
        {"depth": 0.38, "peak": 0.40, "snout": 0.48, "dorsal_height": 0.08, "dorsal_lean": 0.5, "anal_height": 0.08,
         "tail_length": 0.24, "tail_height": 0.18, "fork": 0.2, "peduncle": 0.07, "eye": 0.028, "bars": 0.55,
         "bar_count": 7.0, "bar_width": 0.40, "bar_curve": 0.1, "rear": 0.6, "rear_from": 0.55, "rear_slant": 0.2},
        {"back": "1b9aa0", "belly": "58c7b7", "mark": "d9669a", "line": "f2a65a", "fin": "e0679c", "tail": "2f7fc2"},
    ),
    "Wemblonia_quadrilinea": (  # snapper build, four bright lines, forked
        {"depth": 0.37, "peak": 0.36, "snout": 0.70, "dorsal_start": 0.28, "dorsal_end": 0.88, "dorsal_height": 0.12,
         "dorsal_lean": 0.3, "spines": 1.0, "anal_start": 0.64, "anal_height": 0.09, "tail_length": 0.26,
         "tail_height": 0.18, "fork": 0.4, "eye": 0.036, "stripes": 1.0, "stripe_count": 4.0, "stripe_width": 0.28},
        {"back": "e0b21c", "belly": "f4ecd8", "mark": "2d2a55", "line": "3f8fd6", "fin": "eab92a", "tail": "e7a91c"},
    ),
}  # fmt: skip

_GENUS = ("Brev", "Corm", "Dalv", "Esk", "Fyr", "Gorv", "Halq", "Ixt", "Jorv", "Lunq", "Morv", "Nazk", "Pelq", "Rhav")
_GENUS_END = ("oquina", "astodon", "ichara", "uvelus", "obrama", "ipteron")
_EPITHET = ("umbrifera", "novella", "parvula", "insolita", "serotina", "vagabunda", "lacunaris", "tenebrica")


def _pack(genes: dict[str, float], colours: dict[str, str]) -> npt.NDArray[np.float64]:
    values = dict(zip(GENES, (LOW + HIGH) / 2, strict=True)) | _PLAIN | {"fork": 0.0, "round": 0.0} | genes
    for part, hexadecimal in colours.items():
        for channel, at in zip("rgb", (0, 2, 4), strict=True):
            values[f"{part}_{channel}"] = int(hexadecimal[at : at + 2], 16) / 255
    return np.array([values[gene] for gene in GENES])


def _draw(random: np.random.Generator) -> npt.NDArray[np.float64]:
    """One species by chance: a body plan, one or two patterns, and colours that stand apart from each other."""
    values = dict(zip(GENES, random.uniform(LOW, HIGH), strict=True)) | _PLAIN
    for pattern in random.choice(OPACITIES, size=int(random.integers(1, 3)), replace=False):
        values[str(pattern)] = float(random.uniform(0.8, 1.0))
    values["fork" if random.random() < 0.5 else "round"] = 0.0
    hue, lift = float(random.random()), float(random.uniform(0.35, 0.8))
    palette = {
        "back": (hue, random.uniform(0.3, 0.9), lift),
        "belly": (hue + random.uniform(-0.06, 0.06), random.uniform(0.1, 0.45), min(1.0, lift + 0.3)),
        "mark": (hue + random.uniform(0.3, 0.7), random.uniform(0.4, 0.9), 0.15 if lift > 0.55 else 0.95),
        "line": (hue + random.uniform(0.3, 0.7), random.uniform(0.2, 0.9), 0.95 if lift < 0.6 else 0.25),
        "fin": (hue + random.uniform(-0.1, 0.1), random.uniform(0.4, 0.9), lift),
        "tail": (hue + random.uniform(-0.3, 0.3), random.uniform(0.4, 0.9), min(1.0, lift + 0.15)),
    }
    for part, (h, s, v) in palette.items():
        for channel, value in zip("rgb", colorsys.hsv_to_rgb(h % 1.0, float(s), float(v)), strict=True):
            values[f"{part}_{channel}"] = value
    return np.array([values[gene] for gene in GENES])


def distance(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean absolute difference of the genes, each in units of its range: 0 = identical. Broadcasts."""
    return np.asarray((np.abs(one - other) / (HIGH - LOW)).mean(axis=-1))


def fauna(count: int, drawn: int = 0) -> tuple[tuple[str, ...], Genomes]:
    """Names and genomes of the first `count` species (1..64); none changes when more are asked for.

    With `drawn` = 0 the first twelve come from the catalogue and any others are drawn by chance; with `drawn` > 0 all
    are drawn, by that seed. A drawn species is the one of 24 candidates that is farthest from all before it.
    """
    random = np.random.default_rng([7919, drawn])
    names = list(_CATALOGUE) if drawn == 0 else []
    genomes = [_pack(*look) for look in _CATALOGUE.values()] if drawn == 0 else []
    while len(genomes) < count:
        candidates = np.stack([_draw(random) for _ in range(24)])
        if genomes:
            nearest = np.min([distance(candidates, known) for known in genomes], axis=0)
            genomes.append(candidates[int(np.argmax(nearest))])
        else:
            genomes.append(candidates[0])
        k = len(genomes) - 1 + 17 * drawn
        genus = _GENUS[k % len(_GENUS)] + _GENUS_END[k // len(_GENUS) % len(_GENUS_END)]
        names.append(f"{genus}_{_EPITHET[(k * 3 + k // 8) % len(_EPITHET)]}")
    return tuple(names[:count]), np.stack(genomes[:count])


def blend(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64], at: float) -> npt.NDArray[np.float64]:
    """The genome at the given share of the way from one species to the other: 0 = one, 1 = other."""
    return one + (other - one) * at
