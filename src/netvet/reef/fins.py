"""Tail and fins: bands between tabulated edges, with rays that run through them."""

from __future__ import annotations

import numpy as np

from .chance import Floats
from .outline import Fish, Pose, T, fin_edge, look_up, position
from .scene import Grid, clip01, lay, over_image


def paint_tail(canvas: Floats, fish: Fish) -> None:
    """The tail fin: opens behind its root and ends in a fork, straight or round."""
    g = fish.genes
    along = (T - 0.94) / (g["tail_length"] + 0.06)[:, None]
    root = g["peduncle"][:, None] * 0.6
    opening = np.sqrt(np.clip(along, 0, 1.2)) * (0.6 + 0.4 * np.clip(along, 0, 1.2))
    edge = np.where(along < 0, along, root + (g["tail_height"][:, None] - root) * opening)
    axis = (fish.back - fish.belly)[:, np.searchsorted(T, 0.97)] / 2
    across = np.abs(fish.v - over_image(axis))
    share = np.minimum(across / fish.gene("tail_height"), 1)
    end = fish.gene("fork") - fish.gene("round") * share
    end *= share
    reach = end * fish.gene("tail_length") + (1 + fish.gene("tail_length") * (1 - fish.gene("fork"))) - fish.t
    width = (look_up(edge.astype(np.float32), fish.at) - across) * np.float32(0.8)
    mask = fish.mask(np.minimum(width, reach * np.float32(0.85)))
    rays = np.sin(across / np.maximum(fish.t - np.float32(0.85), 0.04) * 45)
    lay(canvas, mask * np.float32(0.94), fish.colour("tail") * _rays(rays, reach, 14, 0.25))


def _rays(wave: Floats, inwards: Floats, sharp: float, rim: float) -> Floats:
    """Shade of a fin with rays (a wave of -1..1, reused) that darkens towards its rim."""
    wave *= np.float32(0.15)
    wave += np.float32(0.85)
    wave *= np.float32(1 - rim) + clip01(inwards * np.float32(sharp)) * np.float32(rim)
    return wave


def paint_fins(canvas: Floats, fish: Fish) -> None:
    """Dorsal fin on the back; pelvic and anal fin under the belly; drawn before the body, which covers their roots."""
    g = fish.genes
    dorsal = fin_edge(g["dorsal_start"], g["dorsal_end"], g["dorsal_lean"], g["dorsal_height"])
    teeth = (g["spines"] * g["dorsal_height"])[:, None] * np.float32(0.22) * np.abs(np.sin(T * 34))
    dorsal -= teeth * np.clip((g["dorsal_start"] + g["dorsal_end"])[:, None] * 5 + 0.5 - T * 10, 0, 1)
    start = np.full_like(g["pelvic"], 0.3)
    pelvic = fin_edge(start, start + np.float32(0.14), start, g["pelvic"])
    anal = fin_edge(g["anal_start"], np.full_like(start, 0.93), g["dorsal_lean"], g["anal_height"])
    for outline, fin, height in ((fish.back, dorsal, fish.v), (fish.belly, np.maximum(pelvic, anal), -fish.v)):
        above = height - look_up(outline, fish.at)
        swept = fish.t - fish.gene("sweep") * np.maximum(above, 0)
        gap = look_up(fin, position(swept)) - above
        shade = _rays(np.sin(swept * 90), gap, 40, 0.35)
        gap *= np.float32(0.7)
        mask = fish.mask(gap)
        mask *= (above > -0.06) * np.float32(0.92)
        lay(canvas, mask, fish.colour("fin") * shade)


def paint_pectoral(canvas: Floats, fish: Fish, pose: Pose, grid: Grid, flap: Floats) -> None:
    """The fin behind the gill cover: a drop that points backwards and down; flap: its turn, radians, (images,)."""
    root = np.full_like(flap, 0.31)
    height = fish.genes["depth"] * np.float32(-0.12)
    angle = np.float32(-0.55) + flap
    middle = fish.genes["pectoral"] / 2
    window = pose.window(grid, root + middle * np.cos(angle), height + middle * np.sin(angle), 0.13)
    reach, cosine, sine = fish.gene("pectoral"), over_image(np.cos(angle)), over_image(np.sin(angle))
    t, v = fish.t[window.at] - np.float32(0.31), fish.v[window.at] - over_image(height)
    along, across = (t * cosine + v * sine) / reach, (v * cosine - t * sine) / reach
    width = np.float32(0.42) * np.sqrt(clip01(along.copy()) * np.maximum(np.float32(1.15) - along, 0))
    inside = np.where((along > 0) & (along < 1.1), width - np.abs(across), np.float32(-1)) * reach
    wave = np.sin(across / np.maximum(along + np.float32(0.3), np.float32(0.1)) * 28)
    shade = _rays(wave, inside.copy(), 60, 0.4)
    part = window.cut(canvas)
    lay(part, fish.mask(inside) * np.float32(0.75), (np.float32(0.85) * fish.colour("fin") + np.float32(0.2)) * shade)
    window.paste(canvas, part)
