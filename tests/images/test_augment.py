"""Random changes of a batch: exact by seed, each alone as stated, and cheap."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from netvet.base.errors import BadInput
from netvet.images.augment import augment
from netvet.recipe import NO_AUGMENT, Augment, Transforms

CLASSES = ("cod", "eel", "ray")
OFF = NO_AUGMENT.model_dump(exclude={"mixup", "per_class", "generated"})


def only(**fields: object) -> Augment:
    return Augment.model_validate({**OFF, **fields})


def fish(count: int = 64, height: int = 32, width: int = 32) -> tuple[Tensor, Tensor]:
    """Smooth images, no two alike: (count, 3, height, width), 0.2..0.8, channels_last; and labels."""
    coarse = torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(5)) * 0.6 + 0.2
    images = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=True)
    return images.contiguous(memory_format=torch.channels_last), torch.arange(count) % 3


def run(settings: Augment, images: Tensor, labels: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
    return augment(images, labels, settings, CLASSES, torch.Generator().manual_seed(seed))


def test_nothing_is_done_or_drawn_when_all_is_off() -> None:
    images, labels = fish()
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    changed, targets = augment(images, labels, NO_AUGMENT, CLASSES, generator)
    assert changed is images
    assert targets is labels
    assert torch.equal(generator.get_state(), before)


@settings(max_examples=40, deadline=None)
@given(
    st.builds(
        Augment,
        flip=st.booleans(),
        rotate=st.floats(0, 180),
        scale=st.floats(0, 0.99),
        crop=st.floats(0, 0.99),
        light=st.floats(0, 0.99),
        colour=st.floats(0, 0.99),
        erase=st.floats(0, 1),
        mixup=st.sampled_from([0.0, 0.2, 1.0]),
        per_class=st.sampled_from([{}, {"eel": Transforms(rotate=90, erase=1)}]),
    ),
    st.integers(0, 2**32),
    st.booleans(),
)
def test_any_setting_is_exact_by_seed_and_stays_an_image(setting: Augment, seed: int, channels_last: bool) -> None:
    images, labels = fish(6, 9, 12)
    images = images if channels_last else images.contiguous()
    original, state = images.clone(), torch.get_rng_state()
    changed, targets = run(setting, images, labels, seed)
    again, targets_again = run(setting, images, labels, seed)
    assert torch.equal(changed, again)
    assert torch.equal(targets, targets_again)
    assert torch.equal(images, original)
    assert torch.equal(torch.get_rng_state(), state)
    assert changed.shape == images.shape
    assert changed.dtype == torch.float32
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert changed.is_contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
    if setting.mixup:
        torch.testing.assert_close(targets.sum(1), torch.ones(6))
    else:
        assert targets is labels


@pytest.mark.parametrize("rotate", [0.0, 1e-4])
def test_flip_mirrors_half_of_the_images(rotate: float) -> None:
    images, labels = fish(200)
    changed, _ = run(only(flip=True, rotate=rotate), images, labels)
    same = (changed - images).abs().amax((1, 2, 3)) < 1e-3
    mirrored = (changed - images.flip(-1)).abs().amax((1, 2, 3)) < 1e-3
    assert (same ^ mirrored).all()
    assert 70 < mirrored.sum() < 130


def centroid(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean column and row of the brightness above the darkest, pixels."""
    weight = images.mean(1)
    weight = weight / weight.sum((1, 2), keepdim=True)
    rows = (weight.sum(2) * torch.arange(images.shape[2])).sum(1)
    columns = (weight.sum(1) * torch.arange(images.shape[3])).sum(1)
    return columns, rows


def spot(x: int, y: int, height: int, width: int, count: int = 300) -> Tensor:
    images = torch.zeros(count, 3, height, width)
    images[:, :, y - 1 : y + 2, x - 1 : x + 2] = 1
    return images


def test_rotation_keeps_angles_and_lengths_on_an_image_that_is_not_square() -> None:
    images = spot(30, 20, 41, 81)  # 10 pixels left of the middle (40, 20)
    changed, _ = run(only(rotate=40.0), images, torch.zeros(300, dtype=torch.int64))
    columns, rows = centroid(changed)
    radius = torch.hypot(columns - 40, rows - 20)
    angle = torch.atan2(rows - 20, 40 - columns).rad2deg()
    assert (radius - 10).abs().max() < 0.2
    assert angle.abs().max() < 41
    assert angle.min() < -35
    assert angle.max() > 35


def test_scale_changes_distances_by_so_much() -> None:
    images = spot(30, 20, 41, 81)
    changed, _ = run(only(scale=0.3), images, torch.zeros(300, dtype=torch.int64))
    columns, rows = centroid(changed)
    factor = (40 - columns) / 10
    assert (rows - 20).abs().max() < 0.1
    assert 0.68 < factor.min() < 0.75
    assert 1.25 < factor.max() < 1.32
    mass = changed.sum((1, 2, 3)) / images.sum((1, 2, 3))
    torch.testing.assert_close(mass, factor**2, rtol=0.15, atol=0.05)


def test_crop_shifts_by_so_much_of_the_side() -> None:
    images = spot(40, 20, 41, 81)
    changed, _ = run(only(crop=0.2), images, torch.zeros(300, dtype=torch.int64))
    columns, rows = centroid(changed)
    assert 14 < (columns - 40).abs().max() < 0.2 * 81 + 0.1
    assert 7 < (rows - 20).abs().max() < 0.2 * 41 + 0.1
    assert abs(float(columns.mean()) - 40) < 2


