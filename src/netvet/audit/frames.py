"""Frames, letterboxes and cut-outs: what of a picture is a flat area that touches its border, and no picture at all.

A black frame is most of the variance of a thumbnail, and its outline most of the edges: two pictures that share it look
alike whatever they show. So frames are found here, and cut off or filled before pictures are compared or judged.

A frame is looked for in the pixels of the outermost ring: a colour that a tenth of them or more have (within
`TOLERANCE` grey levels in each channel, which the noise of a JPEG keeps to), and from there all that has that colour
and is connected with the border. It counts where it is flat (half of it within `FLAT` levels of its colour: water and
sky are not) and covers `LEAST` of the picture. Its outline, where a resized picture is a mixture of both, and specks of
noise in it belong to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

TOLERANCE, FLAT = 12, 1.5  # grey levels
RING, LEAST, SPECK = 0.1, 0.03, 0.01  # shares of the outermost pixels, of the picture, of the picture
COLOURS, NESTED = 3, 3  # of frames in one picture, side by side and within one another
_BINS = 16

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def framed(block: Pixels) -> Mask:
    """(k, size, size, 3) as (k, size, size): True where a pixel belongs to a frame."""
    found = np.zeros(block.shape[:3], np.bool_)
    for row in np.flatnonzero(_may_be(block)).tolist():
        found[row] = _frame(block[row])
    return found


@dataclass(frozen=True)
class Content:
    """`pixels`: (k, size, size, 3), pictures without their frames: cut to the box that holds the rest, enlarged to the
    old size, and what is left of the frame filled with the picture's mean colour. `frame`: (k, size, size) where that
    was. Pictures without a frame are as they were.
    """

    pixels: Pixels
    frame: Mask


def content(block: Pixels, frame: Mask | None = None) -> Content:
    """Of (k, size, size, 3): what is compared. `frame`: as `framed` finds it, where that was asked already."""
    frame = framed(block) if frame is None else frame.copy()
    rows = np.flatnonzero(frame.any(axis=(1, 2)))
    if not len(rows):
        return Content(block, frame)
    pixels = block.copy()
    for row in rows.tolist():
        pixels[row], frame[row] = _cut(block[row], frame[row])
        pixels[row][frame[row]] = _mean(pixels[row], frame[row])
    return Content(pixels, frame)


def smoothed(luma: NDArray[np.float32], frame: Mask) -> NDArray[np.float32]:
    """(k, size, size) with its frames filled so that no outline is left: by a wide mean of the picture around."""
    rows = np.flatnonzero(frame.any(axis=(1, 2)))
    if not len(rows):
        return luma
    filled, wide = luma.copy(), luma.shape[1] / 16
    for row in rows.tolist():
        kept = (~frame[row]).astype(np.float32)
        if not kept.any():
            continue
        weight = ndimage.gaussian_filter(kept, wide) + np.float32(1e-4)
        middle = float(luma[row][~frame[row]].mean())
        around = (ndimage.gaussian_filter(luma[row] * kept, wide) + np.float32(1e-4) * middle) / weight
        filled[row][frame[row]] = around[frame[row]]
    return filled


def _may_be(block: Pixels) -> Mask:
    """Whether so many neighbours on the ring are so alike that there can be a frame: a quick look."""
    ring = np.concatenate([block[:, 0], block[:, :, -1], block[:, -1], block[:, :, 0]], axis=1).astype(np.int16)
    same = (np.abs(ring - np.roll(ring, 1, axis=1)) <= 2).all(axis=2)
    return np.asarray(same.mean(axis=1) >= RING, np.bool_)


def _frame(picture: Pixels) -> Mask:
    """One frame after the other from the border inwards: a letterbox may lie within a passe-partout."""
    found = np.zeros(picture.shape[:2], np.bool_)
    for _within in range(NESTED):
        more = _outermost(picture, found)
        if not more.any():
            break
        found = _rounded(found | more)
    return found


def _outermost(picture: Pixels, outside: Mask) -> Mask:
    """The flat areas that touch the border, or what is found already."""
    rim = ~outside & ndimage.binary_dilation(outside, border_value=1)
    ring = picture[rim].astype(np.int16)
    found, left, size = np.zeros_like(outside), np.ones(len(ring), np.bool_), outside.size
    for _colour in range(COLOURS):
        if left.sum() < max(1, RING * len(ring)):
            break
        colour = _usual(ring[left])
        away = np.abs(ring - colour).max(axis=1)
        near = away <= TOLERANCE
        if (near & left).sum() >= RING * len(ring) and np.median(away[near]) <= FLAT:
            found |= _connected(picture, colour, rim, outside)
        left &= ~near
    return found if found.sum() >= LEAST * size else np.zeros_like(found)


def _usual(ring: NDArray[np.int16]) -> NDArray[np.int16]:
    """The colour that most of some pixels have: the median of those in the fullest bin, and around it."""
    bins = ring // _BINS
    codes = (bins[:, 0].astype(np.int64) * 256 + bins[:, 1]) * 256 + bins[:, 2]
    names, counts = np.unique(codes, return_counts=True)
    start = np.median(ring[codes == names[counts.argmax()]], axis=0)
    near = (np.abs(ring - start) <= TOLERANCE).all(axis=1)
    return np.asarray(np.median(ring[near], axis=0), np.int16)


def _connected(picture: Pixels, colour: NDArray[np.int16], rim: Mask, outside: Mask) -> Mask:
    """Where a picture has a colour and is connected with its rim; nowhere, where that is not flat."""
    away = np.abs(picture.astype(np.int16) - colour).max(axis=2)
    parts, count = ndimage.label((away <= TOLERANCE) & ~outside)
    touching = np.zeros(count + 1, np.bool_)
    touching[parts[rim]] = True
    touching[0] = False
    found = touching[parts]
    if not found.any() or np.median(away[found]) > FLAT:
        return np.zeros_like(found)
    return np.asarray(found, np.bool_)


def _rounded(found: Mask) -> Mask:
    """A frame with its outline, and without holes that are small beside the picture."""
    wide = max(1, round(len(found) / 64))
    kept = ~ndimage.binary_dilation(found, iterations=wide)
    parts, count = ndimage.label(kept)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    sizes[0] = 0
    return np.asarray(~(sizes >= SPECK * kept.size)[parts], np.bool_)


def _cut(picture: Pixels, frame: Mask) -> tuple[Pixels, Mask]:
    """A picture and its frame, cut to the box that holds the rest and enlarged again."""
    down, right = np.flatnonzero(~frame.all(axis=1)), np.flatnonzero(~frame.all(axis=0))
    if not len(down):
        return picture, frame
    box = int(right[0]), int(down[0]), int(right[-1]) + 1, int(down[-1]) + 1
    size = len(picture)
    if min(box[2] - box[0], box[3] - box[1]) > (1 - LEAST) * size:
        return picture, frame
    enlarged = Image.fromarray(picture).resize((size, size), Image.Resampling.BILINEAR, box=box)
    mask = Image.fromarray(frame.astype(np.uint8) * 255).resize((size, size), Image.Resampling.BILINEAR, box=box)
    return np.asarray(enlarged), np.asarray(mask) > 127


def _mean(picture: Pixels, frame: Mask) -> Pixels:
    kept = picture[~frame]
    return np.asarray(np.rint((kept if len(kept) else picture.reshape(-1, 3)).mean(axis=0)), np.uint8)
