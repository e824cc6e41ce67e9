"""Chance: every image has a stream of its own, so none depends on how many are painted or in what order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .options import Reef
from .species import GENES

Floats: TypeAlias = npt.NDArray[Any]
"""Float32: NumPy's stubs lose that in arithmetic, a test holds it instead."""
Integers: TypeAlias = npt.NDArray[np.int64]

FISH_DRAWS = 96
FRAME_DRAWS = 16
PARTICLES = 40
KNOTS = 9


@dataclass
class Chance:
    """The uniform draws (0..1) of a chunk of images; `fish()` and `frame()` read them in turn.

    fish: (images, FISH_DRAWS), equal for all frames of one fish: individual, scene, pose.
    frame: (images, FRAME_DRAWS), another one each frame: tail beat, drift, flicker.
    variation: (images, genes), -1..1, by fish: how the individual differs from its species.
    murk: (images, 2, KNOTS, KNOTS) knots of smooth noise, by fish.
    particles: (images, PARTICLES, 4) x, y, size and brightness of drifting particles, by frame.
    grain: (images, size, size, 3) camera noise, uint8 0..255, by frame.
    """

    fish_draws: Floats
    frame_draws: Floats
    variation: Floats
    murk: Floats
    particles: Floats
    grain: npt.NDArray[np.uint8]
    _fish_read: int = 0
    _frame_read: int = 0

    def fish(self, low: float = 0.0, high: float = 1.0) -> Floats:
        """The fish's next draw, uniform in low..high: shape (images,)."""
        self._fish_read += 1
        return self.fish_draws[:, self._fish_read - 1] * np.float32(high - low) + np.float32(low)

    def frame(self, low: float = 0.0, high: float = 1.0) -> Floats:
        """The frame's next draw, uniform in low..high: shape (images,)."""
        self._frame_read += 1
        return self.frame_draws[:, self._frame_read - 1] * np.float32(high - low) + np.float32(low)


def draw(reef: Reef, species: Integers, index: Integers, size: int) -> Chance:
    """The draws of the images numbered `index` within their `species`; both of shape (images,)."""
    fishes = [_stream(reef.seed, 0, int(s), int(i) // reef.groups) for s, i in zip(species, index, strict=True)]
    frames = [_stream(reef.seed, 1, int(s), int(i)) for s, i in zip(species, index, strict=True)]
    return Chance(
        fish_draws=np.stack([r.random(FISH_DRAWS, dtype=np.float32) for r in fishes]),
        variation=2 * np.stack([r.random(len(GENES), dtype=np.float32) for r in fishes]) - 1,
        murk=np.stack([r.random((2, KNOTS, KNOTS), dtype=np.float32) for r in fishes]),
        frame_draws=np.stack([r.random(FRAME_DRAWS, dtype=np.float32) for r in frames]),
        particles=np.stack([r.random((PARTICLES, 4), dtype=np.float32) for r in frames]),
        grain=np.stack([r.integers(0, 256, (size, size, 3), dtype=np.uint8) for r in frames]),
    )


def _stream(seed: int, kind: int, species: int, index: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, kind << 60 | species << 48 | index]))
