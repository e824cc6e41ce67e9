"""Paints a chunk of images at once: the water, the fish, what is in front of it, the camera."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .chance import Chance, Floats, Integers, draw
from .fins import paint_fins, paint_pectoral, paint_tail
from .options import Reef
from .outline import Fish, Pose
from .scene import Grid, camera, foreground, over_image, turbidity, water
from .skin import paint_eye, paint_skin
from .species import HIGH, INDEX, LOW, OPACITIES, PARTS

BLUR_WIDTH = 0.06
DARKEST = 0.92
# How far each gene varies between the fish of a species, in its own units at full variation: what makes a pattern
# present or a tail forked does not vary, colours vary less than shapes.
_VARIES = np.array(
    [0.0 if g in (*OPACITIES, "fork", "round") else 0.25 if g[-2:] in ("_r", "_g", "_b") else 0.4 for g in INDEX]
) * (HIGH - LOW)
# Fish pale when they are stressed: their pattern weakens and every colour goes to this olive grey.
_PATTERN = [INDEX[gene] for gene in OPACITIES]
_PALETTE = [INDEX[f"{part}_{channel}"] for part in PARTS for channel in "rgb"]
_DRAB = np.tile([0.44, 0.45, 0.38], len(PARTS))


def render_chunk(
    reef: Reef, genomes: npt.NDArray[np.float64], species: Integers, index: Integers, size: int
) -> npt.NDArray[np.uint8]:
    """Images `index` of their `species` with the given genomes (images, genes): uint8 (images, size, size, 3)."""
    chance = draw(reef, species, index, size)
    grid = Grid.of(size)
    sea, canvas = water(chance, grid, reef.difficulty)
    pose = Pose.of(chance, reef.difficulty)
    fish = Fish.of(_individual(genomes, chance, reef.difficulty), pose, grid)
    paint_tail(canvas, fish)
    paint_fins(canvas, fish)
    bars = np.where(species == 1, np.float32(reef.fine or 0), np.float32(0))
    paint_skin(canvas, fish, over_image(chance.fish(0.25, 0.45)), over_image(bars))
    paint_pectoral(canvas, fish, pose, grid, chance.frame(-0.5, 0.5))
    paint_eye(canvas, fish, pose, grid)
    foreground(canvas, chance, grid, reef.difficulty)
    turbidity(canvas, chance, grid, sea, reef.difficulty)
    victim = (species >= reef.victim) & (species < reef.victim + reef.victims)
    if reef.blur > 0:
        _blur(canvas, victim, BLUR_WIDTH * reef.blur * size)
    light = np.where(victim, np.float32(1 - DARKEST * reef.dark), np.float32(1))
    return camera(canvas, chance, light, reef.difficulty)


def _individual(genomes: npt.NDArray[np.float64], chance: Chance, difficulty: float) -> dict[str, Floats]:
    """The genes of each fish, (images,) each: its species', varied, and faded to drab; the more the harder the reef."""
    varied = genomes + chance.variation * (_VARIES * (0.05 + 0.45 * difficulty))
    fade = np.minimum(1.2 * difficulty * chance.fish()[:, None], 0.95)
    varied[:, _PATTERN] *= 1 - fade
    varied[:, _PALETTE] += fade * (_DRAB - varied[:, _PALETTE])
    return {name: np.ascontiguousarray(varied[:, column], dtype=np.float32) for name, column in INDEX.items()}


def _blur(canvas: Floats, which: npt.NDArray[np.bool_], sigma: float) -> None:
    from scipy.ndimage import gaussian_filter

    for image in np.flatnonzero(which):
        canvas[:, image] = gaussian_filter(canvas[:, image], (0, sigma, sigma), mode="nearest")
