"""A fish's outlines as tables over its length, and where each pixel lies on it.

In a fish's own frame t runs from the nose (0) to the root of the tail (1), v upwards from the body's axis, both in body
lengths. Tables have shape (images, STEPS) over `T`; looking a pixel up is one index.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .chance import Chance, Floats
from .scene import Grid, Window, clip01, over_image

_FIRST, _LAST = -0.30, 1.50
STEPS = 1024
T = np.linspace(_FIRST, _LAST, STEPS, dtype=np.float32)
_CENTRE = np.float32(0.58)


@dataclass(frozen=True)
class Pose:
    """How each fish lies in its image; every field (images,) but bend, a table.

    x, y: its centre, length: of its body, all in image widths. angle: of its axis to the horizontal, radians.
    turned: 1 = it looks left, -1 = right. foreshortening: of its length, as it heads towards or away from the camera.
    bend: how far swimming bends its axis up, in body lengths. softness: width of an edge in pixels.
    """

    x: Floats
    y: Floats
    length: Floats
    angle: Floats
    turned: Floats
    foreshortening: Floats
    bend: Floats
    softness: Floats

    @classmethod
    def of(cls, chance: Chance, difficulty: float) -> Pose:
        """A pose by chance, that drifts a little from frame to frame."""
        reach = 0.02 + 0.14 * difficulty
        swing, beat = chance.fish(0.02, 0.05 + 0.07 * difficulty), chance.frame(0, 6.28)
        return cls(
            x=np.float32(0.5) + chance.fish(-reach, reach) + chance.frame(-0.03, 0.03),
            y=np.float32(0.5) + chance.fish(-reach, reach) + chance.frame(-0.02, 0.02),
            length=chance.fish(0.70 - 0.40 * difficulty, 0.74) * (1 + chance.frame(-0.03, 0.03)),
            angle=chance.fish(-1, 1) ** 3 * np.float32(0.15 + 0.7 * difficulty) + chance.frame(-0.06, 0.06),
            turned=np.where(chance.fish() < 0.5, np.float32(-1), np.float32(1)),
            foreshortening=1 - chance.fish(0, 0.05 + 0.7 * difficulty) ** np.float32(1.5),
            bend=swing[:, None]
            * np.clip(T - 0.1, 0, 2) ** np.float32(1.6)
            * np.sin(beat[:, None] - np.float32(3.5) * T),
            softness=1 + chance.fish(0, 2 * difficulty),
        )

    def locate(self, grid: Grid) -> tuple[Floats, Floats]:
        """Places, t and v, of every pixel before the bend: (images, size, size)."""
        right = (grid.x - over_image(self.x)) * over_image(self.turned / self.length)
        up = (over_image(self.y) - grid.y) * over_image(1 / self.length)
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        t = right * over_image(cosine / self.foreshortening) + (up * over_image(sine / self.foreshortening) + _CENTRE)
        return t, up * over_image(cosine) - right * over_image(sine)

    def window(self, grid: Grid, t: Floats, v: Floats, reach: float) -> Window:
        """A window around a point of each fish: t, v (images,); reach in body lengths of the largest fish."""
        along = (t - _CENTRE) * self.foreshortening
        v = v + self.bend[np.arange(len(t)), np.searchsorted(T, t)]
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        x = self.x + self.length * self.turned * (cosine * along - sine * v)
        return Window.around(grid, x, self.y - self.length * (sine * along + cosine * v), reach * 0.77)


@dataclass(frozen=True)
class Fish:
    """Where each pixel lies on its fish; arrays (images, size, size) unless said otherwise.

    genes: (images,) each. t, v: place. side: -1 belly .. 1 back. edge: distance inwards from the outline, body lengths.
    body: mask of the body without fins. per_pixel: edges' sharpness, 1 / body lengths, (images, 1, 1). at: position in
    tables. back, belly: tables of the body's height above and below its axis.
    """

    genes: dict[str, Floats]
    t: Floats
    v: Floats
    side: Floats
    edge: Floats
    body: Floats
    per_pixel: Floats
    at: npt.NDArray[np.intp]
    back: Floats
    belly: Floats

    @classmethod
    def of(cls, genes: dict[str, Floats], pose: Pose, grid: Grid) -> Fish:
        """The fish with these genes in this pose."""
        t, v = pose.locate(grid)
        at = position(t)
        v -= look_up(pose.bend, at)
        back, belly = _body(genes)
        half = (back + belly) / 2
        slope = 1 / np.sqrt(1 + np.clip(np.gradient(half, T, axis=1), -3, 3) ** 2)
        off, thick = v - look_up((back - belly) / 2, at), look_up(half, at)
        edge = (thick - np.abs(off)) * look_up(slope.astype(np.float32), at)
        per_pixel = over_image(pose.length / (np.float32(grid.pixel) * pose.softness))
        body = clip01(edge * per_pixel + np.float32(0.5))
        off /= np.maximum(thick, np.float32(1e-3))
        return cls(genes, t, v, np.clip(off, -1, 1, out=off), edge, body, per_pixel, at, back, belly)

    def gene(self, name: str) -> Floats:
        """(images, 1, 1)."""
        return over_image(self.genes[name])

    def colour(self, part: str) -> Floats:
        """(3, images, 1, 1)."""
        return np.stack([self.genes[f"{part}_{channel}"] for channel in "rgb"])[..., None, None]

    def mask(self, inside: Floats) -> Floats:
        """The anti-aliased mask of what lies inside by that distance (body lengths); reuses the array."""
        inside *= self.per_pixel
        inside += np.float32(0.5)
        return clip01(inside)


def look_up(table: Floats, at: npt.NDArray[np.intp]) -> Floats:
    """The table's values at positions that `position` gave."""
    return np.take(table.ravel(), at)


