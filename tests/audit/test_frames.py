"""Frames, letterboxes and cut-outs: what is flat and touches the border is found, what is a picture is kept."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from netvet.audit.frames import content, framed
from netvet.audit.image_stats import look

SIDE = 128
Mask = NDArray[np.bool_]


def picture(seed: int = 0) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(size=(SIDE, SIDE, 3))
    return np.clip(128 + 500 * gaussian_filter(noise, (4, 4, 0)), 0, 255).astype(np.uint8)


def bars() -> Mask:
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[:20] = mask[-25:] = True
    return mask


def round_cut() -> Mask:
    down, right = np.mgrid[:SIDE, :SIDE]
    return np.asarray((down - 60) ** 2 + (right - 70) ** 2 > 40**2)


def saved(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (110, 114, 120), (20, 90, 200)])
@pytest.mark.parametrize("shape", [bars, round_cut])
@pytest.mark.parametrize("quality", [100, 75, 50])
def test_a_flat_area_at_the_border_is_found(colour: tuple[int, ...], shape: type, quality: int) -> None:
    mask: Mask = shape()
    found = framed(saved(np.where(mask[..., None], np.array(colour, np.uint8), picture()), quality)[None])[0]
    assert (found & mask).sum() >= 0.98 * mask.sum()
    assert (found & ~mask).sum() <= 0.12 * (~mask).sum()


def test_a_picture_and_smooth_water_have_no_frame() -> None:
    water = np.linspace(90, 140, SIDE)[:, None, None] + np.random.default_rng(0).normal(0, 3, (SIDE, SIDE, 3))
    block = np.stack([picture(), water.astype(np.uint8)])
    assert not framed(block).any()
    assert content(block).pixels is block


def test_a_letterbox_within_a_passepartout_is_cut_off_too() -> None:
    pixels = picture()
    pixels[:50] = pixels[-30:] = 0
    pixels[:20] = pixels[-20:] = pixels[:, :20] = pixels[:, -20:] = 255
    found = framed(pixels[None])[0]
    assert found[:50].all()
    assert not found[54:90, 26:100].any()


def test_what_is_cut_is_enlarged_and_what_is_left_of_the_frame_has_the_mean_colour() -> None:
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    pixels[20:84, 30:94] = picture()[:64, :64]
    whole = Image.fromarray(picture()[:64, :64]).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    seen = content(pixels[None])
    assert not seen.frame.any()
    assert np.corrcoef(seen.pixels[0].ravel(), np.asarray(whole).ravel())[0, 1] > 0.9
    hole = np.where(round_cut()[..., None], np.uint8(0), picture())
    filled = content(hole[None])
    (kept,) = filled.pixels[0][~filled.frame[0]].mean(axis=0)[None]
    assert np.abs(filled.pixels[0][filled.frame[0]] - kept).max() <= 1


def test_a_picture_that_is_all_frame_is_like_nothing() -> None:
    assert framed(np.full((1, SIDE, SIDE, 3), 7, np.uint8)).all()
    assert np.ptp(look(np.full((1, SIDE, SIDE, 3), 7, np.uint8)).thumbnails) == 0


def test_white_around_a_picture_is_no_glare_and_black_no_darkness() -> None:
    plain = look(picture()[None])
    for colour in (0, 255):
        seen = look(np.where(round_cut()[..., None], np.uint8(colour), picture())[None])
        assert seen.glare[0] <= plain.glare[0] + 0.01
        assert seen.light[0] == pytest.approx(plain.light[0], abs=0.1)
        assert seen.contrast[0] == pytest.approx(plain.contrast[0], abs=0.05)
