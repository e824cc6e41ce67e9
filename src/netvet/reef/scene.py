"""The water around the fish: what lies behind it, in front of it, and between it and the camera.

A canvas has shape (3, images, size, size), float32, 0..1 before the camera clips it; a mask (images, size, size), 0..1.
Everything is evaluated at pixel centres, in units of the image width, so a scene looks alike at every size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .chance import KNOTS, Chance, Floats


@dataclass(frozen=True)
class Grid:
    """Pixel centres, 0..1: x (1, 1, size) to the right, y (1, size, 1) downwards; pixel: the width of one."""

    x: Floats
    y: Floats
    pixel: float

    @classmethod
    def of(cls, size: int) -> Grid:
        """The grid of an image of size x size pixels."""
        centres = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / np.float32(size)
        return cls(centres[None, None, :], centres[None, :, None], 1.0 / size)


def over_image(values: Floats) -> Floats:
    """One value an image -> broadcastable over its pixels."""
    return values[:, None, None]


def clip01(values: Floats) -> Floats:
    """Clips in place to 0..1 and returns the same array."""
    np.maximum(values, 0.0, out=values)
    return np.minimum(values, 1.0, out=values)


def lay(canvas: Floats, mask: Floats, colour: Floats) -> None:
    """Lays the colour, (3, images, 1, 1) or a canvas, over the canvas in place where the mask says."""
    change = colour - canvas
    change *= mask
    canvas += change


@dataclass(frozen=True)
class Window:
    """A square around one point of each image, shifted to lie inside it: what is small is painted there alone.

    at: index arrays that cut (images, side, side) out of (images, size, size). grid: the pixel centres there.
    """

    at: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp]]
    grid: Grid

    @classmethod
    def around(cls, grid: Grid, x: Floats, y: Floats, reach: float) -> Window:
        """x, y: (images,) in image widths, as is the reach, the distance from the point to the square's sides."""
        size = grid.x.shape[-1]
        side = min(2 * int(np.ceil(reach * size)) + 1, size)
        offset = np.arange(side)
        columns, rows = (
            np.clip(np.floor(p * size).astype(np.intp) - side // 2, 0, size - side)[:, None] + offset for p in (x, y)
        )
        here = Grid(grid.x[0, 0][columns][:, None, :], grid.y[0, :, 0][rows][:, :, None], grid.pixel)
        return cls((np.arange(len(x))[:, None, None], rows[:, :, None], columns[:, None, :]), here)

    def cut(self, canvas: Floats) -> Floats:
        """A copy of the canvas there: (3, images, side, side)."""
        return canvas[:, self.at[0], self.at[1], self.at[2]]

    def paste(self, canvas: Floats, part: Floats) -> None:
        """Puts such a part back."""
        canvas[:, self.at[0], self.at[1], self.at[2]] = part


@dataclass(frozen=True)
class Water:
    """Colour of the water near the top and the bottom, (3, images, 1, 1), and the murk's smooth noise, -1..1."""

    top: Floats
    bottom: Floats
    murk: Floats


def water(chance: Chance, grid: Grid, difficulty: float) -> tuple[Water, Floats]:
    """The water of each image and a canvas of its background: gradient, light rays, ridges, sea floor, far fish."""
    green, depth, light = chance.fish(0.0, 0.5 + 0.5 * difficulty), chance.fish(), chance.fish(0.75, 1.1)
    red, blue = 0.22 + 0.16 * green - 0.16 * depth, 0.86 - 0.30 * green - 0.22 * depth
    top = np.stack([red, 0.66 - 0.02 * green - 0.26 * depth, blue])
    bottom = np.stack([0.03 + 0.07 * green, 0.22 + 0.12 * green - 0.08 * depth, 0.42 - 0.20 * green - 0.06 * depth])
    top, bottom = (np.ascontiguousarray((c * light)[:, :, None, None]) for c in (top, bottom))
    murk, patch = (_smooth_noise(chance.murk[:, k], grid) for k in range(2))
    fall = np.sqrt(grid.y)
    canvas = top + (bottom - top) * fall + np.zeros_like(grid.x)
    canvas += np.float32(0.05) * murk
    _rays(canvas, chance, grid)
    _ridge(canvas, chance, grid, bottom * 0.35 + top * 0.45, level=0.62, height=0.10)
    _far_fish(canvas, chance, grid, bottom * 0.6 + top * 0.25)
    _floor(canvas, chance, grid, bottom, patch, difficulty)
    return Water(top, bottom, murk), canvas


def _smooth_noise(knots: Floats, grid: Grid) -> Floats:
    """(images, KNOTS, KNOTS) in 0..1 -> (images, size, size) in -1..1, smoothly between the knots."""
    at = grid.x[0, 0] * np.float32(KNOTS - 1)
    low = np.minimum(at.astype(np.int64), KNOTS - 2)
    part = at - low.astype(np.float32)
    part = part * part * (3 - 2 * part)
    rows = knots[:, low] * (1 - part)[:, None] + knots[:, low + 1] * part[:, None]
    noise: Floats = 2 * (rows[:, :, low] * (1 - part) + rows[:, :, low + 1] * part) - 1
    return noise


def _rays(canvas: Floats, chance: Chance, grid: Grid) -> None:
    """Shafts of light that fan out from a point above the image and fade with depth."""
    source, lift, strength = chance.fish(-0.2, 1.2), chance.fish(0.35, 0.9), chance.fish(0.0, 0.30)
    fan = (grid.x - over_image(source)) / (grid.y + over_image(lift))
    flicker = chance.frame(0.0, 0.8)
    shafts = np.sin(fan * over_image(chance.fish(9, 16)) + over_image(chance.fish(0, 6.28) + flicker))
    shafts *= np.sin(fan * over_image(chance.fish(17, 30)) + over_image(chance.fish(0, 6.28) - flicker))
    np.maximum(shafts, 0.0, out=shafts)
    shafts *= over_image(strength) * (1 - grid.y) ** 1.5
    canvas += shafts


def _hills(chance: Chance, grid: Grid, height: float) -> Floats:
    """A rugged line over x: (images, 1, size), about -height..height."""
    line = np.zeros_like(grid.x)
    for octave, (low, high) in enumerate(((3, 6), (9, 16), (24, 40))):
        share = np.float32(height * 0.55 * 0.45**octave)
        line = line + share * np.sin(grid.x * over_image(chance.fish(low, high)) + over_image(chance.fish(0, 6.28)))
    return line


def _below(canvas: Floats, grid: Grid, level: float) -> tuple[Floats, Grid]:
    """The part of the canvas below a level, as a view, and its grid."""
    top = int(level * canvas.shape[-1])
    return canvas[:, :, top:], Grid(grid.x, grid.y[:, top:], grid.pixel)


def _ridge(canvas: Floats, chance: Chance, grid: Grid, colour: Floats, level: float, height: float) -> None:
    """A far reef, seen as a silhouette in the colour of the water."""
    line = level + over_image(chance.fish(-0.15, 0.45)) + _hills(chance, grid, height)
    lower, grid = _below(canvas, grid, level - 0.15 - height)
    lay(lower, clip01((grid.y - line) * np.float32(25)) * np.float32(0.75), colour)


def _far_fish(canvas: Floats, chance: Chance, grid: Grid, colour: Floats) -> None:
    """Up to three small far fish, seen as silhouettes."""
    for _ in range(3):
        x, y, length = chance.fish(), chance.fish(0.05, 0.7), chance.fish(-0.06, 0.07)
        half = over_image(np.maximum(length, 0.012))
        window = Window.around(grid, x, y, 0.07 * 1.5)
        along = (window.grid.x - over_image(x)) / half
        across = (window.grid.y - over_image(y)) / half
        # a lens, with a small wedge as its tail
        shape = np.maximum(0.34 * (1 - along * along), np.where(along > 0.8, 0.5 * along - 0.35, np.float32(-1)))
        shape = np.where(along > 1.4, np.float32(-1), shape)
        mask = clip01((shape - np.abs(across)) * half / np.float32(grid.pixel) + np.float32(0.5))
        part = window.cut(canvas)
        lay(part, mask * over_image((length > 0.012) * np.float32(0.6)), colour)
        window.paste(canvas, part)


def _floor(canvas: Floats, chance: Chance, grid: Grid, bottom: Floats, patch: Floats, difficulty: float) -> None:
    """Sand with caustics, or rock and coral with patches of colour; below the image for some."""
    level = over_image(chance.fish(0.62, 1.25)) + _hills(chance, grid, 0.06)
    lower, grid = _below(canvas, grid, 0.54)
    patch = patch[:, -grid.y.shape[1] :]
    rocky = over_image(chance.fish() < np.float32(0.3 + 0.4 * difficulty)).astype(np.float32)
    fine = np.sin(grid.x * over_image(chance.fish(30, 60)) + 6 * patch)
    fine *= np.sin(grid.y * over_image(chance.fish(40, 80)) - 5 * patch)
    net = np.sin(grid.x * 14 + 3 * patch + over_image(chance.fish(0, 6.28))) + np.sin(grid.y * 34 + 4 * patch)
    net = 1 - np.abs(net) * np.float32(0.5)
    net *= net
    net *= net
    texture = rocky * (0.45 * patch + 0.25 * fine) + (1 - rocky) * (0.35 * net + 0.05 * fine)
    texture += np.float32(0.75)
    sand = np.array([0.72, 0.68, 0.52], np.float32)[:, None, None, None]
    hue = np.stack([chance.fish(0.20, 0.50), chance.fish(0.18, 0.38), chance.fish(0.18, 0.42)])[:, :, None, None]
    ground = texture * ((rocky * hue + (1 - rocky) * sand) * np.float32(0.7))
    ground += bottom * np.float32(0.3)
    lay(lower, clip01((grid.y - level) * np.float32(30) + np.float32(0.5)), ground)


def foreground(canvas: Floats, chance: Chance, grid: Grid, difficulty: float) -> None:
    """Weed that grows up in front of the fish, in some images."""
    sway = chance.frame(0, 0.6)
    for _ in range(2):
        there = np.flatnonzero(chance.fish() < np.float32(0.55 * difficulty))
        drawn = (chance.fish(), chance.fish(0.05, 0.75), chance.fish(0.012, 0.03 + 0.05 * difficulty))
        root, tip, width, wave, phase = (
            over_image(values[there]) for values in (*drawn, chance.fish(3, 9), chance.fish(0, 6.28) + sway)
        )
        green = np.stack([chance.fish(0.10, 0.35), chance.fish(0.22, 0.40), chance.fish(0.06, 0.2)])[
            :, there, None, None
        ]
        above = np.maximum(grid.y - tip, np.float32(0))
        centre = root + np.float32(0.05) * np.sin(grid.y * wave + phase)
        blade = width * np.sqrt(above) * (np.float32(1.15) + np.float32(0.6) * np.sin(grid.y * 38 + phase))
        offset = grid.x - centre
        mask = clip01((blade - np.abs(offset)) / np.float32(grid.pixel) + np.float32(0.5))
        mask *= above > 0
        part = canvas[:, there]
        lay(part, mask, green * ((np.float32(1.1) + offset / width) * (np.float32(1.2) - np.float32(0.5) * grid.y)))
        canvas[:, there] = part


def turbidity(canvas: Floats, chance: Chance, grid: Grid, sea: Water, difficulty: float) -> None:
    """The water between fish and camera: scattered light, uneven by the murk, and drifting particles."""
    fog = chance.fish(0.02, 0.10 + 0.85 * difficulty)
    veil = over_image(fog) * (1 + np.float32(0.35) * sea.murk)
    lay(canvas, veil, 0.5 * (sea.top + sea.bottom))
    count, side = len(fog), canvas.shape[-1]
    x, y, big, bright = (np.ascontiguousarray(chance.particles[:, :, k]) for k in range(4))
    radius = (0.003 + 0.009 * big * big)[:, :, None, None]
    shown = (np.arange(x.shape[1]) < (0.15 + 0.85 * fog[:, None]) * x.shape[1]).astype(np.float32)
    reach = int(np.ceil(0.024 * side))
    window = np.arange(-reach, reach + 1)
    column = (x * side).astype(np.int64)[:, :, None, None] + window[None, None, None, :]
    row = (y * side).astype(np.int64)[:, :, None, None] + window[None, None, :, None]
    far = ((column + 0.5) / side - x[:, :, None, None]) ** 2 + ((row + 0.5) / side - y[:, :, None, None]) ** 2
    wide = radius * radius + (0.6 * grid.pixel) ** 2
    glow = np.exp(-far / wide) * (radius * radius / wide * (0.10 + 0.35 * bright)[:, :, None, None])
    glow *= shown[:, :, None, None] * ((column >= 0) & (column < side) & (row >= 0) & (row < side))
    image = np.arange(count)[:, None, None, None]
    flat = (image * side + np.clip(row, 0, side - 1)) * side + np.clip(column, 0, side - 1)
    spots = np.bincount(flat.ravel(), weights=glow.ravel(), minlength=count * side * side)
    canvas += spots.astype(np.float32).reshape(count, side, side)


def camera(canvas: Floats, chance: Chance, light: Floats, difficulty: float) -> npt.NDArray[np.uint8]:
    """Red fades with depth, exposure varies, the sensor adds its noise: (images, size, size, 3).

    light: (images,) what is left of the light, 1 = all; it dims before the noise is added.
    """
    red = 1 - chance.fish(0, 0.15 + 0.7 * difficulty)
    blue = chance.fish(1 - 0.3 * difficulty, 1 + 0.1 * difficulty)
    gain = chance.fish(1 - 0.45 * difficulty, 1 + 0.35 * difficulty) * (1 + chance.frame(-0.04, 0.04)) * light
    noise = chance.fish(0.01, 0.02 + 0.08 * difficulty)
    picture = chance.grain.astype(np.float32)
    picture *= noise[:, None, None, None]
    # + 0.5 rounds; the grain's mean is 127.5
    offset = over_image(np.float32(0.5) - noise * np.float32(127.5))
    for channel, tint in enumerate((red, np.ones_like(red), blue)):
        canvas[channel] *= over_image(tint * gain * np.float32(255))
        canvas[channel] += offset
        picture[..., channel] += canvas[channel]
    np.maximum(picture, 0, out=picture)
    np.minimum(picture, 255, out=picture)
    return picture.astype(np.uint8)
