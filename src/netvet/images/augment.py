"""Random changes of a batch of training images, the whole batch at once and exact by seed.

kornia.augmentation does the like, but draws from torch's global generator and knows no settings per class. On 64
images of 64 pixels it took 11 ms of one core for a flip, an affine and two changes of light; this takes 5 ms,
colour included.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from netvet.base.errors import BadInput
from netvet.locale import _
from netvet.recipe import Augment, Transforms

ERASED = (0.02, 0.2)  # share of the image that is blanked; Zhong et al. 2020 go up to 0.4, which hides a whole fish
ERASED_ASPECT = 0.3  # height over width between this and its inverse, as in Zhong et al.
FIELDS = ("flip", "rotate", "scale", "crop", "light", "colour", "erase")
DRAWS = 16  # uniform numbers of an image: always as many, so that one setting does not shift another's draws


def augment(
    images: Tensor, labels: Tensor, settings: Augment, classes: tuple[str, ...], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Randomly changed images, and their targets.

    `images`: (batch, 3, h, w) float, 0..1, before normalisation; they are not changed in place, and their memory
    format is kept. `labels`: (batch,) int64, numbers of `classes`. `generator`: a CPU generator, from which all
    randomness comes. Returns images of the same shape, 0..1, and targets: the labels, or with mixup probabilities
    (batch, classes) float32. Does nothing, and draws nothing, where all settings are off. Raises BadInput where
    `per_class` names no class.
    """
    if not settings.active:
        return images, labels
    strength = _strengths(settings, classes)[labels.cpu()]
    draws = torch.rand(DRAWS, len(images), generator=generator)
    changed = _place(images, strength, draws)
    changed = _light(changed, strength, draws)
    changed = _erase(changed, strength, draws)
    targets = labels
    if settings.mixup:
        changed, targets = _mixup(changed, labels, settings.mixup, len(classes), generator)
    if images.is_contiguous(memory_format=torch.channels_last):
        changed = changed.contiguous(memory_format=torch.channels_last)
    return changed, targets


def _strengths(settings: Augment, classes: tuple[str, ...]) -> Tensor:
    """(classes, fields) float32: each class' settings in the order of FIELDS."""
    unknown = sorted(set(settings.per_class) - set(classes))
    if unknown:
        raise BadInput(
            _("augment.per_class names {name!r}, which is not a class of the data; there are {classes}.").format(
                name=unknown[0], classes=", ".join(classes)
            )
        )
    rows: list[Transforms] = [settings.per_class.get(name, settings) for name in classes]
    return torch.tensor([[float(getattr(row, field)) for field in FIELDS] for row in rows])


def _place(images: Tensor, strength: Tensor, draws: Tensor) -> Tensor:
    """Flip, rotate, scale and shift in one bilinear resampling; what lies beyond the border is mirrored."""
    flip, rotate, scale, crop = strength[:, :4].unbind(1)
    mirrored = (draws[0] < 0.5) & (flip > 0)
    if not strength[:, 1:4].any():
        if not mirrored.any():
            return images
        return torch.where(mirrored.to(images.device)[:, None, None, None], images.flip(-1), images)
    height, width = images.shape[2:]
    angle = (2 * draws[1] - 1) * rotate * (math.pi / 180)
    size = 1 + (2 * draws[2] - 1) * scale
    sign = 1 - 2 * mirrored.to(torch.float32)
    # From places in the result to places in the image, -1..1 across; pixels are square, so the sides' ratio enters.
    a = torch.cos(angle) / size * sign
    b = -torch.sin(angle) / size * (height / width) * sign
    c = torch.sin(angle) / size * (width / height)
    d = torch.cos(angle) / size
    shift_x, shift_y = ((2 * draws[3:5] - 1) * 2 * crop).unbind(0)
    a, b, c, d, shift_x, shift_y = torch.stack([a, b, c, d, shift_x, shift_y]).to(images.device)[..., None, None]
    x = (2 * torch.arange(width, device=images.device) + 1) / width - 1
    y = ((2 * torch.arange(height, device=images.device) + 1) / height - 1)[:, None]
    # x and y as one complex sum, (batch, h, w): F.affine_grid's small matrix products are many times slower on a CPU.
    grid = torch.view_as_real(torch.complex(a * x, c * x) + torch.complex(b * y + shift_x, d * y + shift_y))
    return F.grid_sample(images, grid.to(images.dtype), padding_mode="reflection", align_corners=False)


def _light(images: Tensor, strength: Tensor, draws: Tensor) -> Tensor:
    """Brightness times contrast about the image's mean, times a factor per channel, in one pass; cut to 0..1."""
    light, colour = strength[:, 4], strength[:, 5]
    if not strength[:, 4:6].any():
        return images
    brightness, contrast = (1 + (2 * draws[5:7] - 1) * light).to(images.device).unbind(0)
    channel = (1 + (2 * draws[7:10] - 1) * colour).T.to(images.device)
    mean = images.mean(dim=(1, 2, 3), dtype=torch.float32)
    gain = (brightness * contrast)[:, None] * channel
    lift = (brightness * (1 - contrast) * mean)[:, None] * channel
    gain, lift = gain[:, :, None, None].to(images.dtype), lift[:, :, None, None].to(images.dtype)
    return images.mul(gain).add_(lift).clamp_(0, 1)  # addcmul is slower by half on a CPU


def _erase(images: Tensor, strength: Tensor, draws: Tensor) -> Tensor:
    """Blank a rectangle with the image's mean colour, which normalises to about 0."""
    chosen = draws[10] < strength[:, 6]
    if not chosen.any():
        return images
    height, width = images.shape[2:]
    area = (ERASED[0] + draws[11] * (ERASED[1] - ERASED[0])) * chosen
    aspect = torch.exp((2 * draws[12] - 1) * math.log(1 / ERASED_ASPECT))
    tall = (area * aspect).sqrt().clamp(max=1)
    wide = (area / aspect).sqrt().clamp(max=1)
    top, left = draws[13] * (1 - tall), draws[14] * (1 - wide)
    y = (torch.arange(height) + 0.5) / height
    x = (torch.arange(width) + 0.5) / width
    rows = (y >= top[:, None]) & (y < (top + tall)[:, None])
    columns = (x >= left[:, None]) & (x < (left + wide)[:, None])
    mask = (rows[:, None, :, None] & columns[:, None, None, :]).to(images.device)
    return torch.where(mask, images.mean(dim=(2, 3), keepdim=True), images)


def _mixup(
    images: Tensor, labels: Tensor, alpha: float, classes: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Each image blended with another of the batch (Zhang et al. 2018, https://arxiv.org/abs/1710.09412)."""
    seed = int(torch.randint(2**62, (1,), generator=generator))
    shares = np.random.default_rng(seed).beta(alpha, alpha, len(images))
    share = torch.from_numpy(shares).to(images.device, torch.float32)
    other = torch.randperm(len(images), generator=generator).to(images.device)
    blended = torch.lerp(images[other], images, share[:, None, None, None].to(images.dtype))
    known = F.one_hot(labels, classes).to(torch.float32)
    return blended, torch.lerp(known[other], known, share[:, None])
