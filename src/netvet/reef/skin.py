"""The skin: countershading, the pattern, the light on a round body, and the eye."""

from __future__ import annotations

import numpy as np

from .chance import Floats
from .outline import Fish, Pose, T
from .scene import Grid, clip01, lay

FINE = 0.5  # by how much the light goes up and down over fine bars


def paint_skin(canvas: Floats, fish: Fish, relief: Floats, fine: Floats) -> None:
    """The body with its pattern, lit from above; relief: depth of the shadows, fine: bars along it, (images, 1, 1)."""
    pale = clip01((np.float32(0.35) - fish.side) * np.float32(0.8))
    pale *= pale * (3 - 2 * pale)
    skin: Floats = pale * (fish.colour("belly") - fish.colour("back"))
    skin += fish.colour("back")
    _pattern(skin, fish)
    skin *= _light(fish, relief)
    if fine.any():
        skin *= 1 + _fine(fish, fine)
    lay(canvas, fish.body, skin)


def _pattern(skin: Floats, fish: Fish) -> None:
    """Rear field, stripes, bars, spots, eyespot and eye mask, each as strong as its gene says."""
    t, v, side, g, turn = fish.t, fish.v, fish.side, fish.gene, np.float32(2 * np.pi)
    mark, line = fish.colour("mark"), fish.colour("line")
    if fish.genes["rear"].any():
        field = t - g("rear_from") + g("rear_slant") * side
        lay(skin, fish.mask(field) * g("rear"), mark)
    if fish.genes["stripes"].any():
        turns = turn * g("stripe_count")
        wave = np.cos(v * (turns / g("depth")) + t * (turns * g("stripe_slant")))
        wave -= np.cos(turn / 2 * g("stripe_width"))
        lay(skin, fish.mask(wave * (g("depth") / turns)) * g("stripes"), line)
    if fish.genes["bars"].any():
        turns = turn * g("bar_count")
        wave = np.cos((t - g("bar_phase") + g("bar_curve") * side * side) * turns)
        wave -= np.cos(turn / 2 * g("bar_width"))
        lay(skin, fish.mask(wave / turns) * g("bars"), mark)
    if fish.genes["spots"].any():
        across = v * (g("spot_count") * np.float32(1.15))
        row = np.floor(across)
        along = t * g("spot_count") + (np.float32(0.5) * row - np.floor(row * np.float32(0.5)))
        cell = np.floor(along)
        size = g("spot_size") * (
            np.float32(0.85) + np.float32(0.3) * np.sin(cell * np.float32(2.4) + row * np.float32(3.7))
        )
        far = np.sqrt((along - cell - np.float32(0.5)) ** 2 + (across - row - np.float32(0.5)) ** 2)
        lay(skin, fish.mask((size - far) / g("spot_count")) * g("spots"), line)
    if fish.genes["ocellus"].any():
        middle = g("ocellus_v") * g("depth") * np.float32(0.35)
        far = np.sqrt((t - g("ocellus_t")) ** 2 + (v - middle) ** 2)
        lay(skin, fish.mask(np.float32(0.085) - far) * g("ocellus"), line)
        lay(skin, fish.mask(np.float32(0.055) - far) * g("ocellus"), mark)
    if fish.genes["mask"].any():
        band = np.abs(t - g("eye_t") - np.float32(0.03) * (1 - side))
        lay(skin, fish.mask(np.float32(0.05) - band) * g("mask"), mark)


def _fine(fish: Fish, bars: Floats) -> Floats:
    """A wave along the body as an edge's softness leaves it: blurred by a Gaussian of half that width."""
    cycles = bars / fish.per_pixel
    strength = np.float32(FINE) * (bars > 0) * np.exp(-2 * (np.float32(np.pi / 2) * cycles) ** 2)
    return np.asarray(strength * np.cos(fish.t * (np.float32(2 * np.pi) * bars)), np.float32)


def _light(fish: Fish, relief: Floats) -> Floats:
    """Roundness, a sheen, scales, the gill cover, the mouth and a thin dark rim: a factor around 1."""
    side, t, v = fish.side, fish.t, fish.v
    square = side * side
    light: Floats = 1 - relief * (square * square + np.float32(0.35) * (1 - side))
    light += np.float32(0.22) * np.maximum(1 - (side - np.float32(0.45)) ** 2 * 14, 0)
    # crossed diagonal waves: sin(a + b) sin(a - b) = (cos 2b - cos 2a) / 2
    scales = np.cos(v * 110) - np.cos(t * 140)
    scales *= (t > 0.28) * np.float32(0.035)
    light += scales
    gill = np.abs(np.sqrt((t - np.float32(0.08)) ** 2 + v * v) - np.float32(0.19))
    shadow = np.maximum(np.float32(0.22) - gill * np.float32(12), 0)
    shadow *= (t > 0.1) & (np.abs(side) < 0.75)
    light -= shadow
    mouth = (np.abs(v + np.float32(0.4) * t + np.float32(0.005)) < 0.010) & (t < 0.055)
    light *= 1 - np.float32(0.5) * mouth
    light *= np.float32(0.72) + np.float32(0.28) * clip01(fish.edge * np.float32(30))
    return light


def paint_eye(canvas: Floats, fish: Fish, pose: Pose, grid: Grid) -> None:
    """Iris, pupil and a spark of light."""
    t, radius = fish.genes["eye_t"], fish.gene("eye")
    v = fish.back[np.arange(len(t)), np.searchsorted(T, t)] * np.float32(0.32)
    window = pose.window(grid, t, v, 0.09)
    along, up = fish.t[window.at] - t[:, None, None], fish.v[window.at] - v[:, None, None]
    far = np.sqrt(along**2 + up**2)
    spark = np.sqrt((along + radius * np.float32(0.3)) ** 2 + (up - radius * np.float32(0.35)) ** 2)
    part = window.cut(canvas)
    iris = fish.mask(radius * np.float32(1.35) - far) * fish.body[window.at]
    lay(part, iris, np.array([0.93, 0.88, 0.70], np.float32)[:, None, None, None])
    lay(part, fish.mask(radius * np.float32(0.85) - far), np.array([0.03, 0.03, 0.05], np.float32)[:, None, None, None])
    lay(part, fish.mask(radius * np.float32(0.28) - spark), np.ones((3, 1, 1, 1), np.float32))
    window.paste(canvas, part)