def position(t: Floats) -> npt.NDArray[np.intp]:
    """Where t, (images, ...), lies in the tables."""
    step = t * np.float32((STEPS - 1) / (_LAST - _FIRST))
    step -= np.float32(_FIRST * (STEPS - 1) / (_LAST - _FIRST))
    np.maximum(step, 0, out=step)
    np.minimum(step, STEPS - 1, out=step)
    at = step.astype(np.intp)
    at += (np.arange(len(t)) * STEPS)[:, None, None]
    return at


def _body(genes: dict[str, Floats]) -> tuple[Floats, Floats]:
    """Heights of the back above and the belly below the axis; negative beyond nose and tail."""
    peak, above = genes["peak"][:, None], genes["above"][:, None]
    rise = genes["snout"][:, None]
    fall = rise * (1 - peak) / peak
    t = np.clip(T, 1e-6, 1 - 1e-6)
    lens = np.exp(rise * np.log(t / peak) + fall * np.log((1 - t) / (1 - peak))) * genes["depth"][:, None]
    waist = genes["peduncle"][:, None] * np.clip(t * 2.5, 0, 1)
    beyond = np.minimum(T, 0) + np.minimum(1 - T, 0)
    back, belly = (
        np.where(beyond < 0, beyond, np.sqrt((lens * share) ** 2 + waist**2)) for share in (above, 1 - above)
    )
    return back.astype(np.float32), belly.astype(np.float32)


def fin_edge(start: Floats, end: Floats, lean: Floats, height: Floats) -> Floats:
    """A fin's edge: from 0 at its start to its height where it leans to and back; -1 elsewhere. Arguments (images,)."""
    along = (T - start[:, None]) / (end - start)[:, None]
    at = np.clip(along, 1e-6, 1 - 1e-6)
    lean = np.clip(lean, 0.12, 0.88)[:, None]
    power = 0.55 * lean / (1 - lean)
    shape = np.exp(power * np.log(at / lean) + 0.55 * np.log((1 - at) / (1 - lean)))
    fin = np.where(np.abs(along - 0.5) < 0.5, height[:, None] * shape - 0.005, -1)
    return np.asarray(fin, dtype=np.float32)
