"""Trains a small class-conditional GAN on the training images alone, and draws images from it.

Hinge loss (Lim and Ye 2017, https://arxiv.org/abs/1705.02894). Real and generated images are changed by the same
differentiable augmentation before the discriminator sees them (DiffAugment, Zhao et al. 2020,
https://arxiv.org/abs/2006.10738): light and colour, translation and cutout, which are those of a run
(`netvet.images.augment`), so that a few images cannot be learnt by heart. Images are drawn from an average of the
generator's weights. The random numbers are all drawn on the CPU from one generator, so that the same images, recipe,
machine and number of threads give the same pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from netvet.images.augment import augment
from netvet.images.dataset import ImageSet
from netvet.recipe import NO_AUGMENT
from netvet.training.generate.networks import LATENT, MOST, Discriminator, Generator

BATCH = 32
MOST_OF_A_CLASS = 500  # training images that are looked at: more would take memory, and it has no time for them
RATE, BETAS = 2e-3, (0.0, 0.99)
AVERAGE = 0.98  # of the weights that are drawn from, a step
# Zhao et al. use brightness +-0.5, contrast +-0.5, translation by 1/8 and a cutout of half the side; `erase` here is of
# 2 to 20 % of the image.
DIFFERENTIABLE = NO_AUGMENT.model_copy(update={"crop": 0.125, "light": 0.4, "colour": 0.2, "erase": 1.0})

Images = NDArray[np.uint8]
Tick = Callable[[int], bool]


def generate_images(
    real: Images,
    labels: NDArray[np.int64],
    wanted: Mapping[int, int],
    *,
    steps: int,
    seed: int,
    flip: bool,
    device: torch.device,
    go_on: Tick = lambda _step: True,
) -> dict[int, Images] | None:
    """Train on these images, and draw so many of each class.

    Args:
        real: (n, side, side, 3), at most MOST pixels a side.
        labels: (n,), their classes from 0 on.
        wanted: class -> images of it.
        steps: of the generator and of the discriminator.
        seed: of all that is random.
        flip: whether a fish may be shown left to right, as the run itself shows it.
        device: where to train.
        go_on: asked before every step, with its number, whether to go on.

    Returns class -> (count, side, side, 3) in 0..255; None where it was asked to stop.
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        random = torch.Generator().manual_seed(seed)
        generator = _trained(torch.from_numpy(real), torch.from_numpy(labels), steps, flip, device, random, go_on)
    if generator is None:
        return None
    return {label: _drawn(generator, label, count, real.shape[1], random, device) for label, count in wanted.items()}


def _trained(
    real: Tensor,
    labels: Tensor,
    steps: int,
    flip: bool,
    device: torch.device,
    random: torch.Generator,
    go_on: Tick,
) -> AveragedModel | None:
    """The average of the generator's weights."""
    names = tuple(str(label) for label in range(int(labels.max()) + 1))
    share = (1 / torch.bincount(labels).clamp(min=1).double())[labels]  # every class equally often
    painter, critic = (net(len(names), real.shape[1]).to(device) for net in (Generator, Discriminator))
    average = AveragedModel(painter, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE), use_buffers=True)  # type: ignore[no-untyped-call]
    painting, judging = (torch.optim.Adam(net.parameters(), RATE, BETAS) for net in (painter, critic))
    settings = DIFFERENTIABLE.model_copy(update={"flip": flip})

    def changed(pixels: Tensor, of: Tensor) -> Tensor:
        return augment(pixels, of, settings, names, random)[0]

    for step in range(steps):
        if not go_on(step):
            return None
        rows = torch.multinomial(share, BATCH, replacement=True, generator=random)
        chosen, there = labels[rows], labels[rows].to(device)
        made = painter(torch.randn(BATCH, LATENT, generator=random).to(device), there)[
            ..., : real.shape[1], : real.shape[2]
        ]
        shown = real[rows].to(device).permute(0, 3, 1, 2).float() / 255
        both = torch.cat([changed(shown, chosen), changed(made.detach(), chosen)])
        of_real, of_fake = critic(both, torch.cat([there, there])).chunk(2)
        _descend(judging, F.relu(1 - of_real).mean() + F.relu(1 + of_fake).mean())
        critic.requires_grad_(False)
        _descend(painting, -critic(changed(made, chosen), there).mean())
        critic.requires_grad_(True)
        average.update_parameters(painter)
    return average.eval()


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


@torch.no_grad()
def _drawn(
    generator: AveragedModel, label: int, count: int, side: int, random: torch.Generator, device: torch.device
) -> Images:
    parts: list[Images] = []
    for start in range(0, count, 256):
        latent = torch.randn(min(256, count - start), LATENT, generator=random)
        made = generator(latent.to(device), torch.full((len(latent),), label, device=device))
        parts.append(as_bytes(made[..., :side, :side]))
    return np.concatenate(parts)


def seen(images: ImageSet) -> tuple[NDArray[np.int64], Images]:
    """Rows of the training split that a GAN is trained on, at most MOST_OF_A_CLASS of a class, and their pixels at no
    more than MOST a side: 12 kB an image.
    """
    train = images.indices("train")
    chosen: list[NDArray[np.int64]] = []
    for label in np.unique(images.labels[train]):
        mine = train[images.labels[train] == label]
        chosen.append(mine[np.linspace(0, len(mine) - 1, min(len(mine), MOST_OF_A_CLASS)).astype(np.int64)])
    rows = np.sort(np.concatenate(chosen))
    parts = [as_bytes(resized(images.images[rows[at : at + 64]], MOST)) for at in range(0, len(rows), 64)]
    return rows, np.concatenate(parts)


def resized(images: Images, most: int) -> Tensor:
    """(n, 3, h, w) in 0..1, made smaller where a side has more than `most` pixels."""
    pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255
    if pixels.shape[-1] <= most:
        return pixels
    return F.interpolate(pixels, size=(most, most), mode="bilinear", antialias=True)


def enlarged(images: Images, side: int) -> Images:
    """(n, ...) at another number of pixels a side."""
    if not len(images) or images.shape[1] == side:
        return images
    return as_bytes(F.interpolate(resized(images, MOST), size=(side, side), mode="bicubic").clamp(0, 1))


def as_bytes(pixels: Tensor) -> Images:
    """(n, 3, h, w) in 0..1 to (n, h, w, 3) in 0..255."""
    found: Images = (pixels * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return found