def test_what_lies_beyond_the_border_is_mirrored() -> None:
    images, labels = torch.full((20, 3, 16, 16), 0.7), torch.zeros(20, dtype=torch.int64)
    changed, _ = run(only(crop=0.5, rotate=90.0), images, labels)
    torch.testing.assert_close(changed, images)


def test_light_is_a_straight_line_per_image() -> None:
    images, labels = fish(200)
    changed, _ = run(only(light=0.2), images, labels)
    mean = images.mean((1, 2, 3))
    brightness = changed.mean((1, 2, 3)) / mean
    gain = changed.std((1, 2, 3)) / images.std((1, 2, 3))
    contrast = gain / brightness
    for found in (brightness, contrast):
        assert 0.79 < found.min() < 0.83
        assert 1.17 < found.max() < 1.21
    line = brightness[:, None, None, None] * (
        (images - mean[:, None, None, None]) * contrast[:, None, None, None] + mean[:, None, None, None]
    )
    torch.testing.assert_close(changed, line.clamp(0, 1), atol=1e-3, rtol=1e-3)


def test_colour_scales_each_channel() -> None:
    images, labels = fish(200)
    changed, _ = run(only(colour=0.1), images, labels)
    factor = (changed / images).flatten(2)
    assert (factor.amax(2) - factor.amin(2)).max() < 1e-4
    assert 0.899 < factor.min() < 0.91
    assert 1.09 < factor.max() < 1.101
    assert (factor[:, 0, 0] - factor[:, 1, 0]).abs().max() > 0.1


def test_erase_blanks_one_rectangle() -> None:
    images, labels = fish(300)
    changed, _ = run(only(erase=0.5), images, labels)
    different = (changed != images).any(1)
    blanked = different.flatten(1).any(1)
    assert 110 < blanked.sum() < 190
    share = different.flatten(1).float().mean(1)[blanked]
    assert 0.005 < share.min() < 0.05
    assert 0.17 < share.max() < 0.23
    for image, mask, before in zip(changed[blanked][:20], different[blanked][:20], images[blanked][:20], strict=True):
        rows, columns = mask.any(1), mask.any(0)
        assert mask.float().sum() >= 0.9 * rows.sum() * columns.sum()  # a pixel that was the mean colour looks the same
        torch.testing.assert_close(image[:, mask], before.mean((1, 2))[:, None].expand(-1, int(mask.sum())))


def test_mixup_blends_images_as_their_targets_say() -> None:
    images = torch.stack([torch.full((3, 8, 8), value) for value in (0.0, 0.5, 1.0)]).repeat(100, 1, 1, 1)
    labels = torch.arange(3).repeat(100)
    changed, targets = run(only(mixup=1.0), images, labels)
    assert targets.shape == (300, 3)
    expected = targets @ torch.tensor([0.0, 0.5, 1.0])
    torch.testing.assert_close(changed.mean((1, 2, 3)), expected)
    own = targets[torch.arange(300), labels]
    share = own[own < 1]  # of images that met another class: uniform for alpha 1
    assert abs(share.mean().item() - 0.5) < 0.06
    assert abs(share.std().item() - 1 / math.sqrt(12)) < 0.04


def test_a_class_has_its_own_settings() -> None:
    images, labels = fish(60)
    settings = Augment.model_validate({**OFF, "light": 0.3, "per_class": {"eel": {**OFF, "rotate": 20}}})
    changed, _ = run(settings, images, labels)
    everyone, _ = run(only(light=0.3), images, labels)
    turned, _ = run(only(rotate=20), images, labels)
    eel = labels == 1
    torch.testing.assert_close(changed[~eel], everyone[~eel], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(changed[eel], turned[eel], atol=1e-4, rtol=1e-4)


def test_a_class_that_is_not_there_is_named() -> None:
    images, labels = fish(3)
    with pytest.raises(BadInput, match=r"augment.per_class names 'shark'.*cod, eel, ray"):
        run(only(per_class={"shark": OFF}), images, labels)


def test_one_setting_does_not_shift_the_draws_of_another() -> None:
    images, labels = fish(20)
    turned, _ = run(only(rotate=20), images, labels)
    both, _ = run(only(rotate=20, erase=0.5), images, labels)
    untouched = (turned == both).flatten(1).all(1)
    assert 0 < untouched.sum() < 20


def test_it_matches_affine_grid() -> None:
    """The grid is summed by hand for speed; torch's own functions make the same of the same matrix."""
    images = fish(1, 20, 30)[0]
    changed, _ = run(only(rotate=30), images, torch.zeros(1, dtype=torch.int64))
    angle = (2 * torch.rand(16, 1, generator=torch.Generator().manual_seed(0))[1] - 1).item() * math.radians(30)
    cos, sin = math.cos(angle), math.sin(angle)
    theta = torch.tensor([[[cos, -sin * 20 / 30, 0], [sin * 30 / 20, cos, 0]]])
    grid = F.affine_grid(theta, [1, 3, 20, 30], align_corners=False)
    expected = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    torch.testing.assert_close(changed, expected, atol=1e-5, rtol=1e-5)
